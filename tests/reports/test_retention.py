"""The page on who stays: its figures against plain Python over the same lives."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy.orm import Session

from membership.billing.models import Leaving
from membership.reports import periods, rollups
from membership.reports.figures import Figure
from membership.reports.periods import Period
from membership.reports.report import Asked, Report, Table, Tile
from membership.reports.retention import behind, leavers
from membership.reports.retention.cohorts import lifetime_value, three_year_value
from membership.reports.retention.page import report
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, joins, leaves, moved, pays
from tests.reports.histories import BEGINNING, CHURN, Book, Life, lives
from tests.reports.queries import number_of_queries

TODAY = date(2026, 7, 5)
HALF_YEAR = Period(date(2026, 2, 1), TODAY)
ALL = Asked(TODAY, HALF_YEAR, "EUR", sees_all=True)
SOME = Asked(TODAY, HALF_YEAR, "EUR", sees_all=False)


def table(found: Report, key: str) -> Table:
    return next(each for each in found.tables if each.key == key)


def tile(found: Report, key: str) -> Tile:
    return next(each for each in found.tiles if each.key == key)


@pytest.fixture
def newsroom(session: Session) -> None:
    """20 begin in March, of whom 5 leave in May; 4 begin in April and stay; one gives more."""
    march = [joins(session, amount_minor=500) for _ in range(20)]
    for number, each in enumerate(march[:5]):
        leaves(session, each, NOON + 62 * DAY, "voluntary" if number < 3 else "payment_failed")
    for _ in range(4):
        joins(session, NOON + 40 * DAY, amount_minor=500)
    moved(session, march[9], "expansion", 1500, NOON + 62 * DAY)
    for days in (0, 10, 62):
        giver = factories.account(session)
        pays(session, giver, NOON + days * DAY, amount_minor=1000, fee_minor=50, fee_currency="EUR")
    pays(session, giver, amount_minor=900, fee_minor=1, fee_currency="USD")
    factories.add(session, Leaving(subscription_id=march[0].id, reason="cost", comment="Too much."))
    factories.add(session, Leaving(subscription_id=march[1].id, reason="cost"))
    rollups.rebuild(session)


def test_the_curve_and_the_cohorts(session: Session, newsroom: None) -> None:
    """[D2] 15 of 20 who began in March give, and all 4 of April; July is not over."""
    found = report(session, ALL)
    curve = table(found, "survival")
    assert curve.column("began") == (24, 24, 24, 20)
    shares = [figure.value for figure in curve.column("give") if isinstance(figure, Figure)]
    assert shares == [1, 1, Decimal(19) / 24, Decimal("0.75")]
    by_number = table(found, "cohorts")
    assert by_number.rows[0][:2] == (date(2026, 3, 1), 20)
    assert by_number.rows[1][-1] is None, "April has not had a third month yet"
    assert "75 still give" in by_number.title
    # 10,000 began; 7,500 of it is left, and 1,500 was added.
    last = table(found, "cohort_revenue").rows[0][-1]
    assert last == Figure(Decimal("0.9"))


def test_what_is_kept_and_what_a_patron_is_worth(session: Session, newsroom: None) -> None:
    """[D2] Gross and net over the days asked for; LTV from known fees in the same currency."""
    asked = Asked(TODAY, Period(date(2026, 5, 1), date(2026, 6, 30)), "EUR", sees_all=True)
    found = report(session, asked)
    assert tile(found, "gross_retention").figure == Figure(Decimal(9500) / 12000)
    assert tile(found, "net_retention").figure == Figure(Decimal(11000) / 12000)
    # 24 when May began, 19 when June did.
    assert tile(found, "churn").figure == Figure(Decimal(5) / 43, denominator=43)
    assert tile(found, "margin").figure == Figure(Decimal("0.95"))
    terms = Fraction(11000, 19), Fraction(95, 100), Fraction(5, 43)
    assert tile(found, "ltv").figure.value == lifetime_value(*terms)
    assert tile(found, "three_year_value").figure.value == three_year_value(*terms)


def test_who_came_and_left_since_takes_nothing_from_what_was_there(session: Session) -> None:
    """[D2] Over any days, gross retention is from 0 to 100 % and net never below 0."""
    stays = joins(session, amount_minor=500)
    moved(session, stays, "expansion", 300, NOON + 40 * DAY)
    moved(session, stays, "contraction", -400, NOON + 45 * DAY)
    for days in (35, 36, 37, 70, 71):
        leaves(session, joins(session, NOON + days * DAY, amount_minor=500), NOON + 100 * DAY)
    rests = joins(session, amount_minor=500)
    moved(session, rests, "churn_voluntary", -500, NOON + 70 * DAY)
    moved(session, rests, "reactivation", 700, NOON + 80 * DAY)
    rollups.rebuild(session)
    asked = Asked(TODAY, Period(date(2026, 4, 1), date(2026, 6, 30)), "EUR", sees_all=True)
    found = report(session, asked)
    assert table(found, "revenue_retention").rows == tuple(
        (date(2026, month, 1), *amounts, Figure(Decimal(gross)), Figure(Decimal(net)))
        for month, amounts, gross, net in (
            # In April 400 of 500 stay of the one, and all of the other; what was added went again.
            (4, (1000, 0, 100, 0), "0.9", "0.9"),
            # In May one rests: that they come back within it, with more, is not in it.
            (5, (2400, 500, 0, 0), Decimal(1900) / 2400, Decimal(1900) / 2400),
            (6, (3600, 2500, 0, 0), Decimal(1100) / 3600, Decimal(1100) / 3600),
        )
    )
    gross, net = (tile(found, f"{name}_retention").figure.value for name in ("gross", "net"))
    left = Decimal("0.9") * (Decimal(1900) / 2400) * (Decimal(1100) / 3600)
    assert (gross, net) == (left, left)
    stayed = table(found, "patron_retention")
    assert stayed.column("start") == (2, 5, 7)
    assert stayed.column("left") == (0, 1, 5)
    assert tile(found, "churn").figure == Figure(Decimal(6) / 14, denominator=14)


def test_a_month_counts_from_its_first_day_whenever_the_days_begin(
    session: Session, newsroom: None
) -> None:
    """[D2] Its last day is that of the days: five left on 3 May, and one gave more."""
    for last, gross, net in ((2, "1", "1"), (3, Decimal(9500) / 12000, Decimal(11000) / 12000)):
        asked = Asked(TODAY, Period(date(2026, 5, 2), date(2026, 5, last)), "EUR", sees_all=True)
        found = report(session, asked)
        assert tile(found, "gross_retention").figure == Figure(Decimal(gross))
        assert tile(found, "net_retention").figure == Figure(Decimal(net))
        assert table(found, "patron_retention").column("start") == (24,)


def test_where_nobody_leaves_there_is_no_end_to_reckon_with(
    session: Session, newsroom: None
) -> None:
    """[D2] Churn of 0: not computable, and said; three years can be told."""
    asked = Asked(TODAY, Period(date(2026, 3, 1), date(2026, 4, 30)), "EUR", sees_all=True)
    found = report(session, asked)
    assert tile(found, "ltv").figure == Figure(None, computable=False)
    assert "nobody left" in tile(found, "ltv").note
    assert tile(found, "three_year_value").figure.value == round(36 * 500 * 0.95)


def test_without_a_known_fee_nobody_is_worth_anything_yet(session: Session) -> None:
    """[D2] A fee in another currency says nothing."""
    given = joins(session)
    leaves(session, given, NOON + 40 * DAY)
    joins(session)
    rollups.rebuild(session)
    found = report(session, ALL)
    assert not tile(found, "margin").figure.computable
    assert not tile(found, "ltv").figure.computable
    assert not tile(found, "three_year_value").figure.computable
    assert "fee" in tile(found, "ltv").note


def test_who_left_and_why(session: Session, newsroom: None) -> None:
    """[D2] Voluntary against payment failure, by number and MRR; reasons of those who said one."""
    found = report(session, ALL)
    left = table(found, "left")
    assert left.title == "5 left: 3 by their own wish, 2 by a failed payment"
    assert left.rows[3] == (date(2026, 5, 1), 3, 2, 0, 1500, 1000, 0)
    why = table(found, "left_why")
    assert why.rows == (
        ("too much for them now", 2, Figure(Decimal(1), denominator=2)),
        ("gave no reason", 1, None),
    )


def test_who_does_not_see_all_sees_no_amounts_of_few(session: Session, newsroom: None) -> None:
    """[S10] No revenue month by month; no share of a group of fewer than 5."""
    found = report(session, SOME).seen_by(SOME)
    keys = {each.key for each in found.tables}
    assert keys == {"survival", "cohorts", "patron_retention", "left", "left_why"}
    assert all(column.unit != "money" for each in found.tables for column in each.columns)
    assert [each.key for each in found.tiles] == ["churn"]
    april = table(found, "cohorts").rows[1]
    assert all(isinstance(cell, Figure) and cell.is_hidden for cell in april[1:3])
    # Two of the three who left by their own wish said why, with one reason.
    ((_reason, *few), (_none, silent, _share)) = table(found, "left_why").rows
    assert all(isinstance(cell, Figure) and cell.is_hidden for cell in (*few, silent))
    assert table(found, "left_why").title == "Why they left"


def test_the_number_of_queries_does_not_grow(session: Session, newsroom: None) -> None:
    """[L13]"""
    before = number_of_queries(session, lambda: report(session, ALL))
    for days in range(30):
        leaves(session, joins(session, NOON + days * DAY), NOON + 70 * DAY)
    rollups.rebuild(session)
    assert number_of_queries(session, lambda: report(session, ALL)) == before <= 5


def test_an_empty_newsroom_has_no_figures(session: Session) -> None:
    assert report(session, ALL).tables == ()


def test_a_currency_that_is_asked_for_says_nothing_of_others(
    session: Session, newsroom: None
) -> None:
    """[D2] Currencies never mix."""
    joins(session, currency="UAH", amount_minor=9000)
    rollups.rebuild(session)
    hryvnia = report(session, Asked(TODAY, HALF_YEAR, "UAH", sees_all=True))
    assert table(hryvnia, "cohorts").column("began") == (1,)


def test_words_come_newest_first_and_page_by_page(session: Session) -> None:
    """[D2] Only what was written within the days asked for; a place that makes no sense is none."""
    for days, words in ((1, "one"), (2, "two"), (3, "three"), (200, "later"), (4, None)):
        given = joins(session)
        factories.add(
            session,
            Leaving(
                subscription_id=given.id,
                reason="cost" if words != "two" else "trouble",
                comment=words,
                created_at=NOON + days * DAY,
            ),
        )
    first = leavers.in_their_words(session, ALL, limit=2)
    assert [each.leaving.comment for each in first.rows] == ["three", "two"]
    second = leavers.in_their_words(session, ALL, before=first.older, limit=2)
    assert [each.leaving.comment for each in second.rows] == ["one"]
    assert not second.older
    assert leavers.in_their_words(session, ALL, before="yesterday x", limit=2) == first
    troubled = leavers.in_their_words(session, ALL, "trouble")
    assert [each.leaving.comment for each in troubled.rows] == ["two"]


def test_the_people_behind_a_cohort_are_as_many_as_it_says(
    session: Session, newsroom: None
) -> None:
    """[D2] [L13] Page by page, newest first; with what they began with and give by now."""
    march, place, seen = periods.month("2026-03"), "", []
    for _page in range(3):
        page = behind.began(session, "EUR", march, place, limit=8)
        seen += list(page.rows)
        place = page.older
    assert not place
    assert len({row.account.id for row in seen}) == len(seen) == 20
    assert sum(row.began_minor for row in seen) == 10_000
    assert sum(row.mrr_minor for row in seen) == 15 * 500 + 1500
    assert not behind.began(session, "UAH", march).rows


def test_the_people_behind_those_who_left(session: Session, newsroom: None) -> None:
    """[D2] As many as the table says, how they left and what they say."""
    rows = behind.left(session, "EUR", periods.month("2026-05")).rows
    assert sorted((row.end_reason, row.reason, row.mrr_minor) for row in rows if row.reason) == [
        ("voluntary", "cost", 500),
        ("voluntary", "cost", 500),
    ]
    assert len(rows) == 5
    assert not behind.left(session, "EUR", periods.month("2026-04")).rows


@given(told=lives)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history_is_told_as_plain_python_tells_it(session: Session, told: list[Life]) -> None:
    """[D2] Cohorts, survival, gross and net retention of random lives."""
    savepoint = session.begin_nested()
    try:
        Book(session, told).write(BEGINNING - DAY, BEGINNING + 1000 * DAY)
        rollups.rebuild(session)
        asked = Asked(TODAY, Period(date(2026, 1, 1), TODAY), "EUR", sees_all=True)
        found = report(session, asked)
        mine = [life for life in told if life.currency == "EUR"]
        if not found.tables:
            assert not any(_moved(life, date(2026, 1, 1), TODAY) for life in mine)
            return
        for row in table(found, "cohorts").rows:
            assert isinstance(row[0], date)
            for months, cell in enumerate(row[2:]):
                if isinstance(cell, Figure):
                    assert cell == _still_giving(mine, row[0], months)
        for row in table(found, "revenue_retention").rows:
            assert isinstance(row[0], date)
            assert row[5:] == _kept(mine, row[0])
    finally:
        savepoint.rollback()
        session.expire_all()


def _moved(life: Life, first: date, last: date) -> list[tuple[str, int]]:
    return [
        (fact.movement, fact.amount)
        for fact in life.facts
        if fact.movement and first <= fact.at.date() <= last
    ]


def _end_of(first_day: date, months: int) -> date:
    number = first_day.year * 12 + first_day.month + months
    return date(number // 12, number % 12 + 1, 1) - timedelta(days=1)


def _still_giving(mine: list[Life], first_day: date, months: int) -> Figure:
    began = [life for life in mine if first_day <= life.facts[0].at.date() <= _end_of(first_day, 0)]
    last = _end_of(first_day, months)
    give = 0
    for life in began:
        names = [name for name, _amount in _moved(life, date.min, last)]
        give += sum(name in ("new", "reactivation") for name in names)
        give -= sum(name in CHURN.values() for name in names)
    return Figure(Decimal(give) / len(began), denominator=len(began))


def _kept(mine: list[Life], first_day: date) -> tuple[Figure, Figure]:
    """Of what each support was worth when the month began: its least, and its end."""
    last = min(_end_of(first_day, 0), TODAY)
    start = kept = end = 0
    for life in mine:
        for support in {fact.support for fact in life.facts}:
            facts = [fact for fact in life.facts if fact.support == support]
            worth = least = sum(fact.amount for fact in facts if fact.at.date() < first_day)
            start += worth
            for fact in facts:
                if least and first_day <= fact.at.date() <= last:
                    worth += fact.amount
                    least = min(least, worth)
            kept += least
            end += worth
    if start == 0:
        return Figure(None, computable=False), Figure(None, computable=False)
    return Figure(Decimal(kept) / start), Figure(Decimal(end) / start)
