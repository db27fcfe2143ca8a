"""Tasks of accounts: open a transaction, call one function of the feature."""

from celery import shared_task

from membership.accounts import address_changes, sign_in_requests
from membership.db import transaction


@shared_task(name="accounts.forget_old")
def forget_old() -> None:
    with transaction() as session:
        sign_in_requests.forget_old(session)
        address_changes.forget_old(session)
