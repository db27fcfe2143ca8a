"""What the hosted checkout page does: attempts to pay, and the completed session."""

from sandbox.stripe import invoices, payment_methods, payments, subscriptions
from sandbox.stripe.checkout import customer_details
from sandbox.stripe.customers import new_customer
from sandbox.stripe.errors import Object
from sandbox.stripe.world import World


def submit(
    world: World, session: Object, method: Object, email: str, name: str, country: str = ""
) -> Object | None:
    """One attempt to pay with a card: the intent that tells the outcome, None if nothing is due.

    Who says no country is at home where the card is.

    Raises ApiError 402 in setup mode when the card cannot be saved.
    """
    attempt = world.attempts[session["id"]]
    country = country or method["card"]["country"]
    attempt["details"] = {"email": email, "name": name, "country": country}
    attempt["error"] = None
    customer = _customer(world, session, email, name)
    if session["mode"] == "setup":
        return _submit_setup(world, session, method, customer)
    if session["mode"] == "payment":
        intent = _payment_intent(world, session, customer)
    else:
        invoice = _first_invoice(world, session, world.objects[customer or ""])
        if invoice["status"] == "paid":
            complete(world, session)
            return None
        intent = invoices.intent_of(world, invoice)
    attempt["intent"] = intent["id"]
    payments.confirm(world, intent, method)
    return intent


def _customer(world: World, session: Object, email: str, name: str) -> str | None:
    """The customer who pays; one-time givers are guests unless a customer was asked for."""
    attempt = world.attempts[session["id"]]
    if session["customer"]:
        return str(session["customer"])
    if session["mode"] == "payment" and session["customer_creation"] != "always":
        return None
    if attempt["customer"] is None:
        made = new_customer(world, email, name)
        attempt["customer"] = made["id"]
        world.emit("customer.created", made)
    return str(attempt["customer"])


def _payment_intent(world: World, session: Object, customer: str | None) -> Object:
    attempt = world.attempts[session["id"]]
    if attempt["intent"]:
        intent: Object = world.objects[attempt["intent"]]
        return intent
    given = attempt["payment_intent_data"]
    return payments.new_intent(
        world,
        session["amount_total"],
        session["currency"],
        customer=customer,
        description=given.get("description"),
        metadata=given.get("metadata") or {},
        receipt_email=given.get("receipt_email"),
        setup_future_usage=given.get("setup_future_usage"),
    )


def _first_invoice(world: World, session: Object, customer: Object) -> Object:
    """A declined attempt leaves an incomplete subscription, which the next attempt takes up."""
    attempt = world.attempts[session["id"]]
    begun = world.objects.get(attempt["subscription"] or "")
    if begun is None or begun["status"] != "incomplete":
        given = attempt["subscription_data"]
        items = [(line["price"], line["quantity"]) for line in world.line_items[session["id"]]]
        made = subscriptions.start(
            world,
            customer,
            items,
            metadata=given.get("metadata"),
            description=given.get("description"),
            keeps_card=True,
        )
        attempt["subscription"] = made["id"]
    subscription = world.objects[attempt["subscription"]]
    invoice: Object = world.objects[subscription["latest_invoice"]]
    return invoice


def _submit_setup(world: World, session: Object, method: Object, customer: str | None) -> Object:
    attempt = world.attempts[session["id"]]
    if attempt["intent"] is None:
        attempt["intent"] = payment_methods.new_setup(world, customer)["id"]
    intent: Object = world.objects[attempt["intent"]]
    payment_methods.confirm_setup(world, intent, method)
    if intent["status"] == "succeeded":
        complete(world, session)
    return intent


@payments.follows_intents
def follow_intent(world: World, intent: Object) -> None:
    """A paid intent completes its session; a declined one leaves the reason for the page."""
    for session_id, attempt in world.attempts.items():
        if attempt["intent"] == intent["id"]:
            session = world.objects[session_id]
            if intent["status"] == "succeeded" and session["status"] == "open":
                complete(world, session)
            elif intent["last_payment_error"]:
                attempt["error"] = intent["last_payment_error"]["message"]


def complete(world: World, session: Object) -> None:
    attempt = world.attempts[session["id"]]
    session.update(
        customer=session["customer"] or attempt["customer"],
        customer_details=customer_details(**attempt["details"]),
        status="complete",
        url=None,
    )
    if session["mode"] == "setup":
        session["setup_intent"] = attempt["intent"]
    elif session["mode"] == "payment":
        session.update(payment_intent=attempt["intent"], payment_status="paid")
    else:
        subscription = world.objects[attempt["subscription"]]
        session.update(
            subscription=subscription["id"],
            invoice=subscription["latest_invoice"],
            payment_status="paid",
        )
    world.emit("checkout.session.completed", session)


def success_url(session: Object) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
