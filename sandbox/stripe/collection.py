"""Collecting what invoices ask for: attempts, their outcomes, and when to try again."""

from collections.abc import Callable

from sandbox.stripe import invoices, payments
from sandbox.stripe.billing_cycle import DAY
from sandbox.stripe.errors import Object
from sandbox.stripe.world import World, due

# Days after the attempt before, as in Stripe's custom retry schedule; then the subscription ends.
RETRY_AFTER_DAYS = (3, 5, 7)
# Told of every outcome: "paid", "failed" (there may be another attempt) or "given_up".
Follower = Callable[[World, Object, str], None]
FOLLOWERS: list[Follower] = []
# Stripe's hard declines, after which it charges again only if there is a new card.
# https://docs.stripe.com/billing/revenue-recovery/smart-retries#non-retryable-decline-codes
HOPELESS = frozenset(
    {
        "authentication_required",
        "highest_risk_level",
        "incorrect_number",
        "lost_card",
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "transaction_not_allowed",
    }
)


def pay(world: World, invoice: Object, method: Object | None = None) -> None:
    """One attempt with the given card or the one on file; what follows from it follows here."""
    if invoice["amount_due"] == 0:
        _mark_paid(world, invoice)
        return
    card_id = method["id"] if method else _card_on_file(world, invoice)
    if card_id is None:
        _attempt_failed(world, invoice, None)
        return
    payments.confirm(world, invoices.intent_of(world, invoice), world.objects[card_id])


def _card_on_file(world: World, invoice: Object) -> str | None:
    subscription = invoices.subscription_of(world, invoice)
    customer = world.objects[invoice["customer"]]
    if subscription["default_payment_method"]:
        return str(subscription["default_payment_method"])
    default = customer["invoice_settings"]["default_payment_method"]
    return str(default) if default else None


@payments.follows_intents
def follow_intent(world: World, intent: Object) -> None:
    """An attempt to pay an intent is an attempt to pay its invoice."""
    for payment in world.all("invoice_payment"):
        if payment["payment"]["payment_intent"] == intent["id"]:
            invoice = world.objects[payment["invoice"]]
            if intent["status"] == "succeeded":
                payment["status"] = "paid"
                payment["amount_paid"] = invoice["amount_due"]
                payment["status_transitions"]["paid_at"] = world.now()
                world.emit("invoice_payment.paid", payment)
                _mark_paid(world, invoice)
            else:
                _attempt_failed(world, invoice, intent)


def _mark_paid(world: World, invoice: Object) -> None:
    with world.changing(invoice, "invoice.updated"):
        invoice.update(
            amount_paid=invoice["amount_due"],
            amount_remaining=0,
            attempted=True,
            attempt_count=invoice["attempt_count"] + _counts(world, invoice),
            auto_advance=False,
            next_payment_attempt=None,
            status="paid",
        )
        invoice["status_transitions"]["paid_at"] = world.now()
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    world.objects[invoice["customer"]]["delinquent"] = False
    _tell(world, invoice, "paid")


def _attempt_failed(world: World, invoice: Object, intent: Object | None) -> None:
    needs_action = intent is not None and intent["status"] == "requires_action"
    if needs_action:
        world.emit("invoice.payment_action_required", invoice)
        if invoice["billing_reason"] == "subscription_create":
            return  # The reader is there and passes 3-D Secure, or fails it, next.
    goes_on = True
    if _counts(world, invoice):
        with world.changing(invoice, "invoice.updated"):
            invoice["attempted"] = True
            invoice["attempt_count"] += 1
            goes_on = _plan_retry(world, invoice, intent)
    world.emit("invoice.payment_failed", invoice)
    _tell(world, invoice, "failed" if goes_on else "given_up")


def _counts(world: World, invoice: Object) -> bool:
    """Any first attempt counts, and after it the planned ones alone.

    https://docs.stripe.com/api/invoices/object#invoice_object-attempt_count
    """
    if invoice["amount_due"] == 0:
        return False
    return not invoice["attempted"] or invoice["next_payment_attempt"] == world.now()


def stop(invoice: Object) -> None:
    """An open invoice is not charged by itself any more."""
    invoice.update(auto_advance=False, next_payment_attempt=None)


def go_on(world: World, invoice: Object) -> None:
    """The next attempt to charge an open invoice is planned again."""
    invoice["auto_advance"] = True
    if invoice["attempted"]:
        _plan_retry(world, invoice, invoices.intent_of(world, invoice))


def _tell(world: World, invoice: Object, outcome: str) -> None:
    for follower in FOLLOWERS:
        follower(world, invoice, outcome)


def _plan_retry(world: World, invoice: Object, intent: Object | None) -> bool:
    """Whether there will be another attempt by itself; a first invoice gets none."""
    tried = invoice["attempt_count"]
    error = (intent or {}).get("last_payment_error") or {}
    if invoice["billing_reason"] == "subscription_create":
        return True
    if tried > len(RETRY_AFTER_DAYS):
        invoice.update(next_payment_attempt=None, auto_advance=False)
        return False
    at = world.now() + RETRY_AFTER_DAYS[tried - 1] * DAY
    invoice["next_payment_attempt"] = at
    if error.get("decline_code") not in HOPELESS:
        world.schedule(at, "invoice.retry", invoice["id"])
    else:
        world.schedule(at, "invoice.skip_retry", invoice["id"])
    return True


@due("invoice.retry")
def retry(world: World, invoice_id: str) -> None:
    invoice = world.objects[invoice_id]
    if invoice["status"] == "open" and invoice["next_payment_attempt"] == world.now():
        pay(world, invoice)


@due("invoice.skip_retry")
def skip_retry(world: World, invoice_id: str) -> None:
    """After a hard decline Stripe charges again only if there is a new card."""
    invoice = world.objects[invoice_id]
    if invoice["status"] != "open" or invoice["next_payment_attempt"] != world.now():
        return
    intent = invoices.intent_of(world, invoice)
    error = intent["last_payment_error"]
    if error and error["payment_method"]["id"] == _card_on_file(world, invoice):
        _attempt_failed(world, invoice, intent)
    else:
        pay(world, invoice)
