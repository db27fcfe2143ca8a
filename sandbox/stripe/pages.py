"""The pages that Stripe hosts: checkout, 3-D Secure, portal, invoice; and our own dashboard."""

from datetime import UTC, datetime

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from sandbox.stripe import (
    card_form,
    catalog,
    checkout_payment,
    invoices,
    payment_methods,
    payments,
    subscriptions,
)
from sandbox.stripe.amounts import display
from sandbox.stripe.errors import ApiError, Object
from sandbox.stripe.subscriptions import LIVE
from sandbox.stripe.world import World

SUBMIT_LABELS = {"donate": "Donate", "subscribe": "Subscribe", "book": "Book", "pay": "Pay"}
RECENT = 25


def hosted_pages(world: World) -> Blueprint:
    pages = Blueprint("pages", __name__, template_folder="templates")

    @pages.app_template_filter("money")
    def money(amount: int, currency: str) -> str:
        return display(amount, currency)

    @pages.app_template_filter("day")
    def day(timestamp: int) -> str:
        return f"{datetime.fromtimestamp(timestamp, UTC):%d %B %Y}"

    @pages.app_template_filter("moment")
    def moment(timestamp: int) -> str:
        return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S}"

    @pages.app_context_processor
    def merchant() -> Object:
        return {"merchant": world.merchant, "now": world.now()}

    @pages.before_request
    def enter() -> None:
        world.lock.acquire()
        world.run_due()

    @pages.teardown_request
    def leave(error: BaseException | None) -> None:
        if request.method == "POST":
            world.save()
        world.lock.release()

    _add_checkout(pages, world)
    _add_challenge(pages, world)
    _add_invoice(pages, world)
    _add_portal(pages, world)
    _add_dashboard(pages, world)
    return pages


def _not_found() -> ResponseReturnValue:
    return render_template("stripe/closed.html", title="Nothing is here",
                           text="This link leads nowhere. Please check it."), 404  # fmt: skip


def _find(world: World, kind: str, object_id: str) -> Object | None:
    found = world.objects.get(object_id)
    return found if found and found["object"] == kind else None


# Checkout


def _add_checkout(pages: Blueprint, world: World) -> None:
    @pages.get("/c/pay/<session_id>")
    def checkout_page(session_id: str) -> ResponseReturnValue:
        session = _find(world, "checkout.session", session_id)
        if session is None:
            return _not_found()
        if session["status"] != "open":
            return _closed_session(session)
        error = world.attempts[session_id]["error"]
        return _checkout_form(world, session, {"card": error} if error else {}, {})

    @pages.post("/c/pay/<session_id>")
    def checkout_submit(session_id: str) -> ResponseReturnValue:
        session = _find(world, "checkout.session", session_id)
        if session is None:
            return _not_found()
        if session["status"] != "open":
            return _closed_session(session)
        form = {**request.form.to_dict(), **_locked_email(session)}
        found = card_form.problems(form, world.now(), asks_email=True)
        if found:
            return _checkout_form(world, session, found, form), 422
        return _pay_session(world, session, form)


def _pay_session(world: World, session: Object, form: dict[str, str]) -> ResponseReturnValue:
    email = form["email"].strip()
    try:
        method = card_form.card(world, form, email)
        intent = checkout_payment.submit(
            world, session, method, email, form.get("billingName", "").strip()
        )
    except ApiError as error:
        message = {"card": error.body["error"]["message"]}
        return _checkout_form(world, session, message, form), error.status
    if intent and intent["status"] == "requires_action":
        return redirect(f"/3ds/{intent['id']}", 303)
    if session["status"] == "complete":
        return redirect(checkout_payment.success_url(session), 303)
    message = {"card": world.attempts[session["id"]]["error"]}
    return _checkout_form(world, session, message, form), 402


def _locked_email(session: Object) -> dict[str, str]:
    """The email of a known customer, or the one given with the session, cannot be changed."""
    email = (session["customer_details"] or {}).get("email")
    return {"email": email} if email else {}


