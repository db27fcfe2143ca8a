"""How the API answers: keys, versions, errors, idempotency, pages, expansion, metadata."""

import threading

import pytest
import requests
import stripe

from sandbox.stripe.world import API_VERSION
from tests.sandbox.conftest import DAY, monthly, once


def test_the_account_is_in_test_mode(client):
    account = client.v1.accounts.retrieve_current()
    assert account.charges_enabled is True
    assert client.v1.customers.create().livemode is False


def test_a_wrong_key_is_refused(standin):
    other = stripe.StripeClient("sk_test_other", base_addresses={"api": standin.url})
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
        other.v1.customers.list()


def test_no_key_is_refused(standin, http):
    answer = http.get(standin.url + "/v1/customers")
    assert answer.status_code == 401


def test_answers_carry_request_id_and_version(standin, http):
    answer = http.get(standin.url + "/v1/customers", auth=(standin.api_key, ""))
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Stripe-Version"] == API_VERSION


def test_another_api_version_is_refused(client):
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
        client.v1.customers.list(options={"stripe_version": "2020-08-27"})


@pytest.mark.parametrize(
    ("params", "param", "code"),
    [
        ({"nickname": "x"}, "nickname", "parameter_unknown"),
        ({"address": {"planet": "x"}}, "address[planet]", "parameter_unknown"),
        ({"name": ""}, "name", "parameter_invalid_empty"),
        ({"metadata": {"k" * 41: "v"}}, f"metadata[{'k' * 41}]", None),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]", None),
        ({"tax_exempt": "perhaps"}, "tax_exempt", None),
    ],
)
def test_parameters_are_checked_against_the_published_types(client, params, param, code):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.create(params)
    assert (refused.value.param, refused.value.code) == (param, code)
    assert client.v1.customers.list().data == []


def test_a_missing_parameter_is_named(client):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.prices.create({"unit_amount": 5})
    assert (refused.value.param, refused.value.code) == ("currency", "parameter_missing")


def test_what_the_standin_does_not_do_it_says(client):
    with pytest.raises(stripe.APIError, match="does not implement") as refused:
        client.v1.checkout.sessions.create(monthly(allow_promotion_codes=True))
    assert refused.value.http_status == 501


def test_an_unknown_object_is_missing(client):
    with pytest.raises(stripe.InvalidRequestError, match="No such customer: 'cus_x'") as refused:
        client.v1.customers.retrieve("cus_x")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_a_declined_card_is_a_card_error(client):
    params = {
        "amount": 500,
        "currency": "usd",
        "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds",
        "confirm": True,
    }
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.create(params)
    error = declined.value
    assert (error.http_status, error.code) == (402, "card_declined")
    assert error.error.decline_code == "insufficient_funds"
    assert error.error.payment_intent.status == "requires_payment_method"


def test_a_payment_intent_is_confirmed_or_canceled(client):
    intent = client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    assert intent.status == "requires_payment_method"
    paid = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.amount_received) == ("succeeded", 500)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.cancel(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"


# Idempotency


def test_a_repeated_key_replays_the_answer(client):
    options = {"idempotency_key": "checkout-41"}
    first = client.v1.checkout.sessions.create(monthly(), options)
    again = client.v1.checkout.sessions.create(monthly(), options)
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len(client.v1.checkout.sessions.list().data) == 1


def test_a_key_belongs_to_its_parameters(client):
    options = {"idempotency_key": "checkout-41"}
    client.v1.checkout.sessions.create(monthly(), options)
    with pytest.raises(stripe.IdempotencyError):
        client.v1.checkout.sessions.create(once(), options)


def test_a_decline_is_replayed_too(client):
    params = {
        "amount": 500,
        "currency": "usd",
        "payment_method": "pm_card_visa_chargeDeclined",
        "confirm": True,
    }
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.create(params, {"idempotency_key": "k"})
    assert len(client.v1.charges.list().data) == 1


def test_a_refused_request_leaves_its_key_free(client):
    options = {"idempotency_key": "k"}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.create({"nickname": "x"}, options)
    assert client.v1.customers.create({"name": "x"}, options).name == "x"


def test_a_key_is_forgotten_after_a_day(client, sandbox):
    first = client.v1.customers.create({}, {"idempotency_key": "k"})
    sandbox.advance(DAY + 1)
    assert client.v1.customers.create({}, {"idempotency_key": "k"}).id != first.id


def test_a_key_that_is_under_way_conflicts(client, standin):
    answers: list[str] = []
    first = threading.Thread(
        target=lambda: answers.append(
            client.v1.customers.create({}, {"idempotency_key": "k"}).id,
        )
    )
    with standin.world.lock:
        first.start()
        while not standin.api.is_under_way("k"):
            pass
        conflict = requests.post(
            standin.url + "/v1/customers",
            headers={"Idempotency-Key": "k", "Authorization": f"Bearer {standin.api_key}"},
        )
    first.join()
    assert conflict.status_code == 409
    assert conflict.json()["error"]["code"] == "idempotency_key_in_use"
    assert len(answers) == 1


# Lists


def test_lists_are_paged_newest_first(client):
    made = [client.v1.customers.create({"name": str(n)}).id for n in range(5)]
    newest_first = made[::-1]
    page = client.v1.customers.list({"limit": 2})
    assert [c.id for c in page.data] == newest_first[:2]
    assert page.has_more is True
    rest = client.v1.customers.list({"limit": 3, "starting_after": newest_first[1]})
    assert [c.id for c in rest.data] == newest_first[2:]
    assert rest.has_more is False
    before = client.v1.customers.list({"limit": 2, "ending_before": newest_first[4]})
    assert [c.id for c in before.data] == newest_first[2:4]
    assert before.has_more is True
    assert [c.id for c in client.v1.customers.list({"limit": 2}).auto_paging_iter()] == newest_first


def test_a_page_goes_on_from_what_is_no_longer_in_the_list(client):
    """As a nightly walk needs it, during which somebody cancels."""
    product = client.v1.products.create({"name": "Support"}).id
    made = [client.v1.products.create({"name": str(n)}).id for n in range(3)]
    client.v1.products.update(made[1], {"active": False})
    listed = {"active": True, "starting_after": made[1]}
    assert [each.id for each in client.v1.products.list(listed).data] == [made[0], product]


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 101}, {"starting_after": "cus_x"}])
def test_an_impossible_page_is_refused(client, params):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.list(params)


