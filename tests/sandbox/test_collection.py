"""How failed payments are collected: which attempts count, and what banks do meanwhile."""

import pytest
import stripe

from tests.sandbox.test_subscriptions import DAY, latest_invoice, until_renewal

FAILS_LATER = "4000000000000341"
PAYS = "4242424242424242"
LOST = "4000000000009987"
NO_MONEY = "4000000000009995"


def test_only_planned_attempts_count_after_the_first(client, subscribed, sandbox, receiver):
    subscription = subscribed()
    sandbox.post("cards", customer=subscription.customer, number=FAILS_LATER)
    sandbox.advance(until_renewal(subscription, sandbox))
    failed = latest_invoice(client, subscription)
    with pytest.raises(stripe.CardError):
        client.v1.invoices.pay(failed.id)
    tried_again = client.v1.invoices.retrieve(failed.id)
    assert tried_again.attempt_count == 1
    assert tried_again.next_payment_attempt == failed.next_payment_attempt
    sandbox.settle()
    assert receiver.types().count("invoice.payment_failed") == 2
    sandbox.advance(3 * DAY)
    assert client.v1.invoices.retrieve(failed.id).attempt_count == 2


def test_a_card_keeps_its_id_while_its_bank_changes_its_mind(client, subscribed, sandbox):
    subscription = subscribed()
    card = subscription.default_payment_method
    sandbox.post("card_behaviours", payment_method=card, number=NO_MONEY)
    sandbox.advance(until_renewal(subscription, sandbox))
    invoice = client.v1.invoices.retrieve(
        latest_invoice(client, subscription).id,
        {"expand": ["payments.data.payment.payment_intent"]},
    )
    error = invoice.payments.data[0].payment.payment_intent.last_payment_error
    assert (error.decline_code, error.payment_method.id) == ("insufficient_funds", card)
    sandbox.post("card_behaviours", payment_method=card, number=PAYS)
    sandbox.advance(3 * DAY)
    assert latest_invoice(client, subscription).status == "paid"


def test_an_unknown_behaviour_is_refused(subscribed, sandbox, http):
    card = subscribed().default_payment_method
    answer = http.post(
        f"{sandbox.url}/sandbox/card_behaviours", json={"payment_method": card, "number": "1"}
    )
    assert answer.status_code == 402


def test_paying_a_payment_that_its_bank_must_confirm_is_refused(client, subscribed, sandbox):
    subscription = subscribed()
    card = subscription.default_payment_method
    sandbox.post("card_behaviours", payment_method=card, number="4000002760003184")
    sandbox.advance(until_renewal(subscription, sandbox))
    with pytest.raises(stripe.CardError) as refused:
        client.v1.invoices.pay(latest_invoice(client, subscription).id)
    assert refused.value.code == "invoice_payment_intent_requires_action"


def test_a_card_that_was_lost_and_then_only_asks_is_charged_again(client, subscribed, sandbox):
    subscription = subscribed()
    card = subscription.default_payment_method
    sandbox.post("card_behaviours", payment_method=card, number=LOST)
    sandbox.advance(until_renewal(subscription, sandbox))
    sandbox.post("card_behaviours", payment_method=card, number="4000002760003184")
    with pytest.raises(stripe.CardError):
        client.v1.invoices.pay(latest_invoice(client, subscription).id)
    sandbox.post("card_behaviours", payment_method=card, number=PAYS)
    sandbox.advance(3 * DAY)
    assert latest_invoice(client, subscription).status == "paid"
