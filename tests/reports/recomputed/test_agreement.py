"""Three years of 700 givers: each figure of staff is what plain Python finds in the raw rows."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import combinations
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.patrons import filters
from membership.patrons.filters import Filters
from membership.reports import patrons, rollups, transparency
from membership.reports.acquisition import page as acquisition
from membership.reports.overview import page as overview
from membership.reports.participation import page as participation
from membership.reports.periods import Period, months_later
from membership.reports.recovery import page as recovery
from membership.reports.report import Asked
from membership.reports.retention import page as retention
from membership.voting.models import Round
from tests.conftest import SignedIn, rolled_back
from tests.reports.participating import groups
from tests.reports.recomputed import acquisition as coming
from tests.reports.recomputed import compare, euro, lists, planted, planted_votes, shown, votes
from tests.reports.recomputed import overview as giving
from tests.reports.recomputed import participation as voting
from tests.reports.recomputed import recovery as failing
from tests.reports.recomputed import retention as staying
from tests.reports.recomputed.planted import CURRENCIES, LEAP_DAY, NOW, TODAY
from tests.reports.recomputed.raw import Raw, read

PERIODS = {
    "12 months": Period(date(2025, 12, 1), TODAY),
    "a month": Period(date(2025, 2, 1), date(2025, 2, 28)),
    "all": Period(date(2023, 11, 14), TODAY),
    "odd days": Period(date(2024, 5, 7), date(2025, 3, 19)),
    "the leap day": Period(LEAP_DAY, LEAP_DAY),
    "from a leap day on": Period(LEAP_DAY, date(2025, 2, 28)),
    "a month of few": Period(date(2024, 3, 1), date(2024, 3, 31)),
}
# Each period in one currency or two, each currency in several periods.
ASKED = [
    ("12 months", "EUR"), ("12 months", "JPY"), ("a month", "UAH"), ("a month", "EUR"),
    ("all", "EUR"), ("all", "GBP"), ("odd days", "USD"), ("odd days", "JPY"),
    ("the leap day", "EUR"), ("from a leap day on", "UAH"),
    ("a month of few", "EUR"),
]  # fmt: skip
PAGES: dict[str, tuple[Any, ModuleType]] = {
    "overview": (overview.build, giving),
    "retention": (retention.report, staying),
    "recovery": (recovery.report, failing),
    "acquisition": (acquisition.report, coming),
    "participation": (participation.participation, voting),
}


@pytest.fixture(scope="module")
def newsroom(app: Flask, engine: Engine) -> Iterator[tuple[Session, Account]]:
    """The planted newsroom, and who of finance looks at it; all is gone after the module."""
    with clock.fixed(NOW), rolled_back(app, engine) as session:
        looks = planted.plant(session, 700)
        planted_votes.plant(session, read(session))
        rollups.rebuild(session)
        yield session, looks


@pytest.fixture(scope="module")
def raw(newsroom: tuple[Session, Account]) -> Raw:
    return read(newsroom[0])


def test_the_history_has_everything_that_happens_to_a_newsroom(raw: Raw) -> None:
    """So that no figure agrees for want of what it counts."""
    days = [donation.paid_at.date() for donation in raw.donations]
    assert (max(days) - min(days)).days > 36 * 30
    moved = Counter((move.name, move.currency) for move in raw.moves)
    names = Counter(move.name for move in raw.moves)
    assert raw.currencies == set(CURRENCIES)
    assert min(moved["new", code] for code in CURRENCIES) >= 10
    assert set(names) == set(giving.MOVEMENTS)
    assert min(names.values()) >= 10
    turned = Counter((change.from_state, change.to_state) for change in raw.changes)
    assert turned["active", "paused"] >= 5
    assert turned["paused", "active"] >= 5
    assert turned["past_due", "active"] >= 20
    assert turned["past_due", "ended"] >= 20
    amounts = {d.id: d.amount_minor for d in raw.donations}
    assert len({r.amount_minor < amounts[r.donation_id] for r in raw.refunds}) == 2
    assert {"won", "lost", "needs_response"} <= {each.status for each in raw.disputes}
    assert sum(each.disputed_at is not None for each in raw.donations) >= 3
    intervals = Counter(support.interval for support in raw.supports.values())
    assert min(intervals["month"], intervals["year"]) >= 50
    assert {support.state for support in raw.supports.values()} >= giving.WITH_STANDING
    assert {"voluntary", "payment_failed"} <= {each.end_reason for each in raw.supports.values()}
    # Those who began on a 31st renew on the last day of shorter months.
    began = {each.id: each.started_at.day for each in raw.supports.values()}
    late = {(d.paid_at.month, d.paid_at.day) for d in raw.donations
            if began.get(d.subscription_id) == 31}  # fmt: skip
    assert {(4, 30), (1, 31)} <= late
    assert {(2, 28), (2, 29)} & late
    assert LEAP_DAY in days
    assert {row.decline_code for row in raw.dunnings} >= {"insufficient_funds", "expired_card"}
    assert {row.recovered_by for row in raw.dunnings} == {"mail", "retry", "patron", None}
    assert {page.interval for page in raw.checkouts.values()} == {"month", "year", "once"}
    assert any(each.comment for each in raw.leavings)


def test_votes_have_every_reason_to_hide_and_not_to_count(raw: Raw) -> None:
    """So that nothing of it is done for want of what it is done to."""
    assert {each.state for each in raw.rounds} == {"draft", "open", "closed", "settled", "void"}
    held = voting.settled(raw, PERIODS["all"])
    have_voted = set().union(*(raw.voters(each.id) for each in held))
    (void,) = (each.id for each in raw.rounds if each.state == "void")
    assert raw.voters(void) - have_voted
    frozen = [votes.groups(raw, each) for each in held]
    told = [
        (*group, key in voting.shown(parts))
        for parts in (voting.parts(each, name) for each in frozen for name in ("tenure", "amount"))
        for key, group in parts.items()
    ]
    assert any(0 < voted < 5 <= could - voted for could, voted, _ in told)
    assert any(0 < could - voted < 5 <= voted for could, voted, _ in told)
    # One that is large enough is hidden with the small ones.
    large = {is_shown for could, voted, is_shown in told if not voting.is_small((could, voted))}
    assert large == {True, False}
    # One that was small and is not, of who stays, and one that is and was not.
    was_and_is = {
        (voting.is_small(each["all", "", ""]), voting.is_small(each["kept_6", "", ""]))
        for each in frozen
        if ("kept_6", "", "") in each
    }
    assert was_and_is >= {(True, False), (False, True)}


def test_the_ledger_says_what_the_history_of_states_says(raw: Raw) -> None:
    """[D1] [L15] Entry by entry, with its day and its name."""
    told = Counter((e.subscription_id, e.account_id, e.occurred_at, e.currency, e.movement,
                    e.amount_minor) for e in raw.ledger)  # fmt: skip
    meant = Counter((m.support, m.account, m.at, m.currency, m.name, m.amount) for m in raw.moves)
    assert told == meant


@pytest.mark.parametrize(("name", "currency"), ASKED)
@pytest.mark.parametrize("page", PAGES)
def test_every_figure_is_what_the_raw_rows_say(
    newsroom: tuple[Session, Account], raw: Raw, page: str, name: str, currency: str
) -> None:
    """[D1] [D2] [D3] [D4] [D5] [D6]"""
    build, recomputed = PAGES[page]
    asked = Asked(TODAY, PERIODS[name], currency, sees_all=True)
    report = build(newsroom[0], asked)
    assert compare.of_tiles(report, recomputed.tiles(raw, asked)) == []
    assert compare.of_tables(report, recomputed.tables(raw, asked)) == []


@pytest.mark.parametrize(("name", "currency"), ASKED)
def test_changes_are_against_the_year_before(
    newsroom: tuple[Session, Account], raw: Raw, name: str, currency: str
) -> None:
    """[D1] The leap day stands beside the 28th."""
    asked = Asked(TODAY, PERIODS[name], currency, sees_all=True)
    report = overview.build(newsroom[0], asked)
    assert compare.of_changes(report, giving.changes(raw, asked)) == []


@pytest.mark.parametrize("name", ["12 months", "a month", "the leap day"])
def test_all_currencies_in_euro_at_the_rates_of_their_days(
    newsroom: tuple[Session, Account], raw: Raw, name: str
) -> None:
    """[D1] What rates did is a step of its own, so that all sums up."""
    session, _ = newsroom
    rates = euro.rates(session)
    asked = Asked(TODAY, PERIODS[name], "EUR", sees_all=True, is_converted=True)
    report = overview.build(session, asked)
    told = {tile.key: compare.plain(tile.figure) for tile in report.tiles}
    expected = euro.tiles(raw, rates, asked)
    assert {key: told[key] for key in expected} == expected
    steps = next(table for table in report.tables if table.key == "waterfall").column("amount")
    # Each step is rounded to a cent by itself; what rates did takes what is left.
    for step, wanted in zip(steps, euro.waterfall(raw, rates, asked), strict=True):
        assert abs(int(compare.plain(step)) - wanted) <= len(steps)
    *parts, end = map(compare.plain, steps)
    assert sum(parts) == end


def test_the_public_page_has_the_same_sums_rounded(
    newsroom: tuple[Session, Account], raw: Raw
) -> None:
    """[D1] [S10] To two digits, by quarters that are over; and nothing of fewer than five."""
    seen = transparency.books(newsroom[0], TODAY)
    assert {purse.currency for purse in seen.purses} == set(CURRENCIES)
    for purse in seen.purses:
        code = purse.currency
        number = raw.patrons(code, seen.until)
        assert purse.patrons.value == (number - number % 5 if number >= 5 else None)
        assert len(purse.quarters) == 4
        for quarter in purse.quarters:
            months = [months_later(quarter.first_day, number) for number in range(3)]
            days = Period(months[0], giving.end_of(months[-1]))
            once, all_of_it = giving.one_time(raw, code, days), giving.received(raw, code, days)
            for figure, amount in (
                (quarter.regular, all_of_it - once), (quarter.one_time, once),
                (quarter.received, all_of_it),
            ):  # fmt: skip
                digits = len(str(abs(amount)))
                assert (
                    figure.is_hidden or abs(figure.value - amount) <= 10 ** max(digits - 2, 0) / 2
                )
                assert figure.is_hidden or len(str(abs(figure.value)).rstrip("0")) <= 2
            for kinds, figure in (
                (("once", "once back"), quarter.one_time),
                (("first", "renewal", "first back", "renewal back"), quarter.regular),
            ):
                if 0 < raw.givers(code, days, kinds) < 5:
                    assert figure.is_hidden


def test_each_filter_of_the_list_finds_whom_the_raw_rows_say(
    newsroom: tuple[Session, Account], raw: Raw
) -> None:
    everybody = lists.givers(raw)
    assert patrons.page(newsroom[0], Filters()).count.number == len(everybody)
    for (name, value), holds in lists.tests(raw).items():
        found = set(newsroom[0].scalars(filters.ids(Filters(**{name: value}))))
        assert found == {each.account for each in everybody if holds(each)}, (name, value)


def test_two_filters_find_whom_each_of_them_finds(
    newsroom: tuple[Session, Account], raw: Raw
) -> None:
    """Every two of them, with each of their values."""
    everybody, met = lists.givers(raw), set()
    whom = {
        condition: {each.account for each in everybody if holds(each)}
        for condition, holds in lists.tests(raw).items()
    }
    for one, other in combinations(whom, 2):
        if one[0] != other[0]:
            found = set(newsroom[0].scalars(filters.ids(Filters(**dict((one, other))))))
            assert found == whom[one] & whom[other], (one, other)
            met |= {(one[0], other[0])} if found else set()
    names = dict.fromkeys(name for name, _ in whom)
    assert met == set(combinations(names, 2))


def test_who_might_have_voted_and_who_did(newsroom: tuple[Session, Account], raw: Raw) -> None:
    """[D5] [V9] As it was at the close, whatever happened since."""
    session, _ = newsroom
    for each in raw.rounds:
        frozen = groups(session, session.get_one(Round, each.id))
        assert frozen == (votes.groups(raw, each) if each.state == "settled" else {})


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("name", "currency"), [("12 months", "EUR"), ("odd days", "JPY")])
def test_the_page_its_tables_and_their_csv_say_the_same(
    newsroom: tuple[Session, Account],
    raw: Raw,
    signed_in: SignedIn,
    page: str,
    name: str,
    currency: str,
) -> None:
    """[D1] [D2] [D3] [D4] [D5] The tiles as well say what was recomputed."""
    client, days = signed_in(*newsroom), PERIODS[name]
    address = "/staff/" if page == "overview" else f"/staff/{page}"
    own = {"from": str(days.first_day), "to": str(days.last_day), "currency": currency}
    answer = client.get(address, query_string=own)
    assert answer.status_code == 200
    found = shown.tables(answer.data)
    links = shown.csv_links(answer.data)
    assert links.keys() == found.keys() != set()
    for key, rows in found.items():
        told = shown.csv_rows(client.get(links[key]).data)
        assert list(shown.unlike(rows, told)) == [], key
    asked = Asked(TODAY, days, currency, sees_all=True)
    for key, value in PAGES[page][1].tiles(raw, asked).items():
        cell = shown.tiles(answer.data)[key]
        assert shown.tells(cell, value, 0 if currency == "JPY" else 2), (key, cell)
