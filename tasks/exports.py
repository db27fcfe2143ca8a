"""Tasks of what staff take along: call one function of the feature."""

from celery import shared_task

from membership.db import transaction
from membership.exports import jobs


@shared_task(name="exports.make")
def make() -> None:
    """Make what is asked for, in short steps of their own transactions."""
    jobs.take_turns()


@shared_task(name="exports.forget_old")
def forget_old() -> None:
    """Delete the files whose time is over."""
    with transaction() as session:
        jobs.forget_old(session)
