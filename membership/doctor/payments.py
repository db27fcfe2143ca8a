"""Stripe: whether our key works, its webhook comes to us, and its clock is ours."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from config.settings import LOCAL_HOSTS, settings
from membership.billing import gateway
from membership.billing.door import PATH
from membership.billing.snapshots import WebhookEndpoint
from membership.billing.sync import WANTED_EVENTS
from membership.doctor.findings import Finding, ok, warning, wrong
from membership.doctor.servers import clocks

WEBHOOK = "Stripe's webhook"


def stripe() -> Iterator[Finding]:
    """One request answers for the key, the webhook and the clock."""
    try:
        page = gateway.webhook_endpoints()
    except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
        advice = "Look at STRIPE_SECRET_KEY; a restricted key must be able to read webhooks."
        # Its first sentence; the client goes on with whom to write to.
        said = str(error).partition(". ")[0].rstrip(".")
        yield wrong("Stripe", f"does not answer our key: {said}.", advice)
        return
    yield _world()
    yield _webhook([each.said for each in page.entries if each.said is not None])
    yield clocks("Stripe", page.answered_at)


def _world() -> Finding:
    if settings().is_live:
        return ok("Stripe", "our key works; real money moves.")
    if urlsplit(settings().public_url).hostname in LOCAL_HOSTS:
        return ok("Stripe", "our key works, in test mode.")
    advice = "Before readers give, set the key and the webhook's secret of live mode."
    return warning("Stripe", "our key works, but in test mode: no money moves.", advice)


def _webhook(endpoints: list[WebhookEndpoint]) -> Finding:
    url = f"{settings().public_url}{PATH}"
    ours = [each for each in endpoints if each.url == url]
    if not ours:
        advice = f"Add {url} there, with the events that docs/operating.md lists."
        return wrong(WEBHOOK, "Stripe has none that points at this site.", advice)
    enabled = [each for each in ours if each.is_enabled]
    if not enabled:
        advice = "Enable it in Stripe's dashboard, then: flask billing backfill --since 30"
        return wrong(WEBHOOK, "it is disabled, so nothing is heard of payments.", advice)
    heard = frozenset[str]().union(*(each.events for each in enabled))
    missing = sorted(WANTED_EVENTS - heard) if "*" not in heard else []
    if missing:
        advice = "Add them to it in Stripe's dashboard."
        return wrong(WEBHOOK, f"it does not bring {', '.join(missing)}.", advice)
    if len(enabled) > 1:
        advice = "Delete all but the one whose secret is in STRIPE_WEBHOOK_SECRETS."
        return warning(WEBHOOK, f"{len(enabled)} of them point at this site.", advice)
    return ok(WEBHOOK, "it is enabled and brings every event that we need.")
