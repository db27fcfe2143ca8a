"""The pages on who stays and on what fails: what stands there, and for whom."""

import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing.dunning.models import Dunning
from membership.billing.models import Leaving, Subscription
from membership.reports import rollups
from tests import factories
from tests.reports.giving import DAY, joins, leaves

SignedIn = Callable[[Session, Account], FlaskClient]


@pytest.fixture
def leaver(session: Session) -> Subscription:
    """Somebody who left and said why."""
    given = joins(session, clock.now() - 100 * DAY)
    leaves(session, given, clock.now() - 5 * DAY)
    session.get_one(Account, given.account_id).name = "Olena Leaver"
    factories.add(
        session,
        Leaving(
            subscription_id=given.id,
            reason="cost",
            comment="Rent went <up>.",
            created_at=clock.now() - 5 * DAY,
        ),
    )
    rollups.rebuild(session)
    return given


@pytest.fixture
def failing(session: Session) -> Dunning:
    """Somebody whose payment fails and who has been written to."""
    giver = factories.account(session, name="Taras Failing")
    given = factories.subscription(session, giver, state="past_due")
    row = factories.add(
        session,
        Dunning(
            subscription_id=given.id,
            stripe_invoice_id="in_failing",
            amount_minor=1234,
            currency="EUR",
            kind="hard",
            decline_code="stolen_card",
            attempts=3,
            letters=2,
            link_used_at=clock.now() - DAY,
            next_attempt_at=clock.now() + 2 * DAY,
            failed_at=clock.now() - 6 * DAY,
        ),
    )
    rollups.rebuild(session)
    return row


def deeds(session: Session, action: str) -> list[AuditEntry]:
    return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def test_finance_reads_what_leavers_wrote(
    session: Session, signed_in: SignedIn, leaver: Subscription
) -> None:
    """[D2] [S9] With a link to who it was; that they were read is written down."""
    page = signed_in(session, factories.staff(session, "finance")).get("/staff/retention").text
    assert "Rent went &lt;up&gt;." in page
    assert f'/staff/patrons/{leaver.account_id}">Olena Leaver</a>' in page
    assert "reason=cost" in page
    [entry] = deeds(session, "leavers.listed")
    assert entry.detail == {"accounts": [leaver.account_id]}


def test_a_reason_leads_to_what_was_written_with_it(
    session: Session, signed_in: SignedIn, leaver: Subscription
) -> None:
    client = signed_in(session, factories.staff(session, "finance"))
    assert "Rent went" in client.get("/staff/retention?reason=cost").text
    assert "Rent went" not in client.get("/staff/retention?reason=trouble").text
    assert "Rent went" in client.get("/staff/retention?reason=nonsense").text


def test_the_rows_behind_a_figure_are_its_people(
    session: Session, signed_in: SignedIn, leaver: Subscription, failing: Dunning
) -> None:
    """[D2] [D3] Below the page, by name; nonsense in the address is the usual list."""
    client = signed_in(session, factories.staff(session, "finance"))
    began = session.get_one(Subscription, leaver.id).started_at
    left = clock.now() - 5 * DAY
    for path, part in (
        (f"/staff/retention?began={began:%Y-%m}", "Who began in"),
        (f"/staff/retention?left={left:%Y-%m}", "by their own wish"),
        ("/staff/retention?left=never&before=%00", "In their own words"),
    ):
        page = client.get(path).text.split('id="people"')[1]
        assert "Olena Leaver" in page, path
        assert part in page, path
    for path, is_there in (
        (f"/staff/recovery?month={failing.failed_at:%Y-%m}", True),
        ("/staff/recovery?month=2020-01", False),
        ("/staff/recovery?code=stolen_card", True),
        ("/staff/recovery?code=lost_card", False),
        ("/staff/recovery?code=%00&before=2026-01-01T00:00:00%2B00:00+99999999999999999999", True),
    ):
        page = client.get(path).text.split('id="people"')[1]
        assert ("Taras Failing" in page) is is_there, path


@pytest.mark.parametrize("role", ["reporter", "editor"])
def test_others_see_neither_names_nor_words_nor_amounts(
    session: Session, signed_in: SignedIn, leaver: Subscription, failing: Dunning, role: str
) -> None:
    """[S8] [S10] Numbers are for all staff."""
    client = signed_in(session, factories.staff(session, role))
    stays, fails = client.get("/staff/retention"), client.get("/staff/recovery")
    assert stays.status_code == fails.status_code == 200
    for page in (stays.text, fails.text):
        for hidden in ("Olena", "Taras", "Rent went", "12.34", "€"):
            assert hidden not in page
    assert not deeds(session, "leavers.listed")
    assert not deeds(session, "at_risk.listed")


def test_finance_sees_whose_payment_fails_and_what_was_tried(
    session: Session, signed_in: SignedIn, failing: Dunning
) -> None:
    """[D3] [S9]"""
    page = signed_in(session, factories.staff(session, "finance")).get("/staff/recovery").text
    for part in (
        "Taras Failing",
        "€12.34",
        "the card was reported stolen",
        "needs another card",
        "charged 3 times",
        "2 letters",
        "opened its link on",
        "charged again on",
        '#people">1</a>',
    ):
        assert part in page, part
    assert len(deeds(session, "at_risk.listed")) == 1


def test_the_csv_says_what_the_table_says(
    session: Session, signed_in: SignedIn, failing: Dunning
) -> None:
    """[D3] The same rows, in major units beside their currency."""
    client = signed_in(session, factories.staff(session, "finance"))
    answer = client.get("/staff/recovery/decline_codes.csv")
    assert answer.mimetype == "text/csv"
    header, line = answer.text.lstrip("\ufeff").splitlines()
    assert header.startswith("reason,code,failed,recovered,share,failed_value")
    assert line.startswith("the card was reported stolen,stolen_card,1,0,0,12.34,0.00,0")
    assert line.endswith(",EUR")
    assert not deeds(session, "at_risk.listed"), "no names are in it"
    assert client.get("/staff/recovery/patrons_at_risk.csv").status_code == 404


def test_the_heat_map_draws_what_the_table_says(
    session: Session, signed_in: SignedIn, leaver: Subscription
) -> None:
    """[D2]"""
    page = signed_in(session, factories.staff(session, "finance")).get("/staff/retention").text
    told = page.split('id="cohorts-data">')[1].split("</script>")[0]
    picture = json.loads(told)
    assert picture["kind"] == "heat"
    assert picture["values"][0][0] == 1
    assert len(picture["rows"]) == 1


@pytest.mark.parametrize("path", ["/staff/retention", "/staff/recovery"])
def test_an_empty_newsroom_is_told_what_will_stand_there(
    session: Session, signed_in: SignedIn, path: str
) -> None:
    page = signed_in(session, factories.staff(session, "finance")).get(path)
    assert page.status_code == 200
    assert "No figures in these days" in page.text
    assert "Nobody" in page.text
