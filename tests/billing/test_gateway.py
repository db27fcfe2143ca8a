"""Which Stripe we speak to: its version is ours to choose."""

from pathlib import Path

import pytest
import stripe
from flask import Flask

from membership.billing import gateway
from membership.billing.gateway import client


@pytest.mark.usefixtures("stripe")
def test_the_version_is_pinned_and_is_the_packages(app: Flask) -> None:
    """[B13] The shapes that are read are this version's; another package is another task."""
    assert client.API_VERSION == "2026-10-28.endive" == stripe.api_version
    with app.app_context():
        assert client.stripe_client()._requestor._options.stripe_version == client.API_VERSION


def test_no_key_is_global() -> None:
    """[B13] A StripeClient of our own, and nothing that a library might set beside it."""
    assert stripe.api_key is None
    sources = Path(gateway.__path__[0]).glob("*.py")
    assert not [each.name for each in sources if "stripe.api_key" in each.read_text()]
