"""What the gateway reads: cards, pauses, failures; all in our own words."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from membership import clock
from membership.billing import gateway, sync
from membership.billing.models import Subscription
from tests.billing.conftest import Stripe
from tests.billing.reading import row

LOST = "4000000000009987"
NEEDS_ACTION = "4000002760003184"


def given(stripe: Stripe, give: Callable[..., str]) -> dict[str, Any]:
    """A monthly subscription at Stripe that we know."""
    stripe.pay(give())
    stripe.deliver_all()
    return stripe.all("subscription")[0]


def test_the_card_that_pays_is_kept(
    session: Session, stripe: Stripe, give: Callable[..., str]
) -> None:
    """[B13] Its brand, last digits and last day, from the subscription's own card."""
    at_stripe = given(stripe, give)
    card = gateway.read_subscription(at_stripe["id"]).card
    assert card is not None
    assert (card.brand, card.last4, card.expires_on) == ("visa", "4242", date(2034, 12, 31))
    assert card.payment_method_id == at_stripe["default_payment_method"]
    ours = row(session, Subscription)
    assert (ours.card_brand, ours.card_last4) == ("visa", "4242")
    assert ours.card_expires_on == date(2034, 12, 31)


def test_the_customers_card_pays_when_the_subscription_has_none(
    session: Session, stripe: Stripe, give: Callable[..., str]
) -> None:
    """[B13] As Stripe itself charges; with neither there is no card, and nothing breaks."""
    at_stripe = given(stripe, give)
    own = at_stripe["default_payment_method"]
    stripe.change(at_stripe["id"], default_payment_method=None)
    said = gateway.read_subscription(at_stripe["id"])
    assert said.card is None
    stripe.api(
        f"customers/{at_stripe['customer']}", **{"invoice_settings[default_payment_method]": own}
    )
    again = gateway.read_subscription(at_stripe["id"]).card
    assert again is not None
    assert again.payment_method_id == own


def test_a_deleted_customer_can_still_be_read(
    session: Session, stripe: Stripe, give: Callable[..., str]
) -> None:
    """[B14] Its subscriptions ended with it, and say so."""
    at_stripe = given(stripe, give)
    stripe.api(f"customers/{at_stripe['customer']}", "DELETE")
    said = gateway.read_subscription(at_stripe["id"])
    assert (said.status, said.customer_id) == ("canceled", at_stripe["customer"])


def test_a_pause_tells_its_end(session: Session, stripe: Stripe, give: Callable[..., str]) -> None:
    """[B10] The date of return is kept while it is paused, and gone afterwards."""
    at_stripe = given(stripe, give)
    back = clock.now().replace(microsecond=0) + timedelta(days=40)
    pause = {
        "pause_collection[behavior]": "void",
        "pause_collection[resumes_at]": str(int(back.timestamp())),
    }
    stripe.api(f"subscriptions/{at_stripe['id']}", **pause)
    stripe.deliver_all()
    assert row(session, Subscription).resumes_at == back
    stripe.api(f"subscriptions/{at_stripe['id']}", pause_collection="")
    stripe.deliver_all()
    assert row(session, Subscription).resumes_at is None


def test_the_item_is_named_for_changes(
    session: Session, stripe: Stripe, give: Callable[..., str]
) -> None:
    """[B9] A new amount is set on the subscription's one item."""
    at_stripe = given(stripe, give)
    item = at_stripe["items"]["data"][0]["id"]
    assert gateway.read_subscription(at_stripe["id"]).item_id == item


def failed_renewal(stripe: Stripe, give: Callable[..., str], number: str) -> str:
    """The invoice of a renewal that a new card refused."""
    at_stripe = given(stripe, give)
    stripe.sandbox("cards", customer=at_stripe["customer"], number="4000000000000341")
    world = stripe.server.world
    method = stripe.all("subscription")[0]["default_payment_method"]
    with world.lock:
        world.cards[method]["number"] = number
    stripe.move_clock(32)
    return str(stripe.all("invoice")[-1]["id"])


def test_a_failed_invoice_says_why(
    session: Session, stripe: Stripe, give: Callable[..., str]
) -> None:
    """[B12] The bank's word, the card, the attempts made and the next one, the page to pay on."""
    invoice = failed_renewal(stripe, give, LOST)
    said = gateway.read_invoice(invoice)
    assert (said.status, said.billing_reason, said.attempts) == ("open", "subscription_cycle", 1)
    assert said.failure is not None
    assert (said.failure.decline_code, said.failure.needs_action) == ("lost_card", False)
    method = stripe.all("subscription")[0]["default_payment_method"]
    assert said.failure.payment_method_id == method
    assert said.next_attempt_at is not None
    assert said.next_attempt_at > datetime(2026, 1, 1, tzinfo=UTC)
    assert said.page_url is not None
    assert said.page_url.endswith(invoice)


def test_an_invoice_that_waits_for_the_bank_says_so(
    session: Session, stripe: Stripe, give: Callable[..., str]
) -> None:
    """[B12] 3-D Secure asked for while nobody was there."""
    said = gateway.read_invoice(failed_renewal(stripe, give, NEEDS_ACTION))
    assert said.failure is not None
    assert (said.failure.decline_code, said.failure.needs_action) == (
        "authentication_required",
        True,
    )


def test_a_paid_invoice_has_no_failure(
    session: Session, stripe: Stripe, give: Callable[..., str]
) -> None:
    """[B12] What was paid in the end has nothing to mend."""
    at_stripe = given(stripe, give)
    said = gateway.read_invoice(at_stripe["latest_invoice"])
    assert (said.status, said.failure, said.next_attempt_at) == ("paid", None, None)
    assert sync.sync_subscription(session, at_stripe["id"], clock.now()) is not None
