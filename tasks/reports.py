"""Tasks of reports: open a transaction, call one function of the feature."""

from celery import shared_task

from membership.db import transaction
from membership.reports import heartbeat, rollups, summary


@shared_task(name="reports.refresh")
def refresh() -> None:
    rollups.build_missing()
    with transaction() as session:
        rollups.refresh(session)


@shared_task(name="reports.freeze")
def freeze() -> None:
    with transaction() as session:
        rollups.freeze(session)


@shared_task(name="reports.summarise")
def summarise() -> None:
    """Write the week in figures to the staff who want it, if it is due."""
    with transaction() as session:
        summary.write(session)


@shared_task(name="reports.beat_heart")
def beat_heart() -> None:
    with transaction() as session:
        heartbeat.beat(session)


@shared_task(name="reports.answer_heart")
def answer_heart() -> None:
    with transaction() as session:
        heartbeat.answer(session)
