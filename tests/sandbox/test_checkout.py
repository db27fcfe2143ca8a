"""Checkout Sessions and their hosted page."""

import pytest
import stripe

from tests.sandbox.conftest import DAY, monthly, once


def test_a_card_that_pays_starts_a_subscription(client, submit, http, receiver, sandbox):
    session = client.v1.checkout.sessions.create(monthly())
    page = http.get(session.url).text
    assert "Test stand-in" in page
    assert "5.00 USD" in page
    assert "/ month" in page
    answer = submit(session.url)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://localhost/thanks?session={session.id}"
    done = client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["subscription", "customer", "line_items", "invoice"]}
    )
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert (done.client_reference_id, done.metadata["checkout"]) == ("41", "41")
    assert done.customer.email == done.customer_details.email == "olena@example.org"
    assert done.subscription.status == "active"
    assert done.subscription.metadata["checkout"] == "41"
    assert done.subscription.default_payment_method.startswith("pm_")
    assert done.invoice.parent.subscription_details.subscription == done.subscription.id
    assert done.invoice.parent.subscription_details.metadata["checkout"] == "41"
    assert done.line_items.data[0].amount_total == 500
    sandbox.settle()
    assert {
        "customer.created",
        "payment_method.attached",
        "customer.subscription.created",
        "customer.subscription.updated",
        "invoice.created",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    } <= set(receiver.types())


def test_money_of_a_single_gift_shows_its_fee(client, submit):
    session = client.v1.checkout.sessions.create(once(customer_creation="always"))
    assert submit(session.url).status_code == 303
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert (done.status, done.payment_status, done.invoice) == ("complete", "paid", None)
    intent = client.v1.payment_intents.retrieve(
        done.payment_intent, {"expand": ["latest_charge.balance_transaction"]}
    )
    assert intent.metadata["checkout"] == "42"
    assert intent.latest_charge.payment_method_details.card.last4 == "4242"
    transaction = intent.latest_charge.balance_transaction
    assert (transaction.amount, transaction.fee, transaction.net) == (500, 45, 455)
    assert client.v1.customers.retrieve(done.customer).name == "Olena Koval"


def test_who_gives_once_is_a_guest_unless_asked_otherwise(client, submit):
    session = client.v1.checkout.sessions.create(once())
    submit(session.url)
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert done.customer is None
    assert done.customer_details.email == "olena@example.org"


@pytest.mark.parametrize(
    ("number", "message", "decline_code"),
    [
        ("4000000000000002", "Your card was declined.", "generic_decline"),
        ("4000000000009995", "Your card has insufficient funds.", "insufficient_funds"),
        ("4000000000000341", "Your card was declined.", "generic_decline"),
    ],
)
def test_a_declined_card_stays_on_the_page_and_may_be_replaced(
    client, submit, number, message, decline_code, receiver, sandbox
):
    session = client.v1.checkout.sessions.create(monthly())
    answer = submit(session.url, number)
    assert answer.status_code == 402
    assert message in answer.text
    assert "http://localhost/support" in answer.text
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    (waiting,) = client.v1.subscriptions.list({"status": "incomplete"}).data
    (failed,) = client.v1.charges.list().data
    assert (failed.status, failed.failure_code) == ("failed", "card_declined")
    intent = client.v1.payment_intents.retrieve(failed.payment_intent)
    assert intent.last_payment_error.decline_code == decline_code
    assert submit(session.url).status_code == 303
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert (done.subscription.id, done.subscription.status) == (waiting.id, "active")
    sandbox.settle()
    assert "invoice.payment_failed" in receiver.types()


def test_3d_secure_is_asked_for_and_may_fail_first(client, submit, http, standin):
    session = client.v1.checkout.sessions.create(once())
    answer = submit(session.url, "4000002500003155")
    assert answer.status_code == 303
    challenge = standin.url + answer.headers["Location"]
    assert "Complete" in http.get(challenge).text
    failed = http.post(challenge, data={"outcome": "fail"})
    assert "unable to authenticate" in failed.text
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "unpaid"
    answer = submit(session.url, "4000002500003155")
    challenge = standin.url + answer.headers["Location"]
    passed = http.post(challenge, data={"outcome": "complete"}, allow_redirects=False)
    assert passed.headers["Location"].startswith("http://localhost/thanks")
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"email": "olena"}, "complete email address"),
        ({"number": "4242"}, "card number is incomplete"),
        ({"number": "4242424242424241"}, "card number is invalid"),
        ({"cardExpiry": "12 / 20"}, "in the past"),
        ({"cardExpiry": "13/34"}, "expiration date is incomplete"),
        ({"cardCvc": ""}, "security code is incomplete"),
    ],
)
def test_a_form_that_is_not_filled_in_properly_says_so(client, submit, change, message):
    session = client.v1.checkout.sessions.create(once())
    answer = submit(session.url, **change)
    assert answer.status_code == 422
    assert message in answer.text.replace("&#39;", "'")
    assert client.v1.payment_intents.list().data == []


