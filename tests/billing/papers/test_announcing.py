"""Who is told that the year's statement is ready, when, and that it is told once."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.papers import announcing
from membership.billing.papers.models import Paper
from membership.db import transaction
from membership.mail import moving
from membership.mail.letters import compose
from membership.mail.models import OutboxEmail
from tests import factories
from tests.billing.dunning.test_races import at_once
from tests.billing.reading import row, rows

TENTH_OF_JANUARY = datetime(2027, 1, 10, 12, tzinfo=UTC)
# The newsroom is in Kyiv, two hours ahead in winter and three in summer.
YEAR_BEGINS = datetime(2025, 12, 31, 22, tzinfo=UTC)
YEAR_ENDS = datetime(2026, 12, 31, 22, tzinfo=UTC)
A_MOMENT = timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def the_tenth_of_january() -> Iterator[None]:
    with clock.fixed(TENTH_OF_JANUARY):
        yield


def gave(session: Session, paid_at: datetime = factories.NOON, **values: Any) -> Account:
    """Somebody who gave 4 € then, in 2026 by default."""
    giver = factories.account(session, name="Olena")
    factories.donation(session, giver, paid_at=paid_at, **values)
    return giver


def told(session: Session) -> list[str]:
    return [mail.recipient for mail in rows(session, OutboxEmail, kind="annual_statement")]


def test_whoever_gave_in_the_year_is_told_once(session: Session) -> None:
    """[B18] [L16] However they gave, however often, and though a part went back."""
    patron, once = factories.patron(session), gave(session)
    by_hand = gave(
        session, provider="manual", method="cheque", stripe_payment_intent_id=None, currency="UAH"
    )
    twice = gave(session)
    factories.donation(session, twice, paid_at=factories.NOON + timedelta(days=30))
    in_part = gave(session)
    factories.refund(session, factories.donation(session, in_part), 399)
    factories.refund(session, factories.donation(session, in_part), 400)
    givers = [patron, once, by_hand, twice, in_part]
    assert announcing.announce_due() == len(givers)
    assert announcing.announce_due() == 0
    assert told(session) == [giver.email for giver in givers]


def test_nobody_else_is_told(session: Session) -> None:
    """[B18] [S11] What went back, by us or by the bank, is no gift; who leaves is left alone."""
    factories.account(session)
    back = factories.account(session)
    for _ in range(2):
        factories.refund(session, factories.donation(session, back), 400)
    gave(session, disputed_at=TENTH_OF_JANUARY)
    gave(session).deleted_at = TENTH_OF_JANUARY
    gave(session).delete_after_at = TENTH_OF_JANUARY + timedelta(days=7)
    session.flush()
    assert announcing.announce_due() == 0
    assert told(session) == []


def test_the_year_is_the_newsrooms(session: Session) -> None:
    """[B18] A gift belongs to the year in which it was given by the clock of the newsroom."""
    gave(session, YEAR_BEGINS - A_MOMENT)
    first, last = gave(session, YEAR_BEGINS), gave(session, YEAR_ENDS - A_MOMENT)
    gave(session, YEAR_ENDS)
    announcing.announce_due()
    assert told(session) == [first.email, last.email]


@pytest.mark.parametrize(
    ("at", "is_time"),
    [
        (datetime(2027, 1, 4, 22, tzinfo=UTC) - A_MOMENT, False),
        (datetime(2027, 1, 4, 22, tzinfo=UTC), True),
        # Beat slept all winter.
        (datetime(2027, 3, 31, 21, tzinfo=UTC) - A_MOMENT, True),
        (datetime(2027, 3, 31, 21, tzinfo=UTC), False),
    ],
)
def test_it_is_told_from_the_fifth_of_january_until_march_ends(
    session: Session, at: datetime, is_time: bool
) -> None:
    """[B18] By the clock of the newsroom; whoever was not told in time is told later."""
    gave(session)
    with clock.fixed(at):
        assert announcing.announce_due() == int(is_time)


def test_what_is_entered_late_is_told_late(session: Session) -> None:
    """[B18] A cheque of December that somebody enters in February; and who stays after all."""
    stays = gave(session)
    stays.delete_after_at = TENTH_OF_JANUARY + timedelta(days=7)
    session.flush()
    announcing.announce_due()
    late = gave(session)
    stays.delete_after_at = None
    session.flush()
    with clock.fixed(TENTH_OF_JANUARY + timedelta(days=30)):
        assert announcing.announce_due() == 2
    assert sorted(told(session)) == sorted([late.email, stays.email])


def test_each_year_is_told_by_itself(session: Session) -> None:
    """[L16] Once per account and year; a new address changes nothing."""
    giver = gave(session)
    factories.donation(session, giver, paid_at=TENTH_OF_JANUARY)
    announcing.announce_due()
    old, giver.email = giver.email, "new@example.org"
    session.flush()
    assert announcing.announce_due() == 0
    moving.move(session, giver.id, old, giver.email, ())
    assert announcing.announce_due() == 0
    with clock.fixed(TENTH_OF_JANUARY + timedelta(days=365)):
        assert announcing.announce_due() == 1
    mails = rows(session, OutboxEmail, kind="annual_statement")
    assert [mail.context["year"] for mail in mails] == [2026, 2027]


def test_few_are_told_at_a_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """[M5] Else a sign-in mail would wait until the last of them has left."""
    monkeypatch.setattr(announcing, "BATCH", 2)
    givers = [gave(session) for _ in range(5)]
    assert [announcing.announce_due() for _ in range(4)] == [2, 2, 1, 0]
    assert told(session) == [giver.email for giver in givers]


def test_four_workers_tell_each_giver_once(committed: Engine, app: Flask) -> None:
    """[M1] [L16]"""
    with transaction() as session:
        givers = [gave(session).email for _ in range(3)]
    at_once(app, announcing.announce_due)
    with transaction() as session:
        assert told(session) == givers


@pytest.mark.parametrize("language", ["en", "uk"])
def test_the_mail_says_neither_who_nor_how_much(session: Session, language: str) -> None:
    """[S10] [M7] One link, the same in both parts; it is no mail to unsubscribe from."""
    gave(session).language = language
    session.flush()
    announcing.announce_due()
    mail = row(session, OutboxEmail, kind="annual_statement")
    mail.message_id = "<1@courier.example>"
    letter = compose(mail)
    if language == "en":
        assert letter["Subject"] == "Your statement for 2026"
    assert "List-Unsubscribe" not in letter
    prefix = "" if language == "en" else "/uk"
    for part in ("plain", "html"):
        body = letter.get_body((part,))
        assert body is not None
        words = unescape(str(body.get_content()))
        links = re.findall(r"https?://[^\s\"<]+", words)
        assert links == [f"http://localhost{prefix}/account/papers?year=2026"]
        assert "2026" in words
        assert not re.search(r"Olena|€|EUR|4[.,]00", words)


def test_its_link_leads_to_the_years_statement(
    session: Session, client: FlaskClient, signed_in: Callable[[Session, Account], FlaskClient]
) -> None:
    """[B18] After signing in, whenever that is; the statement is one button away."""
    giver = gave(session)
    announcing.announce_due()
    url = row(session, OutboxEmail, kind="annual_statement").context["statement_url"]
    path = url.removeprefix("http://localhost")
    assert client.get(path).location == "/sign-in?next=/account/papers?year%3D2026"
    with clock.fixed(datetime(2029, 5, 1, tzinfo=UTC)):
        browser = signed_in(session, giver)
        page = browser.get(path).text
        assert "Your statement for 2026" in page
        first, last = re.findall(r'type="date" value="([^"]+)"', page)
        answer = browser.post(path, data={"from_on": first, "to_on": last, "name": "Olena"})
        assert answer.status_code == 303
        paper = row(session, Paper)
        assert paper.account_id == giver.id
        assert (str(paper.from_on), str(paper.to_on)) == ("2026-01-01", "2026-12-31")
        assert f"/account/papers/{paper.number}.pdf" in browser.get(answer.location).text


@pytest.mark.parametrize("year", ["2027", "0", "-1", "99999", "soon", ""])
def test_a_year_that_is_none_or_not_over_is_not_named(
    session: Session, signed_in: Callable[[Session, Account], FlaskClient], year: str
) -> None:
    """[B18] The page then proposes the last one, as ever."""
    page = signed_in(session, gave(session)).get(f"/account/papers?year={year}")
    assert page.status_code == 200
    assert "A new statement" in page.text
    assert 'value="2026-01-01"' in page.text
