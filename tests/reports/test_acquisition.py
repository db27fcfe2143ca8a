"""Why people come: the page's figures agree with the rows (rule D4)."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.articles.models import Article, ReadingCount
from membership.billing.models import Checkout, LedgerEntry, Subscription
from membership.reports import rollups
from membership.reports.acquisition import page as acquisition
from membership.reports.acquisition.came import BELOW, tier_of
from membership.reports.acquisition.intervals import overlap, wilson
from membership.reports.figures import Figure, part_of
from membership.reports.periods import Period
from membership.reports.report import Asked, Report, Table
from tests import factories
from tests.articles.asking import running
from tests.factories import NOON
from tests.reports.coming import checkout, comes, seen
from tests.reports.giving import DAY, leaves, moved
from tests.reports.queries import number_of_queries

TODAY = NOON.date()
# Two whole months, and parts of two others.
PERIOD = Period(date(2026, 1, 20), date(2026, 4, 11))


def asked(**values: Any) -> Asked:
    defaults = {"today": TODAY, "period": PERIOD, "currency": "EUR", "sees_all": True}
    return Asked(**(defaults | values))


def look(session: Session, **values: Any) -> Report:
    rollups.rebuild(session)
    question = asked(**values)
    return acquisition.report(session, question).seen_by(question)


def table(report: Report, key: str) -> Table:
    return next(each for each in report.tables if each.key == key)


def by_name(report: Report, key: str) -> dict[Any, dict[str, Any]]:
    """A table's rows by their first cell; figures as their values."""
    found = table(report, key)
    keys = [column.key for column in found.columns]
    plain = [
        [cell.value if isinstance(cell, Figure) else cell for cell in row] for row in found.rows
    ]
    return {row[0]: dict(zip(keys, row, strict=True)) for row in plain}


def history(session: Session, seed: int) -> list[Article]:
    """Sixty givers of three currencies, within the days and around them, by four stories."""
    random = Random(seed)
    stories = [factories.article(session) for _ in range(4)]
    ids = [None, *(story.id for story in stories)]
    for _ in range(60):
        at = NOON + random.randrange(-60, 90) * DAY
        page = {
            "article_id": random.choice(ids),
            "first_article_id": random.choice(ids),
            "currency": random.choice(("EUR", "EUR", "USD", "UAH")),
            "amount_minor": random.choice((300, 400, 1200, 9000)),
            "country": random.choice(("UA", "UA", "DE", "PL", None)),
        }
        kind = random.choice(("month", "month", "year", "once", "open"))
        if kind == "open":
            checkout(session, at, paid=False, **page)
        elif kind == "once":
            checkout(session, at, interval="once", **page)
        else:
            given = comes(session, at, interval=kind, **page)
            if random.random() < 0.3:
                leaves(session, given, at + 3 * DAY)
            elif random.random() < 0.3:
                moved(session, given, "expansion", 100, at + 2 * DAY)
    for story in stories:
        for days in (-60, 0, 20):
            seen(session, "read", random.randrange(40), story.id, at=NOON + days * DAY)
    return stories


