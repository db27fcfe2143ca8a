"""The life of a subscription under a clock that is moved."""

from datetime import UTC, datetime

import pytest
import stripe

from tests.sandbox.conftest import DAY, PRICE, monthly

FIRST_HOUR = 3600


def until_renewal(subscription, sandbox):
    """Seconds from now to the hour after the renewal, when its invoice is charged."""
    now = sandbox.get("clock")["now"]
    return subscription["items"].data[0].current_period_end - now + FIRST_HOUR


def previous_attributes(event):
    return event.to_dict()["data"].get("previous_attributes", {})


def latest_invoice(client, subscription):
    return client.v1.invoices.list({"subscription": subscription.id, "limit": 1}).data[0]


def test_it_renews_month_by_month(client, subscribed, sandbox, receiver):
    subscription = subscribed()
    first = subscription["items"].data[0]
    sandbox.advance(until_renewal(subscription, sandbox))
    renewed = client.v1.subscriptions.retrieve(subscription.id)
    item = renewed["items"].data[0]
    assert renewed.status == "active"
    assert item.current_period_start == first.current_period_end
    assert item.current_period_end > first.current_period_end
    invoice = latest_invoice(client, subscription)
    assert (invoice.billing_reason, invoice.status) == ("subscription_cycle", "paid")
    assert invoice.created == first.current_period_end
    assert (invoice.period_start, invoice.period_end) == (
        first.current_period_start,
        first.current_period_end,
    )
    line = invoice.lines.data[0]
    assert (line.period.start, line.period.end) == (
        item.current_period_start,
        item.current_period_end,
    )
    sandbox.settle()
    upcoming = next(e for e in receiver.events if e.type == "invoice.upcoming")
    assert upcoming.data.object["amount_due"] == 500
    assert "id" not in upcoming.data.object


def test_a_renewal_is_a_draft_for_an_hour(client, subscribed, sandbox):
    subscription = subscribed()
    sandbox.advance(until_renewal(subscription, sandbox) - 60)
    assert latest_invoice(client, subscription).status == "draft"
    sandbox.advance(60)
    assert latest_invoice(client, subscription).status == "paid"


def test_a_failing_card_is_tried_again_and_then_the_subscription_ends(
    client, subscribed, sandbox, receiver
):
    subscription = subscribed()
    sandbox.post("cards", customer=subscription.customer, number="4000000000000341")
    sandbox.advance(until_renewal(subscription, sandbox))
    seen = []
    for days in (3, 5, 7):
        invoice = latest_invoice(client, subscription)
        now = sandbox.get("clock")["now"]
        seen.append((invoice.attempt_count, invoice.status, client.v1.subscriptions.retrieve(
            subscription.id).status))  # fmt: skip
        assert abs(invoice.next_payment_attempt - now - days * DAY) <= 5
        sandbox.advance(days * DAY)
    assert seen == [(1, "open", "past_due"), (2, "open", "past_due"), (3, "open", "past_due")]
    ended = client.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "payment_failed")
    invoice = latest_invoice(client, subscription)
    assert (invoice.attempt_count, invoice.next_payment_attempt) == (4, None)
    sandbox.settle()
    assert receiver.types().count("invoice.payment_failed") == 4
    assert receiver.types()[-1] == "customer.subscription.deleted"


def test_a_new_card_recovers_a_failed_payment(client, subscribed, sandbox):
    subscription = subscribed()
    sandbox.post("cards", customer=subscription.customer, number="4000000000000341")
    sandbox.advance(until_renewal(subscription, sandbox))
    assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    sandbox.post("cards", customer=subscription.customer, number="4242424242424242")
    sandbox.advance(3 * DAY)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert latest_invoice(client, subscription).status == "paid"


def test_a_failed_invoice_can_be_paid_on_its_page(client, subscribed, sandbox, submit):
    subscription = subscribed()
    sandbox.post("cards", customer=subscription.customer, number="4000000000000341")
    sandbox.advance(until_renewal(subscription, sandbox))
    page = latest_invoice(client, subscription).hosted_invoice_url
    assert submit(page, "4000000000009995").status_code == 402
    assert submit(page).status_code == 303
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_a_bank_that_wants_3d_secure_makes_a_renewal_wait(
    client, subscribed, sandbox, http, standin, receiver
):
    subscription = subscribed()
    method = client.v1.payment_methods.attach(
        "pm_card_authenticationRequired", {"customer": subscription.customer}
    )
    client.v1.subscriptions.update(subscription.id, {"default_payment_method": method.id})
    sandbox.advance(until_renewal(subscription, sandbox))
    sandbox.settle()
    assert "invoice.payment_action_required" in receiver.types()
    assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    invoice = client.v1.invoices.retrieve(
        latest_invoice(client, subscription).id,
        {"expand": ["payments.data.payment.payment_intent"]},
    )
    intent = invoice.payments.data[0].payment.payment_intent
    assert intent.status == "requires_action"
    http.post(intent.next_action.redirect_to_url.url, data={"outcome": "complete"})
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_cancelling_at_the_end_of_the_period_can_be_undone(client, subscribed, sandbox):
    subscription = subscribed()
    end = subscription["items"].data[0].current_period_end
    planned = client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (planned.status, planned.cancel_at, planned.cancel_at_period_end) == (
        "active",
        end,
        True,
    )
    kept = client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (kept.cancel_at, kept.canceled_at) == (None, None)
    client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    sandbox.advance(until_renewal(subscription, sandbox))
    ended = client.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at) == ("canceled", end)
    assert ended.cancellation_details.reason == "cancellation_requested"
    assert len(client.v1.invoices.list({"subscription": subscription.id}).data) == 1


