"""Every figure leads to the rows behind it, or there is a reason why it does not."""

from datetime import UTC, datetime

import pytest
from lxml import html
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.billing.models import Leaving, Subscription
from membership.reports import rollups
from tests import factories
from tests.conftest import SignedIn
from tests.reports.coming import comes
from tests.reports.giving import DAY
from tests.staff.test_amounts import PAGES
from tests.staff.test_amounts import newsroom as newsroom

HOST = "http://localhost"
HOME = f"{HOST}/staff/"
NOWHERE = {
    "retention:margin": "a share of the fees that stand behind those of the overview",
    "participation:followers": "who follows is shown to nobody",
    "participation/voters_by_tenure": "counted once after settling; who was counted is not kept",
    "participation/voters_by_amount": "the same",
    "participation/kept_by_voting": "the same",
    "acquisition/asks": "of who saw an ask nobody knows who it was (S10)",
    "acquisition/joined_countries": "whole quarters in steps of five (S10)",
}  # fmt: skip


@pytest.fixture
def told(session: Session, newsroom: None) -> None:
    """Beside that newsroom's history: a story that brought somebody, and why somebody left."""
    comes(session, clock.now() - DAY, article_id=factories.article(session).id)
    # In a quarter that is over.
    comes(session, clock.now() - 200 * DAY, country="UA")
    ended = session.scalars(select(Subscription).where(Subscription.state == "ended")).one()
    said = {"subscription_id": ended.id, "reason": "cost", "created_at": clock.now()}
    factories.add(session, Leaving(**said))
    rollups.rebuild(session)


@pytest.mark.usefixtures("told")
def test_every_figure_leads_to_its_rows(session: Session, signed_in: SignedIn) -> None:
    """[D1] [D2] [D3] [D4] [D5] And each way of the back office ends somewhere."""
    browser = signed_in(session, factories.staff(session, "finance"))
    without, ways = set(), set()
    for name in PAGES:
        page = html.fromstring(browser.get(f"/staff/{name}").text)
        page.make_links_absolute(f"{HOME}{name}")
        for tile in page.xpath("//*[@data-figure]"):
            found = tile.xpath("dd[@class='tile-figure']/a/@href")
            ways |= set(found)
            if not found:
                without.add(f"{name or 'overview'}:{tile.get('data-figure')}")
        for table in page.xpath("//*[@data-table][.//tbody]"):
            found = table.xpath(".//tbody//a/@href | .//p[@class='report-ways']/a[2]/@href")
            ways |= set(found)
            if not found:
                without.add(f"{name or 'overview'}/{table.get('data-table')}")
    assert without == set(NOWHERE)
    assert len(ways) > 40
    for way in sorted(each for each in ways if each.startswith(HOME)):
        answer = browser.get(way.removeprefix(HOST))
        assert answer.status_code == 200, way
        _page, _sign, place = way.partition("#")
        assert not place or html.fromstring(answer.text).xpath(f"//*[@id='{place}']"), way


LISTS = ("?payments=all", "?moved=new", "acquisition?paid=all", "retention?began={}")


@pytest.mark.parametrize("asked", LISTS)
def test_rows_stand_under_the_days_that_figures_count(
    session: Session, signed_in: SignedIn, asked: str
) -> None:
    """[D7] What came at half past ten in the evening, UTC, was the next day's in Kyiv."""
    late = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
    comes(session, late)
    rollups.rebuild(session)
    browser = signed_in(session, factories.staff(session, "finance"))
    days = "from=2026-03-01&to=2026-03-31"
    page = html.fromstring(browser.get(f"/staff/{asked.format('2026-03')}&{days}").text)
    assert page.xpath("//*[@id='people']//tbody//time/text()") == ["31 March 2026"]