def test_lists_are_filtered(client, sandbox):
    client.v1.customers.create({"email": "a@example.org"})
    now = sandbox.advance(DAY)
    second = client.v1.customers.create({"email": "b@example.org"})
    assert [c.id for c in client.v1.customers.list({"email": "b@example.org"}).data] == [second.id]
    assert [c.id for c in client.v1.customers.list({"created": {"gte": now}}).data] == [second.id]
    assert len(client.v1.customers.list({"created": {"lt": now}}).data) == 1


def test_expansion_reaches_into_lists_and_stops_at_plain_fields(client, subscribed):
    subscribed()
    page = client.v1.subscriptions.list({"expand": ["data.customer", "data.latest_invoice"]})
    assert page.data[0].customer.email == "olena@example.org"
    assert page.data[0].latest_invoice.status == "paid"
    for path in ("data.status", "data.nothing", "data.id"):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            client.v1.subscriptions.list({"expand": [path]})


def test_expansion_ends_after_four_levels(client):
    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        client.v1.invoices.list({"expand": ["data.payments.data.payment.payment_intent"]})


def test_metadata_is_merged_and_unset(client):
    customer = client.v1.customers.create({"metadata": {"a": "1", "b": "2"}})
    merged = client.v1.customers.update(customer.id, {"metadata": {"a": "", "c": "3"}})
    assert merged.metadata.to_dict() == {"b": "2", "c": "3"}
    assert client.v1.customers.update(customer.id, {"metadata": ""}).metadata.to_dict() == {}


# Money that goes back


@pytest.fixture
def charge(client):
    intent = client.v1.payment_intents.create(
        {"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    )
    return client.v1.charges.retrieve(intent.latest_charge)


def test_a_refund_may_be_part_of_a_charge_and_no_more_than_it(client, charge, receiver, sandbox):
    part = client.v1.refunds.create({"charge": charge.id, "amount": 400})
    assert (part.status, part.amount) == ("succeeded", 400)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.v1.refunds.create({"charge": charge.id, "amount": 601})
    client.v1.refunds.create({"payment_intent": charge.payment_intent})
    done = client.v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert (done.amount_refunded, done.refunded, len(done.refunds.data)) == (1000, True, 2)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": charge.id})
    assert refused.value.code == "charge_already_refunded"
    sandbox.settle()
    assert receiver.types().count("charge.refunded") == 2


def test_a_dispute_takes_the_money_until_it_is_won(client, charge, sandbox, receiver):
    dispute = sandbox.post("disputes", charge=charge.id)
    assert client.v1.charges.retrieve(charge.id).disputed is True
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": charge.id})
    assert refused.value.code == "charge_disputed"
    sandbox.post("disputes", dispute=dispute["id"], outcome="won")
    closed = client.v1.disputes.retrieve(dispute["id"])
    assert closed.status == "won"
    assert [t.amount for t in closed.balance_transactions] == [-1000, 1000]
    sandbox.settle()
    assert {"charge.dispute.created", "charge.dispute.closed"} <= set(receiver.types())


def test_some_cards_are_disputed_or_suspected_by_themselves(client, sandbox, receiver):
    for number in ("4000000000000259", "4000000000005423"):
        method = client.v1.payment_methods.create({"type": "card", "card": {"number": number}})
        client.v1.payment_intents.create(
            {"amount": 500, "currency": "usd", "payment_method": method.id, "confirm": True}
        )
    sandbox.advance(2)
    sandbox.settle()
    assert {"charge.dispute.created", "radar.early_fraud_warning.created"} <= set(receiver.types())


def test_a_warning_is_settled_when_all_the_money_is_back(client, charge, sandbox, receiver):
    sandbox.post("fraud_warnings", charge=charge.id)
    (warning,) = client.v1.radar.early_fraud_warnings.list({"charge": charge.id}).data
    assert warning.actionable
    client.v1.refunds.create({"charge": charge.id, "amount": 400})
    assert client.v1.radar.early_fraud_warnings.retrieve(warning.id).actionable
    client.v1.refunds.create({"charge": charge.id})
    assert not client.v1.radar.early_fraud_warnings.retrieve(warning.id).actionable
    sandbox.settle()
    assert receiver.types().count("radar.early_fraud_warning.updated") == 1
