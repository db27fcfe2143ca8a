"""Tasks of reports: open a transaction, call one function of the feature."""

from celery import shared_task

from membership.db import transaction
from membership.reports import rollups


@shared_task(name="reports.refresh")
def refresh() -> None:
    with transaction() as session:
        rollups.refresh(session)
