"""The pages on who stays and on what fails: what stands there, and for whom."""

import json
import re
from datetime import timedelta

import pytest
from lxml import html
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing.dunning.models import Dunning
from membership.billing.models import Leaving, Subscription
from membership.reports import rollups
from tests import factories
from tests.conftest import SignedIn
from tests.reports.giving import DAY, joins, leaves


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


def test_what_brought_money_after_all_leads_to_whose_it_is(
    session: Session, signed_in: SignedIn, failing: Dunning
) -> None:
    """[D3] Of the days asked for; another means leads elsewhere, nonsense to what fails now."""
    failing.recovered_at, failing.recovered_by = clock.now() - DAY, "retry"
    rollups.rebuild(session)
    client = signed_in(session, factories.staff(session, "finance"))
    tables = html.fromstring(client.get("/staff/recovery?period=12_months").text)
    (retry,) = tables.xpath("//*[@id='recovered_by']//a[contains(@href, 'means=retry')]/@href")
    for path, is_there in (
        (retry, True),
        (retry.replace("retry", "mail"), False),
        (retry.replace("12_months", "own&from=2020-01-01&to=2020-02-01"), False),
        (retry.replace("retry", "luck"), False),
    ):
        page = client.get(path).text.split('id="people"')[1]
        assert ("Taras Failing" in page) is is_there, path
    file = client.get(f"/staff/recovery/people.csv?{retry.split('?')[1]}")
    assert "retry" in file.headers["Content-Disposition"]
    assert "Taras Failing" in file.text


def test_a_month_leads_to_all_that_moved_it_and_a_figure_to_its_failures(
    session: Session, signed_in: SignedIn, leaver: Subscription, failing: Dunning
) -> None:
    """[D2] [D3] [S8] Of the days asked for, for who sees all."""
    days = f"period=own&from={clock.now() - 60 * DAY:%Y-%m-%d}&to={clock.now():%Y-%m-%d}"
    client = signed_in(session, factories.staff(session, "finance"))
    months = html.fromstring(client.get(f"/staff/retention?{days}").text)
    left = clock.now() - 5 * DAY
    (link,) = months.xpath(
        f"//*[@id='revenue_retention']//tbody//a[contains(@href, 'month={left:%Y-%m}')]/@href"
    )
    assert "Olena Leaver" in client.get(link).text.split('id="people"')[1]
    tiles = html.fromstring(client.get(f"/staff/recovery?{days}").text)
    (link,) = tiles.xpath("//*[@data-figure='failed']/dd/a/@href")
    assert "Taras Failing" in client.get(link).text.split('id="people"')[1]
    editor = signed_in(session, factories.staff(session, "editor"))
    for path in ("retention", "recovery"):
        page = editor.get(f"/staff/{path}?{days}").text
        assert "moved=" not in page
        assert "failed=all" not in page


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


def test_the_people_below_the_figures_come_as_a_file(
    session: Session, signed_in: SignedIn, leaver: Subscription, failing: Dunning
) -> None:
    """[D2] [D3] [S8] [S9] All of the list, for finance alone; that it was taken is written down."""
    month = f"{clock.now() - 5 * DAY:%Y-%m}"
    lists = {
        "/staff/retention/people.csv": ("Olena Leaver", "cost,ended,Rent went <up>."),
        f"/staff/retention/people.csv?left={month}": ("Olena Leaver", ",voluntary,cost,4.00,EUR"),
        "/staff/recovery/people.csv": ("Taras Failing", "12.34,EUR"),
        "/staff/recovery/people.csv?code=lost_card": ("", ""),
    }
    client = signed_in(session, factories.staff(session, "finance"))
    for path, (who, what) in lists.items():
        answer = client.get(path)
        assert answer.mimetype == "text/csv"
        heading, *lines = answer.text.lstrip("\ufeff").splitlines()
        assert heading.startswith("name,email,")
        assert len(lines) == bool(who), path
        assert all(line.startswith(who) and what in line for line in lines), (path, lines)
    assert [entry.detail["rows"] for entry in deeds(session, "people.exported")] == [1, 1, 1, 0]
    editor = signed_in(session, factories.staff(session, "editor"))
    assert {editor.get(path).status_code for path in lists} == {403}


def test_cards_that_expire_lead_to_whose_they_are(session: Session, signed_in: SignedIn) -> None:
    """[D3] [S9] The first to expire first; as many as the table counts."""
    today = clock.now().date()
    for days in (70, 20, 10, 120):
        holder = factories.account(session, name=f"Card of {days} days")
        factories.subscription(session, holder, card_expires_on=today + timedelta(days=days))
    rollups.rebuild(session)
    client = signed_in(session, factories.staff(session, "finance"))
    assert "cards=30" in client.get("/staff/recovery").text
    for soon, expected in ((30, [10, 20]), (90, [10, 20, 70])):
        page = client.get(f"/staff/recovery?cards={soon}").text.split('id="people"')[1]
        assert re.findall(r"Card of (\d+) days", page) == [str(days) for days in expected]
        file = client.get(f"/staff/recovery/people.csv?cards={soon}").text
        assert re.findall(r"Card of (\d+) days", file) == [str(days) for days in expected]
    assert "Nobody’s payment fails now" in client.get("/staff/recovery?cards=31").text
    assert len(deeds(session, "cards.listed")) == 2


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


@pytest.mark.parametrize(
    ("path", "nothing"),
    [
        ("/staff/retention", "Nobody gave monthly or yearly in these days"),
        ("/staff/recovery", "No payment failed in these days, none fails now"),
        ("/staff/acquisition", "Nobody read a story, saw an ask or came in these days"),
    ],
)
def test_where_nothing_happened_the_page_says_so_and_what_will_stand_there(
    session: Session, signed_in: SignedIn, path: str, nothing: str
) -> None:
    page = signed_in(session, factories.staff(session, "finance")).get(path)
    assert page.status_code == 200
    assert nothing in page.text
    assert "Other days may have some" in page.text