def test_it_can_be_cancelled_at_once_and_only_once(client, subscribed):
    subscription = subscribed()
    ended = client.v1.subscriptions.cancel(
        subscription.id, {"cancellation_details": {"feedback": "too_expensive"}}
    )
    assert (ended.status, ended.cancellation_details.feedback) == ("canceled", "too_expensive")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.subscriptions.cancel(subscription.id)
    assert refused.value.http_status == 404


def test_a_new_amount_holds_from_the_next_invoice_on(client, subscribed, sandbox, receiver):
    subscription = subscribed()
    item = subscription["items"].data[0]
    price = {
        "currency": "usd",
        "product": item.price.product,
        "unit_amount": 300,
        "recurring": {"interval": "month"},
    }
    changed = client.v1.subscriptions.update(
        subscription.id,
        {"items": [{"id": item.id, "price_data": price}], "proration_behavior": "none"},
    )
    assert changed["items"].data[0].price.unit_amount == 300
    assert changed["items"].data[0].current_period_end == item.current_period_end
    sandbox.advance(until_renewal(subscription, sandbox))
    assert latest_invoice(client, subscription).amount_paid == 300
    sandbox.settle()
    update = next(e for e in receiver.events if "items" in previous_attributes(e))
    assert update.data.previous_attributes["items"]["data"][0]["price"]["unit_amount"] == 500


def test_prorations_are_not_pretended(client, subscribed):
    subscription = subscribed()
    item = subscription["items"].data[0]
    with pytest.raises(stripe.APIError, match="prorations") as refused:
        client.v1.subscriptions.update(subscription.id, {"items": [{"id": item.id, "quantity": 2}]})
    assert refused.value.http_status == 501


def test_a_yearly_rhythm_begins_at_once_and_is_charged(client, subscribed):
    subscription = subscribed()
    item = subscription["items"].data[0]
    price = {
        "currency": "usd",
        "product": item.price.product,
        "unit_amount": 6000,
        "recurring": {"interval": "year"},
    }
    changed = client.v1.subscriptions.update(
        subscription.id,
        {"items": [{"id": item.id, "price_data": price}], "proration_behavior": "none"},
    )
    invoice = latest_invoice(client, subscription)
    assert (invoice.billing_reason, invoice.amount_paid) == ("subscription_update", 6000)
    period = changed["items"].data[0]
    assert period.current_period_end - period.current_period_start >= 365 * DAY


def test_a_pause_voids_invoices_and_ends_by_itself(client, subscribed, sandbox):
    subscription = subscribed()
    resumes = subscription["items"].data[0].current_period_end + DAY
    paused = client.v1.subscriptions.update(
        subscription.id, {"pause_collection": {"behavior": "void", "resumes_at": resumes}}
    )
    assert (paused.status, paused.pause_collection.resumes_at) == ("active", resumes)
    sandbox.advance(until_renewal(subscription, sandbox))
    assert latest_invoice(client, subscription).status == "void"
    sandbox.advance(DAY)
    resumed = client.v1.subscriptions.retrieve(subscription.id)
    assert resumed.pause_collection is None
    sandbox.advance(until_renewal(resumed, sandbox))
    assert latest_invoice(client, subscription).status == "paid"


def test_month_ends_are_kept_through_short_months(client, sandbox):
    """[L8] The anniversary of the 31st falls on a short month's last day and comes back."""
    now = datetime.fromtimestamp(sandbox.get("clock")["now"], UTC)
    january = datetime(now.year + 1, 1, 31, 12, tzinfo=UTC)
    sandbox.advance(int(january.timestamp()) - int(now.timestamp()))
    customer = client.v1.customers.create(
        {
            "payment_method": "pm_card_visa",
        }
    )
    (method,) = client.v1.customers.payment_methods.list(customer.id).data
    price = {
        "currency": "usd",
        "product": client.v1.products.create({"name": "Support"}).id,
        "unit_amount": 500,
        "recurring": {"interval": "month"},
    }
    subscription = client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price_data": price}],
            "default_payment_method": method.id,
        }
    )
    assert subscription.status == "active"
    days = []
    for _ in range(3):
        subscription = client.v1.subscriptions.retrieve(subscription.id)
        end = datetime.fromtimestamp(subscription["items"].data[0].current_period_end, UTC)
        days.append((end.month, end.day))
        sandbox.advance(until_renewal(subscription, sandbox))
    february = 29 if january.year % 4 == 0 else 28
    assert days == [(2, february), (3, 31), (4, 30)]


