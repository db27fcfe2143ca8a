"""What a portal offers, and products whose ids are given."""

import pytest
import stripe


def test_a_portal_offers_what_its_configuration_says(client, subscribed, http, standin):
    """[B9]"""
    subscription = subscribed()
    made = client.v1.billing_portal.configurations.create(
        {
            "features": {
                "invoice_history": {"enabled": True},
                "payment_method_update": {"enabled": True},
            },
            "metadata": {"made_by": "us"},
        }
    )
    assert made.is_default is False
    (listed,) = client.v1.billing_portal.configurations.list({"active": True}).data
    assert (listed.id, listed.metadata["made_by"]) == (made.id, "us")
    portal = client.v1.billing_portal.sessions.create(
        {"customer": subscription.customer, "configuration": made.id}
    )
    page = http.get(portal.url).text
    assert "Payment method" in page
    assert "Cancel subscription" not in page
    wish = f"{portal.url}/subscriptions/{subscription.id}"
    assert http.post(wish, data={"wish": "cancel"}).status_code == 404
    plain = client.v1.billing_portal.sessions.create({"customer": subscription.customer})
    assert plain.configuration != made.id
    assert "Cancel subscription" in http.get(plain.url).text


def test_a_portal_that_changes_amounts_is_not_pretended(client):
    with pytest.raises(stripe.APIError) as refused:
        client.v1.billing_portal.configurations.create(
            {"features": {"subscription_update": {"enabled": True}}}
        )
    assert refused.value.http_status == 501


def test_a_product_has_its_id_once(client):
    wanted = {"id": "kava_monthly", "name": "Monthly support"}
    assert client.v1.products.create(wanted).id == "kava_monthly"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.products.create(wanted)
    assert refused.value.code == "resource_already_exists"
