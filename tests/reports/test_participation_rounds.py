"""Who voted among whom is counted once a round is settled, and stays."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing import forgetting
from membership.billing.gifts.models import Gift
from membership.db import database_now
from membership.reports import rollups
from membership.reports.models import RoundGroup
from membership.voting.models import Tally
from tests import factories
from tests.factories import NOON
from tests.reports.giving import joins, leaves, moved
from tests.reports.participating import CLOSED, DAY, account, count, groups, patrons, settled
from tests.voting.letters_of_votes import held, settle, vote

YEAR = timedelta(days=366)


def test_by_tenure_and_by_amount(session: Session) -> None:
    """[D5] Voters against all who might have voted, as they were at the close."""
    new, old = patrons(session, 3), patrons(session, 2, NOON - 2 * YEAR, amount_minor=1200)
    yearly = joins(session, NOON - YEAR, amount_minor=120000, interval="year", currency="UAH")
    patrons(session, 1, CLOSED)  # began too late
    factories.account(session)  # no patron
    round_ = settled(session, [new[0], old[0], yearly])
    count(session)
    assert groups(session, round_) == {
        ("all", "", ""): (6, 3),
        ("tenure", "", "0"): (3, 1),
        ("tenure", "", "12"): (1, 1),
        ("tenure", "", "24"): (2, 1),
        ("amount", "EUR", "0"): (3, 1),
        ("amount", "EUR", "10"): (2, 1),
        ("amount", "UAH", "100"): (1, 1),
    }


def test_what_changes_afterwards_changes_no_amount(session: Session) -> None:
    """[D5] Raised, left or paused after the close: it was otherwise then."""
    raised, left, paused = patrons(session, 3)
    moved(session, raised, "expansion", 4000, CLOSED + DAY)
    leaves(session, left, CLOSED + DAY)
    moved(session, paused, "churn_voluntary", -400, CLOSED - DAY)
    round_ = settled(session, [raised])
    count(session, CLOSED + 9 * DAY)
    found = groups(session, round_)
    assert found["all", "", ""] == (3, 1)
    assert found["amount", "EUR", "0"] == (2, 1)
    assert found["amount", "", ""] == (1, 0)


def test_who_took_a_gift_is_there_without_an_amount(session: Session) -> None:
    """[D5] A gift gives a vote, and its tenure begins with it."""
    taker = factories.account(session)
    session.add(
        Gift(
            source="pool", state="redeemed", recipient_email=taker.email, language="en", months=12,
            amount_minor=4800, currency="EUR", send_on=NOON.date(), account_id=taker.id,
            redeemed_at=NOON, begins_at=NOON, ends_at=NOON + YEAR,
        )
    )  # fmt: skip
    round_ = settled(session, [])
    count(session)
    assert groups(session, round_) == {
        ("all", "", ""): (1, 0),
        ("tenure", "", "0"): (1, 0),
        ("amount", "", ""): (1, 0),
    }


def test_who_still_has_standing_later(session: Session) -> None:
    """[D5] After 3, 6 and 12 months, each as soon as that day has come."""
    stays, goes, others = joins(session), joins(session), patrons(session, 2)
    leaves(session, goes, CLOSED + 100 * DAY)
    leaves(session, others[0], CLOSED + 10 * DAY)
    round_ = settled(session, [stays, goes])
    count(session, CLOSED + 91 * DAY)
    assert groups(session, round_)["kept_3", "", ""] == (3, 2)
    assert ("kept_6", "", "") not in groups(session, round_)
    count(session, CLOSED + YEAR)
    found = groups(session, round_)
    assert found["kept_3", "", ""] == (3, 2)
    assert found["kept_6", "", ""] == found["kept_12", "", ""] == (2, 1)


def test_only_settled_rounds_are_counted(session: Session) -> None:
    """[V4] [V8] What is open, closed or void has no groups."""
    patrons(session, 2)
    for state in ("draft", "open", "closed", "void"):
        factories.round_(session, state=state, opens_at=CLOSED - DAY, closes_at=CLOSED)
    count(session, CLOSED + YEAR)
    assert session.scalar(select(func.count()).select_from(RoundGroup)) == 0


def test_the_electorate_is_that_of_the_tally(session: Session) -> None:
    """[D5] [V3] Settled as a worker does it: the same people are counted."""
    voters = [factories.patron(session) for _ in range(3)]
    factories.patron(session)
    round_ = held(session)
    for voter in voters:
        vote(session, round_, voter)
    settle(session, round_)
    count(session, database_now(session))
    tally = session.get_one(Tally, round_.id)
    assert groups(session, round_)["all", "", ""] == (tally.electorate, tally.ballots) == (4, 3)


def test_counting_again_gives_the_same_rows(session: Session) -> None:
    """[D5] [V9] Though voters have left and were deleted meanwhile."""
    given = patrons(session, 4, amount_minor=700)
    rounds = [settled(session, given[:2]), settled(session, given[2:], CLOSED + 40 * DAY)]
    later = CLOSED + YEAR + 41 * DAY
    count(session, later)
    before = [groups(session, each) for each in rounds]
    assert before[0]["all", "", ""] == (4, 2)
    assert {name for name, _, _ in before[0]} == {
        "all", "tenure", "amount", "kept_3", "kept_6", "kept_12",
    }  # fmt: skip
    with clock.fixed(later):
        for gone in (given[0], given[3]):
            leaves(session, gone, later)
            forgetting.forget(session, account(session, gone))
        count(session, later)
        assert [groups(session, each) for each in rounds] == before
        rollups.rebuild(session)
    assert [groups(session, each) for each in rounds] == before
    assert session.scalars(select(Account.id).where(Account.deleted_at.is_not(None))).all()


def test_counted_once(session: Session) -> None:
    """[D5] Beat finds nothing to do, and nobody's later leaving is looked at."""
    given = patrons(session, 2)
    round_ = settled(session, given)
    count(session)
    given[0].started_at = CLOSED + DAY
    session.flush()
    with clock.fixed(CLOSED + 2 * DAY):
        assert not rollups.rounds.freeze_next(session)
    assert groups(session, round_)["all", "", ""] == (2, 2)
