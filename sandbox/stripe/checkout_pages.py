"""The hosted checkout and the bank's 3-D Secure page."""

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from sandbox.stripe import card_form, catalog, checkout_payment, payment_methods, payments
from sandbox.stripe.errors import ApiError, Object, missing
from sandbox.stripe.world import World

SUBMIT_LABELS = {"donate": "Donate", "subscribe": "Subscribe", "book": "Book", "pay": "Pay"}


def add_checkout(pages: Blueprint, world: World) -> None:
    @pages.get("/c/pay/<session_id>")
    def checkout_page(session_id: str) -> ResponseReturnValue:
        session = world.get("checkout.session", session_id)
        if session["status"] != "open":
            return _closed_session(session)
        error = world.attempts[session_id]["error"]
        return _checkout_form(world, session, {"card": error} if error else {}, {})

    @pages.post("/c/pay/<session_id>")
    def checkout_submit(session_id: str) -> ResponseReturnValue:
        session = world.get("checkout.session", session_id)
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
            world,
            session,
            method,
            email,
            form.get("billingName", "").strip(),
            form.get("billingCountry", "").strip().upper(),
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


def add_challenge(pages: Blueprint, world: World) -> None:
    @pages.get("/3ds/<intent_id>")
    def challenge_page(intent_id: str) -> ResponseReturnValue:
        intent = _waiting_intent(world, intent_id)
        return render_template("stripe/challenge.html", intent=intent)

    @pages.post("/3ds/<intent_id>")
    def challenge_answer(intent_id: str) -> ResponseReturnValue:
        intent = _waiting_intent(world, intent_id)
        passed = request.form.get("outcome") == "complete"
        if intent["object"] == "setup_intent":
            return _answer_setup_challenge(world, intent, passed)
        if passed:
            method = world.objects[intent["payment_method"]]
            payments.confirm(world, intent, method, passed=True)
        else:
            payments.fail_challenge(world, intent)
        return redirect(_after_challenge(world, intent), 303)


def _waiting_intent(world: World, intent_id: str) -> Object:
    intent: Object | None = world.objects.get(intent_id)
    if intent is None or intent.get("status") != "requires_action":
        raise missing("challenge", intent_id)
    return intent


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
