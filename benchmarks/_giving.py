"""Patrons who give monthly at the Stripe stand-in, which has events to tell of them."""

from typing import Any

import requests
from flask import Flask

from membership import db
from membership.billing.models import Checkout

CARD = {
    "card[number]": "4242424242424242",
    "card[exp_month]": "12",
    "card[exp_year]": "2034",
    "card[cvc]": "123",
}


def give(app: Flask, stripe: str, key: str, patrons: int) -> None:
    """So many subscriptions at the stand-in, each with a checkout row of ours and one paid month.

    `stripe` is its address, `key` the secret key; the patrons are patron0@example.org and so on.
    """
    with app.app_context(), requests.Session() as api:
        api.auth = (key, "")
        for number in range(patrons):
            with db.transaction() as session:
                checkout = Checkout(
                    email=f"patron{number}@example.org", language="en", interval="month",
                    amount_minor=500, currency="EUR",
                )  # fmt: skip
                session.add(checkout)
                session.flush()
                metadata = {"metadata[checkout]": str(checkout.id)}
            card = _ask(api, f"{stripe}/v1/payment_methods", {"type": "card"} | CARD)["id"]
            customer = _ask(api, f"{stripe}/v1/customers", {"payment_method": card})["id"]
            product = _ask(api, f"{stripe}/v1/products", {"name": "Support"})["id"]
            price = {
                "items[0][price_data][currency]": "eur",
                "items[0][price_data][unit_amount]": "500",
                "items[0][price_data][recurring][interval]": "month",
                "items[0][price_data][product]": product,
                "default_payment_method": card,
                "customer": customer,
            }
            _ask(api, f"{stripe}/v1/subscriptions", price | metadata)


def _ask(api: requests.Session, url: str, form: dict[str, str]) -> Any:
    answer = api.post(url, data=form, timeout=30)
    assert answer.ok, answer.text
    return answer.json()