def joined_in_python(session: Session) -> list[tuple[Checkout, LedgerEntry]]:
    """The first entry of each subscription, with its checkout, in the days asked for."""
    first: dict[int, LedgerEntry] = {}
    for entry in sorted(session.scalars(select(LedgerEntry)), key=lambda each: each.id):
        first.setdefault(entry.subscription_id, entry)
    return [
        (session.get_one(Checkout, session.get_one(Subscription, key).checkout_id), entry)
        for key, entry in first.items()
        if PERIOD.since <= entry.occurred_at < PERIOD.until
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_figure_agrees_with_the_raw_rows(session: Session, seed: int) -> None:
    """[D4] Computed anew in plain Python."""
    stories = history(session, seed)
    report = look(session)
    direct: Counter[int] = Counter()
    influenced: Counter[int] = Counter()
    mrr: Counter[int] = Counter()
    for page, entry in joined_in_python(session):
        last = page.article_id or page.first_article_id or 0
        direct[last] += 1
        influenced.update({last, page.first_article_id or last})
        mrr[last] += entry.amount_minor * (entry.currency == "EUR")
    reads: Counter[int] = Counter()
    for row in session.scalars(select(ReadingCount)):
        if PERIOD.first_day <= row.day <= PERIOD.last_day:
            reads[row.article_id] += row.number
    shown = by_name(report, "stories")
    names = {0: "Without a story"} | {story.id: story.title for story in stories}
    assert shown.keys() == set(names.values())
    for key, name in names.items():
        row = shown[name]
        assert (row["reads"], row["direct"], row["influenced"], row["mrr"]) == (
            reads[key], direct[key], influenced[key], mrr[key]
        )  # fmt: skip
        assert row["influenced"] >= row["direct"]
        per_read = Decimal(direct[key]) / reads[key] if reads[key] else None
        assert row["direct_per_1000"] == per_read
    tiles = {tile.key: tile.figure.value for tile in report.tiles}
    assert tiles["joined"] == sum(direct.values())
    assert tiles["joined_mrr"] == sum(mrr.values())
    assert tiles["reads"] == sum(reads.values())
    _what_was_paid_agrees(session, report)


def _what_was_paid_agrees(session: Session, report: Report) -> None:
    paid = [
        page
        for page in session.scalars(select(Checkout).where(Checkout.state == "completed"))
        if page.completed_at and PERIOD.since <= page.completed_at < PERIOD.until
    ]
    intervals = {"month": "Monthly", "year": "Yearly", "once": "Once"}
    assert {key: row["paid"] for key, row in by_name(report, "joined_intervals").items()} == (
        Counter(intervals[page.interval] for page in paid)
    )
    amounts: dict[str, int] = defaultdict(int)
    for page in paid:
        amounts[page.currency] += page.amount_minor
    currencies = by_name(report, "joined_currencies")
    assert {key: row["amount"] for key, row in currencies.items()} == amounts
    tiers = by_name(report, "joined_tiers")
    euros = [page for page in paid if page.currency == "EUR"]
    assert sum(row[each] for row in tiers.values() for each in intervals) == len(euros)
    funnel = [row["from_stories"] + row["by_itself"] for row in by_name(report, "funnel").values()]
    begun = [
        page for page in session.scalars(select(Checkout))
        if PERIOD.since <= page.created_at < PERIOD.until
    ]  # fmt: skip
    assert funnel[3:] == [len(begun), len(paid)]


def test_who_may_not_see_all_sees_no_amounts(session: Session) -> None:
    """[S8] [S10]"""
    story = factories.article(session)
    for _ in range(4):
        comes(session, article_id=story.id, country="UA")
    report = look(session, sees_all=False)
    for each in report.tables:
        assert "money" not in {column.unit for column in each.columns}, each.key
    assert all(tile.unit != "money" for tile in report.tiles)
    assert "joined_tiers" not in {each.key for each in report.tables}, "tiers are amounts"
    ((_monthly, *few),) = table(report, "joined_intervals").rows
    assert all(isinstance(cell, Figure) and cell.is_hidden for cell in few)
    assert by_name(look(session), "joined_tiers")["A coffee"]["month"] == 4


def countries(session: Session, first: date, last: date, **values: Any) -> dict[Any, Any]:
    """By code, on the last day of June."""
    days = {"today": date(2026, 6, 30), "period": Period(first, last)}
    found = by_name(look(session, **(days | values)), "joined_countries")
    return {code: row["paid"] for code, row in found.items()}


def test_countries_are_told_by_whole_quarters_in_steps_of_five(session: Session) -> None:
    """[S10] No two questions tell where the one person lives who came on a day; nobody's do."""
    for country, number in {"UA": 9, "DE": 5, "BY": 4, None: 1}.items():
        for _ in range(number):
            checkout(session, country=country)
    told = {"UA": 5, "DE": 5, "": 9}
    first, last = date(2026, 1, 1), date(2026, 3, 31)
    for days in range(0, 30, 10):
        one = countries(session, first + timedelta(days), last)
        other = countries(session, first, last - timedelta(days), sees_all=False)
        assert one == other == told
    # In the quarter that is not over, and in one before: each is rounded by itself.
    checkout(session, datetime(2026, 6, 1, tzinfo=UTC), country="BY")
    checkout(session, datetime(2025, 12, 31, tzinfo=UTC), country="BY")
    assert countries(session, first, date(2026, 6, 30)) == told
    assert countries(session, date(2025, 12, 1), last) == told | {"": 10}
    summary = table(look(session, today=date(2026, 6, 30)), "joined_countries").summary
    assert summary == "Of the whole quarter 2026 Q1, in steps of five."


def test_before_a_quarter_is_over_no_country_is_told(session: Session) -> None:
    """[S10]"""
    for _ in range(9):
        checkout(session, country="UA")
    found = table(look(session), "joined_countries")
    assert found.rows == ()
    assert found.summary == "Of whole quarters that are over; there is none in these days."


def test_so_few_that_all_countries_are_hidden(session: Session) -> None:
    """[S10]"""
    checkout(session, country="BY")
    assert countries(session, date(2026, 1, 1), date(2026, 3, 31)) == {"": None}


def test_wordings_are_told_with_what_chance_allows(session: Session) -> None:
    """[D4] [R5] Of few, "1 of 3" and no range."""
    always, lunch, control = running(session).variants
    seen(session, "ask_seen", 1000, variant_id=always.id)
    seen(session, "ask_seen", 3, variant_id=control.id)
    seen(session, "support_page", 40, variant_id=always.id)
    for _ in range(10):
        checkout(session, ask_variant_id=always.id)
    checkout(session, ask_variant_id=control.id)
    rows = {row[0]: row[1:] for row in table(look(session), "asks").rows}
    assert f"Coffee or lunch: {lunch.name}" not in rows
    *counts, share, low, high = rows["Coffee or lunch: As always"]
    assert counts == [1000, 40, 10, 10]
    # (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n) with p = 0.01 and n = 1,000.
    assert (round(low, 5), round(high, 5)) == (Decimal("0.00544"), Decimal("0.01831"))
    assert isinstance(share, Figure)
    assert share.value == Decimal("0.01")
    *counts, share, low, high = rows["Coffee or lunch: Without an ask"]
    assert counts == [3, 0, 1, 1]
    assert (part_of(share), share.denominator, low, high) == (1, 3, None, None)
    picture = table(look(session), "asks").picture
    assert picture is not None
    assert {each["name"]: each["values"][:2] for each in picture["series"]} == {
        "at least": [5.4, None],
        "Paid, of 1,000 seen": [10.0, None],
        "at most": [18.3, None],
    }


def test_ranges() -> None:
    assert wilson(0, 0) is None
    nothing, everything = wilson(0, 30), wilson(30, 30)
    assert nothing is not None
    assert everything is not None
    assert nothing[0] == 0 < nothing[1] < 1 / Decimal(5)
    assert everything[1] == 1 > everything[0] > 4 / Decimal(5)
    assert not overlap(nothing, everything)
    assert overlap(nothing, nothing)


def test_tiers_reach_up_to_the_next_one(session: Session) -> None:
    assert [tier_of(minor, "month", "EUR") for minor in (399, 400, 1199, 1200, 3200)] == [
        BELOW, "coffee", "coffee", "lunch", "dinner"
    ]  # fmt: skip
    assert tier_of(4799, "year", "EUR") == BELOW
    assert tier_of(4800, "year", "EUR") == "coffee"
    assert tier_of(1200, "once", "EUR") == "lunch"
    assert tier_of(1200, "month", "XXX") == BELOW


def test_nothing_yet(session: Session) -> None:
    report = look(session)
    assert (report.tiles, report.tables) == ((), ())


def test_the_number_of_queries_is_constant(session: Session) -> None:
    """[L13]"""
    history(session, 1)
    rollups.rebuild(session)
    few = number_of_queries(session, lambda: acquisition.report(session, asked()))
    history(session, 2)
    running(session)
    rollups.rebuild(session)
    many = number_of_queries(session, lambda: acquisition.report(session, asked()))
    assert few == many <= 6