def _checkout_form(
    world: World, session: Object, problems: dict[str, str], form: dict[str, str]
) -> str:
    lines = world.line_items.get(session["id"], [])
    label = SUBMIT_LABELS.get(
        session["submit_type"] or "",
        {"subscription": "Subscribe", "setup": "Save card"}.get(session["mode"], "Pay"),
    )
    return render_template(
        "stripe/checkout.html",
        session=session,
        lines=lines,
        per=catalog.per(lines[0]["price"]) if lines else "",
        label=label,
        problems=problems,
        form={**form, **_locked_email(session)},
        email_is_locked=bool(_locked_email(session)),
    )


def _closed_session(session: Object) -> ResponseReturnValue:
    if session["status"] == "complete":
        return render_template(
            "stripe/closed.html",
            title="You’re all done here",
            text="This checkout has already been completed.",
            link=checkout_payment.success_url(session),
        )
    return render_template(
        "stripe/closed.html",
        title="This link has expired",
        text="The checkout was open too long. Please start again from the site you came from.",
        link=session["cancel_url"],
    ), 410  # fmt: skip


# 3-D Secure


def _add_challenge(pages: Blueprint, world: World) -> None:
    @pages.get("/3ds/<intent_id>")
    def challenge_page(intent_id: str) -> ResponseReturnValue:
        intent = world.objects.get(intent_id)
        if intent is None or intent.get("status") != "requires_action":
            return _not_found()
        return render_template("stripe/challenge.html", intent=intent)

    @pages.post("/3ds/<intent_id>")
    def challenge_answer(intent_id: str) -> ResponseReturnValue:
        intent = world.objects.get(intent_id)
        if intent is None or intent.get("status") != "requires_action":
            return _not_found()
        passed = request.form.get("outcome") == "complete"
        if intent["object"] == "setup_intent":
            return _answer_setup_challenge(world, intent, passed)
        if passed:
            method = world.objects[intent["payment_method"]]
            payments.confirm(world, intent, method, passed=True)
        else:
            payments.fail_challenge(world, intent)
        return redirect(_after_challenge(world, intent), 303)


def _answer_setup_challenge(world: World, intent: Object, passed: bool) -> ResponseReturnValue:
    session = _session_of(world, intent)
    if passed:
        method = world.objects[intent["payment_method"]]
        payment_methods.confirm_setup(world, intent, method, passed=True)
        if session:
            checkout_payment.complete(world, session)
    else:
        intent["status"], intent["next_action"] = "requires_payment_method", None
    return redirect(_after_challenge(world, intent), 303)


def _session_of(world: World, intent: Object) -> Object | None:
    for session_id, attempt in world.attempts.items():
        if attempt["intent"] == intent["id"]:
            session: Object = world.objects[session_id]
            return session
    return None


def _after_challenge(world: World, intent: Object) -> str:
    session = _session_of(world, intent)
    if session and session["status"] == "complete":
        return checkout_payment.success_url(session)
    if session and session["status"] == "open":
        return f"/c/pay/{session['id']}"
    for payment in world.all("invoice_payment"):
        if payment["payment"]["payment_intent"] == intent["id"]:
            return f"/i/{payment['invoice']}"
    return "/"


# Invoices


def _add_invoice(pages: Blueprint, world: World) -> None:
    @pages.get("/i/<invoice_id>")
    def invoice_page(invoice_id: str) -> ResponseReturnValue:
        invoice = _find(world, "invoice", invoice_id)
        if invoice is None:
            return _not_found()
        return _invoice_form(world, invoice, {}, {})

    @pages.post("/i/<invoice_id>")
    def pay_invoice(invoice_id: str) -> ResponseReturnValue:
        invoice = _find(world, "invoice", invoice_id)
        if invoice is None or invoice["status"] != "open":
            return _not_found()
        form = request.form.to_dict()
        found = card_form.problems(form, world.now())
        if found:
            return _invoice_form(world, invoice, found, form), 422
        try:
            method = card_form.card(world, form, invoice["customer_email"])
        except ApiError as error:
            message = {"card": error.body["error"]["message"]}
            return _invoice_form(world, invoice, message, form), error.status
        invoices.pay(world, invoice, method)
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


