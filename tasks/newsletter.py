"""Tasks of what is sent by the week and by the month: call one function of the feature."""

from celery import shared_task

from membership.db import transaction
from membership.newsletter import asking, digest, readers, weekly


@shared_task(name="newsletter.issue")
def issue() -> None:
    """Write the weekly letter, if it is due."""
    with transaction() as session:
        weekly.write(session)


@shared_task(name="newsletter.digest")
def write_digest() -> None:
    """Write the monthly digest, if it is due."""
    with transaction() as session:
        digest.write(session)


@shared_task(name="newsletter.forget_old")
def forget_old() -> None:
    with transaction() as session:
        readers.forget_old(session)
        asking.forget_old(session)
