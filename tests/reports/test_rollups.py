"""Rollups say what ledger and donations say, however often and whenever they are rebuilt."""

import threading
from datetime import UTC, date, datetime

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from membership.billing.models import SUBSCRIPTION_STATES, Dispute, Donation
from membership.billing.revenue import monthly_value
from membership.db import transaction
from membership.reports import rollups
from membership.reports.models import DailyFigures, RollupState
from membership.reports.overview.running import differences, running
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, joins, leaves, moved, pays

TODAY = NOON.date()
SUMS = [
    name
    for name in DailyFigures.__table__.columns.keys()  # noqa: SIM118
    if name.endswith(("_minor", "_gifts", "_patrons"))
]


def figures(session: Session) -> dict[tuple[date, str], dict[str, int]]:
    """The rollups' numbers that are not 0, by day and currency."""
    session.expire_all()
    return {
        (row.day, row.currency): {name: getattr(row, name) for name in SUMS if getattr(row, name)}
        for row in session.scalars(select(DailyFigures))
    }


def test_one_day_by_hand(session: Session) -> None:
    """[D1] Yearly amounts count a twelfth; each currency stands by itself."""
    monthly = joins(session, amount_minor=400)
    joins(session, amount_minor=6000, interval="year")
    joins(session, amount_minor=9000, currency="UAH")
    moved(session, monthly, "expansion", 600)
    moved(session, monthly, "contraction", -200)
    giver = factories.account(session)
    pays(session, giver, amount_minor=2500)
    rollups.rebuild(session)
    assert figures(session) == {
        (TODAY, "EUR"): {
            "new_minor": 900,
            "expansion_minor": 600,
            "contraction_minor": -200,
            "new_patrons": 2,
            "one_time_minor": 2500,
            "one_time_gifts": 1,
            "received_minor": 8900,
        },
        (TODAY, "UAH"): {"new_minor": 9000, "new_patrons": 1, "received_minor": 9000},
    }


def test_leaving_and_coming_back(session: Session) -> None:
    left, failed, back = joins(session), joins(session), joins(session)
    leaves(session, left, NOON + DAY)
    leaves(session, failed, NOON + DAY, "payment_failed")
    leaves(session, back, NOON + DAY)
    moved(session, back, "reactivation", 700, NOON + 2 * DAY)
    rollups.rebuild(session)
    assert figures(session)[TODAY + DAY, "EUR"] == {
        "churn_voluntary_minor": -800,
        "churn_involuntary_minor": -400,
        "lost_patrons": 3,
    }
    assert figures(session)[TODAY + 2 * DAY, "EUR"] == {
        "reactivation_minor": 700,
        "new_patrons": 1,
    }


def test_a_refund_counts_on_its_own_day(session: Session) -> None:
    """A closed month stays as it was reported."""
    giver = factories.account(session)
    gift = pays(session, giver, amount_minor=2500)
    factories.refund(session, gift, 2000, NOON + 40 * DAY)
    rollups.rebuild(session)
    assert figures(session) == {
        (TODAY, "EUR"): {"one_time_minor": 2500, "one_time_gifts": 1, "received_minor": 2500},
        (TODAY + 40 * DAY, "EUR"): {"one_time_minor": -2000, "received_minor": -2000},
    }


def test_a_day_is_that_of_utc(session: Session) -> None:
    joins(session, datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC))
    joins(session, datetime(2026, 3, 3, tzinfo=UTC))
    rollups.rebuild(session)
    assert [day for day, _ in sorted(figures(session))] == [date(2026, 3, 2), date(2026, 3, 3)]


def _last_rebuilt(session: Session, at: datetime) -> None:
    session.execute(update(RollupState).values(rebuilt_at=at))


def test_refreshing_an_empty_table_rebuilds_all(session: Session) -> None:
    joins(session)
    joins(session, NOON + 300 * DAY)
    rollups.refresh(session)
    assert len(figures(session)) == 2


