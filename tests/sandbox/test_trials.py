"""A trial that moves the next charge of a running subscription, and what is not charged."""

import pytest
import stripe

from tests.sandbox.conftest import DAY
from tests.sandbox.test_subscriptions import latest_invoice, until_renewal


def yearly_from(subscription, trial_end):
    """Parameters that let a yearly rhythm begin when the paid period ends."""
    item = subscription["items"].data[0]
    price = {
        "currency": "usd",
        "product": item.price.product,
        "unit_amount": 6000,
        "recurring": {"interval": "year"},
    }
    return {
        "items": [{"id": item.id, "price_data": price}],
        "proration_behavior": "none",
        "trial_end": trial_end,
    }


def test_a_trial_until_the_period_ends_changes_the_rhythm_for_nothing(
    client, subscribed, sandbox, receiver
):
    """[L9]"""
    subscription = subscribed()
    end = subscription["items"].data[0].current_period_end
    sandbox.advance(DAY)
    changed = client.v1.subscriptions.update(subscription.id, yearly_from(subscription, end))
    item = changed["items"].data[0]
    assert (changed.status, changed.trial_end, changed.billing_cycle_anchor) == (
        "trialing",
        end,
        end,
    )
    assert (item.price.recurring.interval, item.current_period_end) == ("year", end)
    nothing = latest_invoice(client, subscription)
    assert (nothing.billing_reason, nothing.status, nothing.total) == (
        "subscription_update",
        "paid",
        0,
    )
    assert [s.id for s in client.v1.subscriptions.list({"status": "trialing"}).data] == [
        subscription.id
    ]
    assert client.v1.subscriptions.list({"status": "active"}).data == []
    preview = client.v1.invoices.create_preview({"subscription": subscription.id})
    assert (preview.total, preview.created) == (6000, end)

    sandbox.advance(until_renewal(changed, sandbox))
    renewed = client.v1.subscriptions.retrieve(subscription.id)
    item = renewed["items"].data[0]
    assert (renewed.status, item.current_period_start) == ("active", end)
    assert item.current_period_end - end >= 365 * DAY
    first = latest_invoice(client, subscription)
    assert (first.billing_reason, first.amount_paid, first.created) == (
        "subscription_cycle",
        6000,
        end,
    )
    assert first.lines.data[0].period.end == item.current_period_end
    sandbox.settle()
    assert "customer.subscription.trial_will_end" in receiver.types()


def test_a_trial_that_is_to_end_in_cancellation_charges_nothing(client, subscribed, sandbox):
    subscription = subscribed()
    end = subscription["items"].data[0].current_period_end
    client.v1.subscriptions.update(subscription.id, yearly_from(subscription, end))
    planned = client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (planned.status, planned.cancel_at) == ("trialing", end)
    sandbox.advance(until_renewal(planned, sandbox))
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    paid = client.v1.invoices.list({"subscription": subscription.id}).data
    assert [invoice.amount_paid for invoice in paid] == [0, 500]


def test_a_change_of_mind_within_a_trial_waits_for_its_end(client, subscribed, sandbox):
    subscription = subscribed()
    item = subscription["items"].data[0]
    end = item.current_period_end
    yearly = client.v1.subscriptions.update(subscription.id, yearly_from(subscription, end))
    monthly_again = {**yearly_from(yearly, end)}
    monthly_again["items"][0]["price_data"] |= {
        "unit_amount": 700,
        "recurring": {"interval": "month"},
    }
    back = client.v1.subscriptions.update(subscription.id, monthly_again)
    assert (back.status, back["items"].data[0].current_period_end) == ("trialing", end)
    assert len(client.v1.invoices.list({"subscription": subscription.id}).data) == 2
    sandbox.advance(until_renewal(back, sandbox))
    assert latest_invoice(client, subscription).amount_paid == 700


@pytest.mark.parametrize(
    ("at", "status"), [("now", 501), (1_000_000_000, 400), (4_000_000_000, 400)]
)
def test_a_trial_is_within_reason(client, subscribed, at, status):
    subscription = subscribed()
    with pytest.raises(stripe.StripeError) as refused:
        client.v1.subscriptions.update(
            subscription.id, {"trial_end": at, "proration_behavior": "none"}
        )
    assert refused.value.http_status == status


def test_a_trial_ends_two_years_from_the_anchor_at_most(client, subscribed, sandbox):
    """[L9] The periods of a long life are still counted from its beginning."""
    subscription = subscribed()
    sandbox.advance(2 * 365 * DAY)
    end = client.v1.subscriptions.retrieve(subscription.id)["items"].data[0].current_period_end
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.subscriptions.update(subscription.id, yearly_from(subscription, end))
    assert refused.value.param == "trial_end"


def test_a_cancelled_subscription_is_not_charged_for_what_was_open(client, subscribed, sandbox):
    """[L2] An old retry cannot fire after the end."""
    subscription = subscribed()
    sandbox.post("cards", customer=subscription.customer, number="4000000000000341")
    sandbox.advance(until_renewal(subscription, sandbox))
    client.v1.subscriptions.cancel(subscription.id)
    sandbox.post("cards", customer=subscription.customer, number="4242424242424242")
    invoice = latest_invoice(client, subscription)
    assert (invoice.status, invoice.auto_advance, invoice.next_payment_attempt) == (
        "open",
        False,
        None,
    )
    sandbox.advance(30 * DAY)
    assert latest_invoice(client, subscription).status == "open"


def test_a_draft_that_shall_not_advance_stays_a_draft(client, subscribed, sandbox):
    subscription = subscribed()
    sandbox.advance(until_renewal(subscription, sandbox) - 60)
    draft = latest_invoice(client, subscription)
    held = client.v1.invoices.update(draft.id, {"auto_advance": False})
    assert (held.status, held.auto_advance) == ("draft", False)
    sandbox.advance(DAY)
    assert latest_invoice(client, subscription).status == "draft"


def test_cancelling_does_not_stop_a_draft(client, subscribed, sandbox):
    """https://docs.stripe.com/billing/subscriptions/cancel: finalized invoices alone."""
    subscription = subscribed()
    sandbox.advance(until_renewal(subscription, sandbox) - 60)
    client.v1.subscriptions.cancel(subscription.id)
    draft = latest_invoice(client, subscription)
    assert (draft.status, draft.auto_advance) == ("draft", True)
    sandbox.advance(60)
    assert latest_invoice(client, subscription).status == "paid"
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"


def test_cancelling_stops_the_retries_of_the_customers_other_invoices(client, subscribed, sandbox):
    """Until somebody lets them go on."""
    kept = subscribed()
    sandbox.post("cards", customer=kept.customer, number="4000000000000341")
    sandbox.advance(until_renewal(kept, sandbox))
    assert latest_invoice(client, kept).next_payment_attempt is not None
    sandbox.post("cards", customer=kept.customer, number="4242424242424242")
    price = kept["items"].data[0].price.id
    other = client.v1.subscriptions.create({"customer": kept.customer, "items": [{"price": price}]})
    client.v1.subscriptions.cancel(other.id)
    stopped = latest_invoice(client, kept)
    assert (stopped.status, stopped.auto_advance, stopped.next_payment_attempt) == (
        "open",
        False,
        None,
    )
    sandbox.advance(4 * DAY)
    assert latest_invoice(client, kept).status == "open"
    goes_on = client.v1.invoices.update(stopped.id, {"auto_advance": True})
    assert (goes_on.auto_advance, goes_on.next_payment_attempt is None) == (True, False)
    sandbox.advance(4 * DAY)
    assert latest_invoice(client, kept).status == "paid"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.update(stopped.id, {"auto_advance": True})
