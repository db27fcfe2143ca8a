"""Every object that the stand-in returns has the shape that the ``stripe`` package declares."""

import pytest

from sandbox.stripe import hints, shapes
from sandbox.stripe.routes import ALWAYS_TAKEN, ROUTES
from tests.sandbox.conftest import DAY, monthly, once

PRICE_CHANGE = {"currency": "usd", "unit_amount": 700, "recurring": {"interval": "month"}}


@pytest.fixture
def lived(client, submit, subscribed, sandbox):
    """A world in which everything has happened once."""
    subscription = subscribed()
    declined = client.v1.checkout.sessions.create(monthly())
    submit(declined.url, "4000000000000002")
    asked = client.v1.checkout.sessions.create(once(customer_creation="always"))
    submit(asked.url, "4000002500003155")
    gift = client.v1.checkout.sessions.create(once())
    submit(gift.url)
    customer = client.v1.customers.create({"email": "a@example.org", "address": {"city": "Kyiv"}})
    setup = {"mode": "setup", "customer": customer.id, "success_url": "http://localhost/"}
    submit(client.v1.checkout.sessions.create(setup).url)
    client.v1.billing_portal.sessions.create(
        {
            "customer": subscription.customer,
            "flow_data": {
                "type": "subscription_cancel",
                "subscription_cancel": {"subscription": subscription.id},
            },
        }
    )
    _change(client, subscription)
    sandbox.advance(32 * DAY)
    sandbox.post("cards", customer=subscription.customer, number="4000000000000341")
    sandbox.advance(50 * DAY)
    _give_back(client, sandbox)
    client.v1.customers.delete(customer.id)
    return subscription


def _change(client, subscription):
    item = subscription["items"].data[0]
    price = {**PRICE_CHANGE, "product": item.price.product}
    client.v1.subscriptions.update(
        subscription.id,
        {"items": [{"id": item.id, "price_data": price}], "proration_behavior": "none"},
    )
    for wish in (True, False):
        client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": wish})


def _give_back(client, sandbox):
    paid = [charge for charge in client.v1.charges.list({"limit": 100}).data if charge.paid]
    client.v1.refunds.create({"charge": paid[0].id, "amount": 100})
    dispute = sandbox.post("disputes", charge=paid[1].id)
    sandbox.post("disputes", dispute=dispute["id"], outcome="won")
    sandbox.post("fraud_warnings", charge=paid[1].id)


LISTS = {
    "balance_transactions": "data.source",
    "billing_portal/configurations": "",
    "charges": "data.balance_transaction data.customer data.payment_intent data.refunds",
    "checkout/sessions": (
        "data.line_items data.customer data.payment_intent data.subscription data.setup_intent "
        "data.invoice"
    ),
    "customers": "data.subscriptions",
    "disputes": "data.charge",
    "events": "",
    "invoice_payments": "data.invoice data.payment.payment_intent",
    "invoices": (
        "data.payments data.confirmation_secret data.customer "
        "data.parent.subscription_details.subscription"
    ),
    "payment_intents": "data.latest_charge.balance_transaction data.payment_method",
    "prices": "data.product",
    "products": "",
    "radar/early_fraud_warnings": "data.charge",
    "refunds": "data.balance_transaction",
    "setup_intents": "data.payment_method",
    "subscriptions": "data.customer data.default_payment_method data.latest_invoice",
    "webhook_endpoints": "",
}


def test_every_object_has_the_published_shape(lived, standin, http, sandbox):
    seen = set()
    for path, expand in LISTS.items():
        params = [("limit", "100"), *(("expand[]", name) for name in expand.split())]
        if path == "subscriptions":
            params.append(("status", "all"))
        answer = http.get(f"{standin.url}/v1/{path}", params=params, auth=(standin.api_key, ""))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["data"], f"no {path}"
        assert shapes.problems(page) == []
        seen |= {entry["object"] for entry in page["data"]}
    every = set(sandbox.get("state")) - {"billing_portal.session", "payment_method"}
    assert seen == every
    assert [problem for kept in standin.world.objects.values() for problem in
            shapes.problems(kept)] == []  # fmt: skip


def test_an_invoice_expands_to_its_payments(lived, standin, http):
    answer = http.get(
        f"{standin.url}/v1/invoices/{lived.latest_invoice}",
        params=[("expand[]", "payments.data.payment.payment_intent")],
        auth=(standin.api_key, ""),
    ).json()
    assert answer["payments"]["data"][0]["payment"]["payment_intent"]["object"] == "payment_intent"
    assert shapes.problems(answer) == []


def test_account_and_payment_methods_have_the_published_shape(lived, standin, http):
    for path in ("account", f"customers/{lived.customer}/payment_methods"):
        answer = http.get(f"{standin.url}/v1/{path}", auth=(standin.api_key, "")).json()
        assert shapes.problems(answer) == []


def test_every_type_of_event_is_a_published_one(lived, standin):
    published = hints.literal_values(hints.fields(hints.object_class("event"))["type"])
    types = {event["type"] for event in standin.world.all("event")}
    assert types <= set(published)
    assert len(types) > 25


def test_the_walk_finds_what_is_wrong(standin, client):
    customer = client.v1.customers.create({"name": "A"}).to_dict()
    assert shapes.problems(customer) == []
    for change, complaint in (
        ({"nickname": "x"}, "customer.nickname: unknown"),
        ({"created": "yesterday"}, "customer.created: 'yesterday' is no"),
        ({"livemode": None}, "customer.livemode: null"),
        ({"tax_exempt": "perhaps"}, "customer.tax_exempt: 'perhaps' is none"),
        ({"address": {"planet": "x"}}, "customer.address.planet: unknown"),
        ({"preferred_locales": [1]}, "customer.preferred_locales[0]: 1 is no"),
        ({"subscriptions": {"object": "list", "data": [customer]}}, "customer.subscriptions"),
    ):
        (problem, *_) = shapes.problems({**customer, **change})
        assert problem.startswith(complaint)
    del customer["created"]
    assert shapes.problems(customer) == ["customer.created: missing"]


def test_every_parameter_in_effect_is_a_published_one():
    for route in ROUTES:
        published = hints.parameters(route.parameters).keys()
        assert route.takes - ALWAYS_TAKEN <= published, route.pattern.pattern


def test_a_field_that_does_not_exist_cannot_be_made():
    with pytest.raises(TypeError, match="customer has no nickname"):
        shapes.blank("customer", nickname="x")
