"""Telling givers once a year that their statement is ready (rule B18).

The mail that was written says that it was done: a run that breaks off is taken up by the next, and
nobody is told twice (lesson L16). How much somebody gave, and who, the mail does not say (S10).
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, Select, exists, func, select

from membership import clock
from membership.accounts.models import Account
from membership.billing import letters
from membership.billing.models import Donation
from membership.billing.papers import facts
from membership.billing.standing import taken_back
from membership.db import lock, transaction

# To as many a run. All of them at once would stand in front of the next sign-in mail, since both
# are mail that is always sent.
BATCH = 100


def announce_due() -> int:
    """Tell the next givers who have not been told yet, if it is the time; how many."""
    year = facts.year_to_announce(clock.newsroom_day())
    if year is None:
        return 0
    with transaction() as session:
        # One run after the other: each sees whom the one before has told.
        lock(session, letters.ANNUAL_STATEMENT)
        givers = session.scalars(_untold(year)).all()
        for account in givers:
            letters.annual_statement(session, account, year)
    return len(givers)


def _untold(year: int) -> Select[Account]:
    subject = func.concat("account:", Account.id, ":", year)
    return (
        select(Account)
        .where(
            Account.deleted_at.is_(None),
            Account.delete_after_at.is_(None),
            _gave_in(year),
            ~letters.told(letters.ANNUAL_STATEMENT, subject),
        )
        .order_by(Account.id)
        .limit(BATCH)
        # Whose address is being changed at the moment is due in the next run, too.
        .with_for_update(of=Account, skip_locked=True, key_share=True)
    )


def _gave_in(year: int) -> ColumnElement[bool]:
    """SQL: the account gave something in that year which is still with us, in whatever way."""
    first, last = facts.days_of(year)
    return exists().where(
        Donation.account_id == Account.id,
        Donation.paid_at >= clock.newsroom_midnight(first),
        Donation.paid_at < clock.newsroom_midnight(last + timedelta(days=1)),
        ~taken_back(),
    )
