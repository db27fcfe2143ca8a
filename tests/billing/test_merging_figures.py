"""After two accounts of one person became one, every figure is what it was."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from membership.accounts import merging
from membership.accounts.models import Account
from membership.billing import ledger
from membership.billing.models import Donation, LedgerEntry, Subscription
from membership.reports import lifetime, rollups
from membership.reports.models import DailyFigures
from tests import factories
from tests.conftest import rolled_back
from tests.factories import NOON
from tests.reports.giving import pays

DAY = timedelta(days=1)
currencies = st.sampled_from(["EUR", "UAH"])
# What somebody did: gave once (a part may go back), or gave monthly for so many months.
gifts = st.tuples(currencies, st.integers(100, 9000), st.integers(0, 100))
agreements = st.tuples(currencies, st.integers(100, 9000), st.integers(1, 4))
lives = st.tuples(st.lists(gifts, max_size=3), st.lists(agreements, max_size=2))


def lived(session: Session, account: Account, life: Any, is_over: bool) -> None:
    once, monthly = life
    for currency, amount, percent in once:
        donation = pays(session, account, NOON, amount_minor=amount, currency=currency)
        if part := amount * percent // 100:
            factories.refund(session, donation, part, NOON + DAY)
    for number, (currency, amount, months) in enumerate(monthly):
        is_last = number == len(monthly) - 1
        ends = is_over or not is_last
        begins = NOON + number * 200 * DAY
        given = factories.subscription(
            session, account, amount_minor=amount, currency=currency, started_at=begins
        )
        ledger.append(session, given, begins)
        for month in range(months):
            pays(
                session,
                account,
                begins + month * 30 * DAY,
                subscription_id=given.id,
                amount_minor=amount,
                currency=currency,
            )
        if ends:
            given.state, given.end_reason = "ended", "voluntary"
            given.ended_at = begins + 150 * DAY
            ledger.append(session, given, given.ended_at)
    session.flush()


def figures(session: Session, *people: Account) -> dict[str, Any]:
    """As the dashboards and the night's comparison ask them, and per person as their pages do."""
    rollups.rebuild(session)
    days = session.scalars(select(DailyFigures).order_by(DailyFigures.day, DailyFigures.currency))
    columns = [column.name for column in DailyFigures.__table__.columns]
    live = Subscription.state != "ended"
    by_person: dict[str, int] = {}
    for person in people:
        for each in lifetime.of_account(session, person.id):
            currency = each.net.currency
            by_person[currency] = by_person.get(currency, 0) + each.net.minor
    return {
        "days": [[getattr(day, name) for name in columns] for day in days],
        "ledger": asked(session, LedgerEntry.currency, func.sum(LedgerEntry.amount_minor)),
        "mrr": asked(session, Subscription.currency, func.sum(Subscription.amount_minor), live),
        "patrons": session.scalar(
            select(func.count(Subscription.account_id.distinct())).where(live)
        ),
        "given": asked(session, Donation.currency, func.sum(Donation.amount_minor)),
        "by person": by_person,
    }


def asked(session: Session, by: Any, what: Any, *where: Any) -> dict[str, int]:
    rows = session.execute(select(by, what).where(*where).group_by(by))
    return {currency: int(total) for currency, total in rows}


@settings(max_examples=12, derandomize=True)
@given(kept=lives, gone=lives, who_gives=st.sampled_from(["kept", "gone", "neither"]))
def test_no_figure_changes(
    app: Flask, engine: Engine, kept: Any, gone: Any, who_gives: str
) -> None:
    """[D1] [D7] [L15] MRR, patrons, the ledger's sums, each day's movements, and what was given."""
    with rolled_back(app, engine) as session:
        one, other = factories.account(session), factories.account(session)
        lived(session, one, kept, is_over=who_gives != "kept")
        lived(session, other, gone, is_over=who_gives != "gone")
        before = figures(session, one, other)
        merging.merge(session, one.id, other.id, actor_id=one.id, reason="They asked.")
        session.expire_all()
        assert figures(session, one) == before
        assert lifetime.of_account(session, other.id) == []


@pytest.mark.parametrize("state", ["active", "past_due", "paused", "cancel_scheduled"])
def test_two_who_give_stay_two(
    session: Session, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[B6] Else a patron would be missing from one day to the next."""
    one, other = factories.patron(session), factories.account(session)
    factories.subscription(session, other, state=state)
    before: Callable[[], Any] = figures(session, one, other)
    with pytest.raises(merging.CannotMergeError, match="both_give"):
        merging.merge(session, one.id, other.id, actor_id=one.id, reason="They asked.")
    assert figures(session, one, other) == before
