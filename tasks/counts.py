"""The task of counts that take long."""

from celery import shared_task

from membership.counts import slow


@shared_task(name="counts.make")
def make() -> None:
    """Make what is due; each count has a transaction of its own."""
    slow.make_due()