def test_what_was_never_built_is_built_piece_by_piece(session: Session) -> None:
    """[L13] After an upgrade each piece is kept as soon as it is made; none is made twice."""
    joins(session)
    rollups.refresh(session)
    whole = figures(session)
    session.execute(delete(RollupState))
    session.execute(delete(DailyFigures))
    rollups.build_missing()
    assert figures(session) == whole
    built = {each.name: each.rebuilt_at for each in session.scalars(select(RollupState))}
    assert set(built) == {rollups.PATRONS, *(each.name for each in rollups.ROLLUPS)}
    rollups.build_missing()
    session.expire_all()
    assert built == {each.name: each.rebuilt_at for each in session.scalars(select(RollupState))}


def test_refreshing_adds_what_is_new_and_leaves_what_is_old(session: Session) -> None:
    joins(session)
    rollups.refresh(session)
    _last_rebuilt(session, NOON + 30 * DAY)
    session.execute(update(DailyFigures).values(new_patrons=77))
    joins(session, NOON + 31 * DAY)
    rollups.refresh(session)
    assert len(figures(session)) == 2
    # Nobody looked at the old day again, or it would have been put right.
    assert figures(session)[TODAY, "EUR"]["new_patrons"] == 77
    rollups.rebuild(session)
    assert figures(session)[TODAY, "EUR"]["new_patrons"] == 1


def test_refreshing_finds_a_payment_that_stripe_told_late(session: Session) -> None:
    """[L6]"""
    giver = factories.account(session)
    pays(session, giver, NOON + 29 * DAY)
    rollups.refresh(session)
    _last_rebuilt(session, NOON + 29 * DAY)
    factories.donation(session, giver, paid_at=NOON, created_at=NOON + 30 * DAY)
    rollups.refresh(session)
    assert figures(session)[TODAY, "EUR"]["one_time_minor"] == 400


def test_refreshing_finds_a_refund(session: Session) -> None:
    giver = factories.account(session)
    gift = pays(session, giver)
    rollups.refresh(session)
    _last_rebuilt(session, NOON + 9 * DAY)
    factories.refund(session, gift, 400, NOON + 8 * DAY)
    rollups.refresh(session)
    assert figures(session)[TODAY + 8 * DAY, "EUR"]["one_time_minor"] == -400


def test_each_part_of_a_refund_counts_on_its_own_day(session: Session) -> None:
    """[L15] A second part enters by itself, and so does one that Stripe told late."""
    giver = factories.account(session)
    gift = pays(session, giver, amount_minor=2500)
    factories.refund(session, gift, 500, NOON + 2 * DAY)
    rollups.refresh(session)
    _last_rebuilt(session, NOON + 30 * DAY)
    factories.refund(session, gift, 700, NOON + 31 * DAY)
    # Made long ago, heard of now.
    factories.refund(session, gift, 100, NOON + 5 * DAY, changed_at=NOON + 31 * DAY)
    rollups.refresh(session)
    refreshed = figures(session)
    assert [refreshed[TODAY + days * DAY, "EUR"]["received_minor"] for days in (2, 5, 31)] == [
        -500,
        -100,
        -700,
    ]
    rollups.rebuild(session)
    assert figures(session) == refreshed


def test_a_refund_that_failed_later_is_income_again(session: Session) -> None:
    """[L15] The bank could not take it; the day on which it was made is corrected."""
    giver = factories.account(session)
    gift = pays(session, giver, amount_minor=2500)
    back = factories.refund(session, gift, 500, NOON + 2 * DAY, state="pending")
    factories.refund(session, gift, 300, NOON + 2 * DAY, state="asked", refunded_at=None)
    rollups.refresh(session)
    assert figures(session)[TODAY + 2 * DAY, "EUR"]["received_minor"] == -500
    _last_rebuilt(session, NOON + 30 * DAY)
    back.state, back.changed_at = "failed", NOON + 31 * DAY
    session.flush()
    rollups.refresh(session)
    assert (TODAY + 2 * DAY, "EUR") not in figures(session)


