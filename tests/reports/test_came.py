"""What was paid for by those who came leads to whose it is: as many as are counted (rule D4)."""

from random import Random

import pytest
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.models import Checkout
from membership.reports import keyset, rollups
from membership.reports.acquisition import behind
from membership.reports.acquisition import page as acquisition
from membership.reports.acquisition.behind import Paid, Wanted
from membership.reports.acquisition.came import BELOW, INTERVALS, TIERS, amounts, tier_of
from membership.reports.figures import Figure
from membership.reports.report import Cell
from tests import factories
from tests.factories import NOON
from tests.reports.coming import checkout, comes
from tests.reports.giving import DAY, pays
from tests.reports.queries import number_of_queries
from tests.reports.test_acquisition import PERIOD, asked, table


def came(session: Session, random: Random) -> None:
    """Somebody pays, or does not, within the days or around them."""
    at = NOON + random.randrange(-60, 60) * DAY
    values = {
        "currency": random.choice(("EUR", "EUR", "USD", "XXX")),
        "amount_minor": random.choice((300, 400, 1199, 1200, 4800, 9000)),
        "interval": random.choice(INTERVALS),
    }
    which = random.random()
    if which < 0.1:
        checkout(session, at, paid=False, **values)
    elif which < 0.2:
        comes(session, at, taken_over_at=at, **values | {"interval": "month"})
    elif values["interval"] == "once":
        purpose = "pool" if which > 0.9 else "support"
        page = checkout(session, at, purpose=purpose, **values)
        giver = factories.account(session)
        money = {"amount_minor": page.amount_minor, "currency": page.currency}
        pays(session, giver, at, checkout_id=page.id, **money)
    else:
        comes(session, at, **values)


def listed(session: Session, wanted: Wanted, limit: int) -> list[Paid]:
    def some(place: str) -> keyset.Page[Paid]:
        return behind.paid(session, PERIOD, wanted, place, limit=limit)

    return list(keyset.to_the_end(some))


def number(cell: Cell) -> int:
    value = cell.value if isinstance(cell, Figure) else cell
    assert isinstance(value, int)
    return value


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_count_leads_to_as_many(session: Session, seed: int) -> None:
    random = Random(seed)
    for _ in range(60):
        came(session, random)
    rollups.rebuild(session)
    links: dict[str, Wanted] = {}

    def rows_of(*, story: str = "", paid: str = "", given: str = "", tier: str = "") -> str:
        link = f"{paid},{given},{tier}"
        links[link] = Wanted(paid, given, tier)
        return link

    compared = 0
    for currency in ("EUR", "USD", "XXX"):
        found = acquisition.report(session, asked(currency=currency), rows_of)
        for key in ("joined_intervals", "joined_currencies"):
            of_rows = table(found, key)
            for link, count in zip(of_rows.links, of_rows.column("paid"), strict=True):
                assert len(listed(session, links[link], 4)) == number(count), link
        tiers = table(found, "joined_tiers")
        for cell_links, (_name, *counts) in zip(tiers.cell_links, tiers.rows, strict=True):
            for interval, count in zip(INTERVALS, counts, strict=True):
                rows = listed(session, links[cell_links[interval]], 2) if number(count) else []
                assert len(rows) == number(count)
                compared += len(rows)
    whole = listed(session, Wanted(), 7)
    assert len(whole) == compared > 10
    assert len({row.checkout.id for row in whole}) == compared
    times = [row.checkout.completed_at for row in whole]
    assert times == sorted(times, reverse=True)


def test_it_is_theirs_whose_it_is_by_now(session: Session) -> None:
    """Two accounts were merged; what they paid in the same moment keeps an order."""
    given = [comes(session) for _ in range(3)]
    kept = factories.account(session)
    for each in given:
        each.account_id, each.state, each.ended_at = kept.id, "ended", NOON
    page = checkout(session, interval="once")
    pays(session, kept, checkout_id=page.id, amount_minor=400)
    rows = listed(session, Wanted(), 1)
    assert [row.account for row in rows] == [kept] * 4
    assert {row.checkout.id for row in rows} == {page.id, *(each.checkout_id for each in given)}


@pytest.mark.parametrize("currency", ["EUR", "UAH", "XXX"])
@pytest.mark.parametrize("interval", INTERVALS)
def test_a_tier_is_of_all_amounts_that_are_said_to_be(
    session: Session, interval: str, currency: str
) -> None:
    for minor in (1, 300, 400, 1200, 1201, 9000, 48000, 720_000, 10_000_000):
        tier = tier_of(minor, interval, currency)
        assert tier in TIERS
        least, below = amounts(tier, interval, currency)
        assert least <= minor
        assert below is None or minor < below
    assert amounts(BELOW, interval, currency)[0] == 0


def test_a_page_is_one_query(session: Session) -> None:
    for _ in range(5):
        comes(session)
    assert (
        number_of_queries(
            session, lambda: behind.paid(session, PERIOD, Wanted("month", "EUR", "coffee"))
        )
        == 1
    )
    assert session.query(Account).count() == session.query(Checkout).count() == 5