def test_a_first_payment_that_never_comes_ends_the_attempt(client, submit, sandbox):
    session = client.v1.checkout.sessions.create(monthly())
    submit(session.url, "4000000000000002")
    sandbox.advance(DAY)
    (ended,) = client.v1.subscriptions.list({"status": "all"}).data
    assert ended.status == "incomplete_expired"
    assert latest_invoice(client, ended).status == "void"


def test_one_customer_has_one_currency(client, subscribed):
    subscription = subscribed()
    price = {**PRICE, "currency": "eur", "recurring": {"interval": "month"}}
    with pytest.raises(stripe.InvalidRequestError, match="combine currencies"):
        client.v1.checkout.sessions.create(
            monthly(
                customer=subscription.customer, line_items=[{"price_data": price, "quantity": 1}]
            )
        )


def test_deleting_a_customer_ends_the_subscription_first(client, subscribed, receiver, sandbox):
    subscription = subscribed()
    client.v1.customers.delete(subscription.customer)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert client.v1.customers.retrieve(subscription.customer).deleted is True
    sandbox.settle()
    assert receiver.types()[-2:] == ["customer.subscription.deleted", "customer.deleted"]


def test_the_portal_changes_the_card_and_cancels(client, subscribed, http, submit, standin):
    subscription = subscribed()
    portal = client.v1.billing_portal.sessions.create(
        {"customer": subscription.customer, "return_url": "http://localhost/account"}
    )
    page = http.get(portal.url).text
    assert "http://localhost/account" in page
    assert "ending in 4242" in page
    assert submit(portal.url + "/card", "5555555555554444").status_code == 303
    assert "ending in 4444" in http.get(portal.url).text
    wish = f"{portal.url}/subscriptions/{subscription.id}"
    http.post(wish, data={"wish": "cancel"})
    assert client.v1.subscriptions.retrieve(subscription.id).cancel_at_period_end is True
    http.post(wish, data={"wish": "keep"})
    assert client.v1.subscriptions.retrieve(subscription.id).cancel_at_period_end is False


def test_a_preview_comes_true(client, subscribed, sandbox):
    """[L9] What is announced as the next charge is what is charged."""
    subscription = subscribed()
    preview = client.v1.invoices.create_preview({"subscription": subscription.id})
    assert preview.id.startswith("upcoming_in_")
    sandbox.advance(until_renewal(subscription, sandbox))
    invoice = latest_invoice(client, subscription)
    assert (preview.total, preview.created) == (invoice.amount_paid, invoice.created)
    ours, theirs = preview.lines.data[0].period, invoice.lines.data[0].period
    assert (ours.start, ours.end) == (theirs.start, theirs.end)
    client.v1.subscriptions.cancel(subscription.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.invoices.create_preview({"subscription": subscription.id})
    assert refused.value.code == "invoice_upcoming_none"


def test_a_failed_invoice_can_be_paid_through_the_api(client, subscribed, sandbox):
    subscription = subscribed()
    sandbox.post("cards", customer=subscription.customer, number="4000000000000341")
    sandbox.advance(until_renewal(subscription, sandbox))
    failed = latest_invoice(client, subscription)
    with pytest.raises(stripe.CardError):
        client.v1.invoices.pay(failed.id)
    paid = client.v1.invoices.pay(failed.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.amount_remaining) == ("paid", 0)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        client.v1.invoices.pay(failed.id)


def test_a_lost_card_is_not_charged_again_but_a_new_one_is(client, subscribed, sandbox, standin):
    subscription = subscribed()
    with standin.world.lock:
        kept = standin.world.cards[subscription.default_payment_method]
        kept["number"] = "4000000000009987"
    sandbox.advance(until_renewal(subscription, sandbox))
    charged = len(client.v1.charges.list({"limit": 100}).data)
    sandbox.advance(3 * DAY)
    assert latest_invoice(client, subscription).attempt_count == 2
    assert len(client.v1.charges.list({"limit": 100}).data) == charged
    sandbox.post("cards", customer=subscription.customer, number="4242424242424242")
    sandbox.advance(5 * DAY)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_a_bank_may_renew_a_card_by_itself(client, subscribed, sandbox, receiver):
    subscription = subscribed()
    sandbox.post("card_updates", payment_method=subscription.default_payment_method)
    method = client.v1.payment_methods.retrieve(subscription.default_payment_method)
    assert method.card.exp_year == 2038
    sandbox.settle()
    assert receiver.types()[-1] == "payment_method.automatically_updated"


def test_what_costs_nothing_is_paid_without_a_charge(client, subscribed, sandbox):
    free = {**PRICE, "unit_amount": 0, "recurring": {"interval": "month"}}
    subscription = subscribed(line_items=[{"price_data": free, "quantity": 1}])
    assert subscription.status == "active"
    sandbox.advance(until_renewal(subscription, sandbox))
    invoice = latest_invoice(client, subscription)
    assert (invoice.status, invoice.amount_paid) == ("paid", 0)
    assert client.v1.charges.list().data == []
