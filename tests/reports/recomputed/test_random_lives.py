"""Whatever happens to a few patrons: figures agree with the raw rows, and make sense."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from membership import clock
from membership.reports import rollups
from membership.reports.models import DailyCount, DailyFigures
from membership.reports.overview import page as overview
from membership.reports.periods import Period
from membership.reports.recovery import page as recovery
from membership.reports.report import Asked, Report
from membership.reports.retention import page as retention
from membership.reports.rollups import givers
from tests.reports.recomputed import compare
from tests.reports.recomputed import overview as giving
from tests.reports.recomputed import recovery as failing
from tests.reports.recomputed import retention as staying
from tests.reports.recomputed.random_lives import BEGINNING, UNTIL, Book, Life, lives
from tests.reports.recomputed.raw import Raw, read

TODAY = UNTIL.date()
PAGES: tuple[tuple[Any, Any], ...] = (
    (overview.build, giving),
    (retention.report, staying),
    (recovery.report, failing),
)
PERIODS = (
    Period(date(2024, 1, 1), TODAY),
    Period(date(2024, 2, 29), date(2024, 3, 31)),
    Period(date(2024, 4, 15), date(2024, 8, 3)),
)
small = settings(
    max_examples=20,
    phases=[Phase.generate],
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FOREVER = datetime.max.replace(tzinfo=UNTIL.tzinfo)


@contextmanager
def undone(session: Session) -> Iterator[None]:
    """Nothing of an example is there in the next."""
    savepoint = session.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()
        session.expire_all()


@given(told=lives)
@small
def test_any_history_is_told_as_plain_python_tells_it(session: Session, told: list[Life]) -> None:
    """[D1] [D2] [D3] [D6]"""
    with clock.fixed(UNTIL), undone(session):
        Book(session).write(told, BEGINNING, UNTIL)
        rollups.rebuild(session)
        raw = read(session)
        for period in PERIODS:
            for currency in sorted(raw.currencies):
                asked = Asked(TODAY, period, currency, sees_all=True)
                for build, recomputed in PAGES:
                    report = build(session, asked)
                    if not report.tiles:
                        # A page says "no figures yet" where there is nothing to count.
                        assert not (
                            _failed(raw, asked)
                            if build is recovery.report
                            else raw.mrr(currency, period.last_day)
                        )
                        continue
                    assert compare.of_tiles(report, recomputed.tiles(raw, asked)) == []
                    assert compare.of_tables(report, recomputed.tables(raw, asked)) == []
                    _makes_sense(report)


def _failed(raw: Raw, asked: Asked) -> bool:
    return any(failing.failed(raw, asked.currency, asked.period))


def _makes_sense(report: Report) -> None:
    """What holds of any figures."""
    value = {tile.key: compare.plain(tile.figure) for tile in report.tiles}
    tables = {table.key: table for table in report.tables}
    for key in ("patrons", "mrr", "arr", "at_risk", "scheduled_churn", "cash", "failed", "ltv"):
        assert (value.get(key) or 0) >= 0
    for key in ("recovered", "recovered_value", "margin", "gross_retention", "churn"):
        assert 0 <= (value.get(key) or 0) <= 1
    if value.get("gross_retention") is not None:
        assert value["gross_retention"] <= min(1, value["net_retention"])
    if "waterfall" in tables:
        *parts, end = map(compare.plain, tables["waterfall"].column("amount"))
        assert sum(parts) == end == value["mrr"]
    for key, column in (
        ("survival", "give"), ("recovery", "share"), ("left_why", "share"),
        ("patron_retention", "stayed"), ("revenue_retention", "gross"),
    ):  # fmt: skip
        if key in tables:
            assert all(0 <= (compare.plain(cell) or 0) <= 1 for cell in tables[key].column(column))


@given(told=lives, steps=st.lists(st.integers(1, 90), min_size=1, max_size=4))
@small
def test_told_bit_by_bit_or_at_once_it_is_the_same(
    session: Session, told: list[Life], steps: list[int]
) -> None:
    """Rollups that are refreshed now and then have the rows of those that are rebuilt."""
    with undone(session):
        book, since = Book(session), BEGINNING
        for days in (*steps, 400):
            until = since + timedelta(days=days)
            book.write(told, since, until)
            with clock.fixed(until):
                rollups.refresh(session)
            _as_of(session, until)
            since = until
        refreshed = _rows(session)
        with clock.fixed(until):
            rollups.rebuild(session)
        assert refreshed == _rows(session)


def _as_of(session: Session, at: datetime) -> None:
    session.execute(text("UPDATE rollup_state SET rebuilt_at = :at"), {"at": at})


def _rows(session: Session) -> list[tuple[Any, ...]]:
    """But for who gave in a month: that is counted once, by a task of its own."""
    daily = session.execute(select(*DailyFigures.__table__.columns))
    counts = session.execute(
        select(*DailyCount.__table__.columns).where(DailyCount.name != givers.NAME)
    )
    return [*sorted(map(tuple, daily)), *sorted(map(tuple, counts))]
