"""The official client, built once for the application."""

import stripe
from flask import current_app, has_request_context

from config.settings import settings

# Rule B13. The shapes that reading.py reads are this version's; raise it together with the
# `stripe` package.
API_VERSION = "2026-10-28.endive"
# Seconds to connect and to read, and how often a request is sent again.
WORKER_PATIENCE = ((5.0, 20.0), 2)
# A reader waits. Opening a payment page may take two requests, in all less than the proxy allows
# (config/nginx.conf); what takes more requests gives up at the first that hangs.
PAGE_PATIENCE = ((2.0, 5.0), 1)


def stripe_client() -> stripe.StripeClient:
    """Patient for the worker, which has time; less so while a reader waits for a page."""
    if has_request_context():
        return page_client()
    return _built("kava.stripe", *WORKER_PATIENCE)


def page_client() -> stripe.StripeClient:
    """For what a reader waits for."""
    return _built("kava.stripe.pages", *PAGE_PATIENCE)


def _built(name: str, timeout: tuple[float, float], retries: int) -> stripe.StripeClient:
    """Built once for the application; its connections are kept per thread."""
    found: stripe.StripeClient | None = current_app.extensions.get(name)
    if found is None:
        base = settings().stripe_api_base
        found = current_app.extensions[name] = stripe.StripeClient(
            settings().stripe_secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": base} if base else {},
            max_network_retries=retries,
            http_client=stripe.RequestsClient(timeout=timeout),
        )
    return found