def test_what_a_bank_took_back_is_no_income(session: Session) -> None:
    """[L15] On the day of the dispute, less what had gone back before; won, it is income again."""
    giver = factories.account(session)
    gift = pays(session, giver, amount_minor=2500)
    joins(session, amount_minor=400)
    factories.refund(session, gift, 500, NOON + 2 * DAY)
    rollups.refresh(session)
    _last_rebuilt(session, NOON + 30 * DAY)
    disputes = []
    for donation in session.scalars(select(Donation)):
        donation.disputed_at = NOON + 9 * DAY
        disputes.append(_disputed(session, donation, NOON + 31 * DAY))
    rollups.refresh(session)
    lost = {"one_time_minor": -2000, "received_minor": -2400}
    assert figures(session)[TODAY + 9 * DAY, "EUR"] == lost
    refreshed = figures(session)
    rollups.rebuild(session)
    assert figures(session) == refreshed
    assert refreshed[TODAY, "EUR"]["received_minor"] == 2900

    _last_rebuilt(session, NOON + 60 * DAY)
    for donation, dispute in zip(session.scalars(select(Donation)), disputes, strict=True):
        donation.disputed_at = None
        dispute.status, dispute.synced_at = "won", NOON + 61 * DAY
    session.flush()
    rollups.refresh(session)
    assert (TODAY + 9 * DAY, "EUR") not in figures(session)


def _disputed(session: Session, donation: Donation, heard_at: datetime) -> Dispute:
    return factories.add(
        session,
        Dispute(
            kind="dispute",
            stripe_id=f"du_{donation.id}",
            donation_id=donation.id,
            reason="general",
            status="needs_response",
            amount_minor=donation.amount_minor,
            currency=donation.currency,
            opened_at=donation.disputed_at,
            synced_at=heard_at,
        ),
    )


def test_refreshing_finds_a_fee_that_stripe_told_late(session: Session) -> None:
    """[D1] It counts on the day of its payment."""
    giver = factories.account(session)
    gift = pays(session, giver)
    rollups.refresh(session)
    assert (TODAY, "USD") not in figures(session)
    _last_rebuilt(session, NOON + 30 * DAY)
    gift.fee_minor, gift.fee_currency = 45, "USD"
    session.flush()
    rollups.refresh(session)
    assert figures(session)[TODAY, "USD"] == {"fee_minor": 45}


def test_what_runs_is_worth_the_same_to_postgresql(session: Session) -> None:
    """[D7] Yearly amounts that are rounded up, down and to even, and what is paused."""
    terms = [(amount, "year", False) for amount in (100, 101, 102, 107, 114)]
    terms += [(100, "month", False), (100, "year", True)]
    worth = 0
    for state in SUBSCRIPTION_STATES:
        for amount, interval, paused in terms:
            worth += monthly_value(amount, interval, state, collection_paused=paused)
            joins(
                session,
                amount_minor=amount,
                interval=interval,
                state=state,
                collection_paused=paused,
            )
    assert differences(session) == []
    rollups.rebuild(session)
    assert running(session)["EUR"].mrr == worth > 0


def test_two_workers_at_once_write_each_day_once(committed: Engine) -> None:
    """[V11] Two beats wake two workers; neither fails, nothing is doubled."""
    with transaction() as session:
        for days in range(5):
            joins(session, NOON + days * DAY)
    start = threading.Barrier(4)
    failed: list[Exception] = []

    def work() -> None:
        start.wait()
        try:
            with transaction() as session:
                rollups.refresh(session)
        except Exception as error:  # noqa: BLE001  the test fails with whatever it was
            failed.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failed
    with transaction() as session:
        assert [each["new_patrons"] for each in figures(session).values()] == [1] * 5