def test_an_unknown_card_number_is_incorrect(client, submit):
    session = client.v1.checkout.sessions.create(once())
    answer = submit(session.url, "4111111111111111")
    assert answer.status_code == 402
    assert "Your card number is incorrect." in answer.text


def test_the_email_of_a_known_customer_cannot_be_changed(client, submit, http):
    customer = client.v1.customers.create({"email": "ivan@example.org"})
    session = client.v1.checkout.sessions.create(monthly(customer=customer.id))
    assert "readonly" in http.get(session.url).text
    submit(session.url, email="mallory@example.org")
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert (done.customer, done.customer_details.email) == (customer.id, "ivan@example.org")


def test_an_open_session_expires_after_a_day(client, submit, sandbox, receiver):
    session = client.v1.checkout.sessions.create(monthly())
    sandbox.advance(DAY)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert submit(session.url).status_code == 410
    sandbox.settle()
    assert receiver.types()[-1] == "checkout.session.expired"


def test_a_session_is_expired_on_request_but_once(client, submit):
    session = client.v1.checkout.sessions.create(monthly())
    assert client.v1.checkout.sessions.expire(session.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError, match="can be expired"):
        client.v1.checkout.sessions.expire(session.id)


def test_a_completed_session_cannot_be_paid_again(client, submit):
    session = client.v1.checkout.sessions.create(monthly())
    submit(session.url)
    assert "already been completed" in submit(session.url).text
    assert len(client.v1.subscriptions.list().data) == 1


def test_a_card_can_be_saved_alone(client, submit):
    customer = client.v1.customers.create({"email": "ivan@example.org"})
    session = client.v1.checkout.sessions.create(
        {"mode": "setup", "customer": customer.id, "success_url": "http://localhost/"}
    )
    assert submit(session.url, "4000000000000341").status_code == 303
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
    assert done.setup_intent.status == "succeeded"
    (method,) = client.v1.payment_methods.list({"customer": customer.id}).data
    assert method.card.last4 == "0341"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (monthly(mode="payment", subscription_data={}), "passed a recurring price"),
        (once(mode="subscription", payment_intent_data={}), "at least one recurring price"),
        (monthly(customer_creation="always"), "customer_creation"),
        (monthly(customer_email="nobody"), "Invalid email address"),
        (monthly(customer="cus_none"), "No such customer: 'cus_none'"),
        (monthly(expires_at=1), "expires_at"),
        (once(subscription_data={"metadata": {"a": "b"}}), "subscription_data"),
        (monthly(success_url="nowhere"), "Not a valid URL"),
        (once(line_items=[]), "line_items"),
    ],
)
def test_what_stripe_would_refuse_is_refused(client, params, message):
    with pytest.raises(stripe.InvalidRequestError, match=message) as refused:
        client.v1.checkout.sessions.create(params)
    assert refused.value.http_status == 400
    assert client.v1.products.list().data == []


def test_amounts_keep_to_the_rules_of_their_currency(client, http):
    def gift(currency, amount):
        price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Gift"}}
        return client.v1.checkout.sessions.create(once(line_items=[{"price_data": price,
                                                                    "quantity": 1}]))  # fmt: skip

    assert "500 JPY" in http.get(gift("jpy", 500).url).text
    assert "5.000 KWD" in http.get(gift("kwd", 5000).url).text
    for currency, amount in (("usd", 49), ("kwd", 5001), ("isk", 50050), ("usd", 100_000_000)):
        with pytest.raises(stripe.InvalidRequestError):
            gift(currency, amount)


@pytest.mark.parametrize("path", ["/c/pay/cs_x", "/3ds/pi_x", "/i/in_x", "/p/session/bps_x"])
def test_a_link_that_leads_nowhere_says_so(standin, http, path):
    answer = http.get(standin.url + path)
    assert answer.status_code == 404
    assert "This did not work" in answer.text