# Portal


def _add_portal(pages: Blueprint, world: World) -> None:
    @pages.get("/p/session/<session_id>")
    def portal_page(session_id: str) -> ResponseReturnValue:
        session = _find(world, "billing_portal.session", session_id)
        return _not_found() if session is None else _portal(world, session, {}, {})

    @pages.post("/p/session/<session_id>/card")
    def portal_card(session_id: str) -> ResponseReturnValue:
        session = _find(world, "billing_portal.session", session_id)
        if session is None:
            return _not_found()
        form = request.form.to_dict()
        found = card_form.problems(form, world.now())
        if found:
            return _portal(world, session, found, form), 422
        customer = world.objects[session["customer"]]
        try:
            method = card_form.card(world, form, customer["email"])
            subscriptions.use_card_everywhere(world, customer, method)
        except ApiError as error:
            message = {"card": error.body["error"]["message"]}
            return _portal(world, session, message, form), error.status
        return redirect(_after_portal(session), 303)

    @pages.post("/p/session/<session_id>/subscriptions/<subscription_id>")
    def portal_subscription(session_id: str, subscription_id: str) -> ResponseReturnValue:
        session = _find(world, "billing_portal.session", session_id)
        subscription = _find(world, "subscription", subscription_id)
        if session is None or subscription is None or subscription["status"] not in LIVE:
            return _not_found()
        if subscription["customer"] != session["customer"]:
            return _not_found()
        subscriptions.plan_cancellation(world, subscription, request.form.get("wish") == "cancel")
        return redirect(_after_portal(session), 303)


def _after_portal(session: Object) -> str:
    completion = (session["flow"] or {}).get("after_completion") or {}
    if completion.get("redirect"):
        return str(completion["redirect"]["return_url"])
    return f"/p/session/{session['id']}"


def _portal(world: World, session: Object, problems: dict[str, str], form: dict[str, str]) -> str:
    customer = session["customer"]
    own = [s for s in world.all("subscription") if s["customer"] == customer]
    default = world.objects[customer]["invoice_settings"]["default_payment_method"]
    live = [s for s in own if s["status"] in LIVE]
    cards = [s["default_payment_method"] for s in live] + [default]
    card = next((world.objects[c]["card"] for c in cards if c), None)
    return render_template(
        "stripe/portal.html",
        session=session,
        flow=(session["flow"] or {}).get("type"),
        customer=world.objects[customer],
        subscriptions=[
            (s, subscriptions.period_end(s), subscriptions.describe(world, s)) for s in live
        ],
        card=card,
        invoices=[i for i in reversed(world.all("invoice")) if i["customer"] == customer],
        problems=problems,
        form=form,
    )


# Our own


def _add_dashboard(pages: Blueprint, world: World) -> None:
    @pages.get("/")
    def dashboard() -> ResponseReturnValue:
        return render_template(
            "stripe/dashboard.html",
            customers=world.all("customer")[::-1][:RECENT],
            subscriptions=[
                (s, subscriptions.period_end(s)) for s in world.all("subscription")[::-1][:RECENT]
            ],
            events=world.all("event")[::-1][:RECENT],
        )

    @pages.post("/clock")
    def move_clock() -> ResponseReturnValue:
        world.advance(int(request.form["days"]) * 86_400)
        return redirect("/", 303)

    @pages.get("/receipts/<charge_id>")
    def receipt(charge_id: str) -> ResponseReturnValue:
        charge = _find(world, "charge", charge_id)
        if charge is None:
            return _not_found()
        paid = display(charge["amount"], charge["currency"])
        return render_template(
            "stripe/closed.html", title=f"Receipt from {world.merchant}", text=f"Paid: {paid}"
        )
