"""Tasks of campaigns: each calls one function of the feature."""

from celery import shared_task

from membership.campaigns import sending


@shared_task(name="campaigns.advance")
def advance() -> None:
    """Begin and finish what is due; each campaign has a transaction of its own."""
    sending.advance_due()
