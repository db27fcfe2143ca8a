"""Tasks of billing: open a transaction, call one function of the feature."""

from celery import shared_task

from membership.billing import inbox


@shared_task(name="billing.process_events")
def process_events() -> None:
    """Each event has transactions of its own: to claim it, and to follow it."""
    inbox.process_due()
