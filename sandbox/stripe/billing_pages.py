"""The hosted invoice and the customer portal."""

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from sandbox.stripe import card_form, collection, invoices, subscriptions
from sandbox.stripe.customers import set_default_card
from sandbox.stripe.errors import ApiError, Object, missing
from sandbox.stripe.payment_methods import attach
from sandbox.stripe.subscriptions import LIVE
from sandbox.stripe.world import World


def add_invoice(pages: Blueprint, world: World) -> None:
    @pages.get("/i/<invoice_id>")
    def invoice_page(invoice_id: str) -> ResponseReturnValue:
        invoice = world.get("invoice", invoice_id)
        return _invoice_form(world, invoice, {}, {})

    @pages.post("/i/<invoice_id>")
    def pay_invoice(invoice_id: str) -> ResponseReturnValue:
        invoice = world.get("invoice", invoice_id)
        if invoice["status"] != "open":
            raise missing("open invoice", invoice_id)
        form = request.form.to_dict()
        found = card_form.problems(form, world.now())
        if found:
            return _invoice_form(world, invoice, found, form), 422
        try:
            method = card_form.card(world, form, invoice["customer_email"])
        except ApiError as error:
            message = {"card": error.body["error"]["message"]}
            return _invoice_form(world, invoice, message, form), error.status
        collection.pay(world, invoice, method)
        intent = invoices.intent_of(world, invoice)
        if intent["status"] == "requires_action":
            return redirect(f"/3ds/{intent['id']}", 303)
        if intent["status"] == "succeeded":
            return redirect(f"/i/{invoice_id}", 303)
        message = {"card": intent["last_payment_error"]["message"]}
        return _invoice_form(world, invoice, message, form), 402


def _invoice_form(
    world: World, invoice: Object, problems: dict[str, str], form: dict[str, str]
) -> str:
    return render_template("stripe/invoice.html", invoice=invoice, problems=problems, form=form)


def add_portal(pages: Blueprint, world: World) -> None:
    @pages.get("/p/session/<session_id>")
    def portal_page(session_id: str) -> ResponseReturnValue:
        session = world.get("billing_portal.session", session_id)
        return _portal(world, session, {}, {})

    @pages.post("/p/session/<session_id>/card")
    def portal_card(session_id: str) -> ResponseReturnValue:
        session = world.get("billing_portal.session", session_id)
        form = request.form.to_dict()
        found = card_form.problems(form, world.now())
        if found:
            return _portal(world, session, found, form), 422
        customer = world.objects[session["customer"]]
        try:
            method = card_form.card(world, form, customer["email"])
            attach(world, method, customer["id"])
        except ApiError as error:
            message = {"card": error.body["error"]["message"]}
            return _portal(world, session, message, form), error.status
        # A subscription with a card of its own keeps it, as with Stripe.
        with world.changing(customer, "customer.updated"):
            set_default_card(world, customer, method["id"])
        return redirect(_after_portal(session), 303)

    @pages.post("/p/session/<session_id>/subscriptions/<subscription_id>")
    def portal_subscription(session_id: str, subscription_id: str) -> ResponseReturnValue:
        session = world.get("billing_portal.session", session_id)
        subscription = world.get("subscription", subscription_id)
        is_own = subscription["customer"] == session["customer"]
        may_cancel = _features(world, session)["subscription_cancel"]["enabled"]
        if subscription["status"] not in LIVE or not is_own or not may_cancel:
            raise missing("subscription", subscription_id)
        subscriptions.plan_cancellation(world, subscription, request.form.get("wish") == "cancel")
        return redirect(_after_portal(session), 303)


def _after_portal(session: Object) -> str:
    completion = (session["flow"] or {}).get("after_completion") or {}
    if completion.get("redirect"):
        return str(completion["redirect"]["return_url"])
    return f"/p/session/{session['id']}"


def _features(world: World, session: Object) -> Object:
    """What the session's configuration lets a customer do."""
    features: Object = world.objects[session["configuration"]]["features"]
    return features


def _portal(world: World, session: Object, problems: dict[str, str], form: dict[str, str]) -> str:
    customer = session["customer"]
    own = [s for s in world.all("subscription") if s["customer"] == customer]
    default = world.objects[customer]["invoice_settings"]["default_payment_method"]
    live = [s for s in own if s["status"] in LIVE]
    cards = [default] + [s["default_payment_method"] for s in live]
    card = next((world.objects[c]["card"] for c in cards if c), None)
    return render_template(
        "stripe/portal.html",
        session=session,
        flow=(session["flow"] or {}).get("type"),
        features=_features(world, session),
        customer=world.objects[customer],
        subscriptions=[
            (s, subscriptions.period_end(s), subscriptions.describe(world, s)) for s in live
        ],
        card=card,
        invoices=[i for i in reversed(world.all("invoice")) if i["customer"] == customer],
        problems=problems,
        form=form,
    )
