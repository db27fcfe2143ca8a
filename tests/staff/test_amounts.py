"""Amounts are for finance and admin, on every page of figures and in every CSV of it."""

import re

import pytest
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.dunning.models import Dunning
from membership.reports import rollups
from tests import factories
from tests.conftest import SignedIn
from tests.reports.coming import comes
from tests.reports.giving import DAY, leaves, pays
from tests.reports.participating import count, settled

PAGES = ("", "retention", "recovery", "acquisition", "participation")
WITHHELD = (
    "overview/waterfall", "overview/movements", "overview/invariant", "retention/cohort_revenue",
    "retention/revenue_retention", "acquisition/joined_tiers", "participation/voters_by_amount",
)  # fmt: skip
# All that staff who see no amounts get; the columns of heat maps beside them.
TILES = {
    "patrons", "came", "went", "gifts", "failing_patrons", "leaving_patrons", "churn", "failed",
    "recovered", "recovery_days", "failing", "reads", "asks_seen", "joined", "joined_by_stories",
    "last_turnout", "settled_rounds", "days_to_story", "followers",
}  # fmt: skip
TABLES = {
    "years", "currencies", "survival", "cohorts", "patron_retention", "left", "left_why",
    "recovery", "decline_codes", "recovered_by", "cards", "funnel", "stories", "asks",
    "joined_intervals", "joined_currencies", "joined_countries", "turnout_of_rounds",
    "voters_by_tenure", "kept_by_voting", "asked_and_reported",
}  # fmt: skip
AMOUNT = re.compile(r"[€$£]|\d\.00\b")


@pytest.fixture
def newsroom(session: Session) -> None:
    """Seven patrons of €77 who have voted, one of whom left; gifts beside."""
    since = clock.now() - 40 * DAY
    given = [comes(session, since, amount_minor=7700, country="UA") for _ in range(7)]
    for each in given[:5]:
        pays(session, session.get_one(Account, each.account_id), amount_minor=7700)
    settled(session, given[:5], clock.now() - 2 * DAY)
    count(session)
    failed = {"amount_minor": 7700, "currency": "EUR", "failed_at": clock.now()}
    invoice = Dunning(subscription_id=given[0].id, stripe_invoice_id="in_x", kind="soft", **failed)
    factories.add(session, invoice)
    leaves(session, given[6], clock.now() - DAY)
    rollups.rebuild(session)


@pytest.mark.usefixtures("newsroom")
def test_others_see_no_amount_on_any_page_nor_in_its_csv(
    session: Session, signed_in: SignedIn
) -> None:
    """[S8] [S10] Neither in a tile nor in a table, a picture or a file; and it is said."""
    browser = signed_in(session, factories.staff(session, "reporter"))
    tiles, tables = set(), set()
    for name in PAGES:
        page = browser.get(f"/staff/{name}").text
        assert "Amounts are for finance." in page
        assert not AMOUNT.search(page.split("<main")[1]), name
        tiles |= set(re.findall(r'data-figure="(\w+)"', page))
        found = set(re.findall(r'data-table="(\w+)"', page))
        tables |= found
        for key in found:
            answer = browser.get(f"/staff/{name or 'overview'}/{key}.csv")
            assert answer.status_code == 200
            assert not AMOUNT.search(answer.text), key
    assert tiles == TILES
    assert tables == TABLES
    assert {browser.get(f"/staff/{each}.csv").status_code for each in WITHHELD} == {404}


@pytest.mark.usefixtures("newsroom")
def test_finance_sees_them(session: Session, signed_in: SignedIn) -> None:
    """[S8]"""
    browser = signed_in(session, factories.staff(session, "finance"))
    for name in ("", "retention", "acquisition"):
        page = browser.get(f"/staff/{name}").text
        assert AMOUNT.search(page.split("<main")[1])
        assert "Amounts are for finance." not in page


@pytest.mark.usefixtures("newsroom")
def test_other_names_in_an_address_are_left_out(session: Session, signed_in: SignedIn) -> None:
    """Those of url_for() among them."""
    names = ("table", "endpoint", "_anchor", "_method", "self", "values")
    browser = signed_in(session, factories.staff(session, "finance"))
    for page in PAGES:
        answer = browser.get(f"/staff/{page}?period=all&{'&'.join(f'{each}=x' for each in names)}")
        assert answer.status_code == 200
        assert '.csv?period=all"' in answer.text
