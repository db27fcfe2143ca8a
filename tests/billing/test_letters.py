"""The mails of giving, as they leave the house."""

import re
from email.message import EmailMessage
from html import unescape

import pytest
from sqlalchemy.orm import Session

from membership.billing import letters
from membership.mail.letters import compose
from membership.mail.models import OutboxEmail
from membership.money import Money
from tests import factories
from tests.billing.reading import row


def composed(session: Session, kind: str) -> tuple[EmailMessage, str, str]:
    mail = row(session, OutboxEmail, kind=kind)
    mail.message_id = "<1@courier.example>"
    letter = compose(mail)
    text, html = (letter.get_body((part,)) for part in ("plain", "html"))
    assert text is not None
    assert html is not None
    return letter, str(text.get_content()), unescape(str(html.get_content()))


@pytest.mark.parametrize("language", ["en", "uk"])
@pytest.mark.parametrize("interval", ["month", "year", "once"])
def test_each_letter_is_whole_in_text_and_has_one_link(
    session: Session, language: str, interval: str
) -> None:
    """[M7] [S10] The subject of a receipt says neither who nor how much."""
    reader = factories.account(session, name="Olena", language=language)
    given = factories.subscription(session, reader)
    donation = factories.donation(session, reader, amount_minor=450)
    letters.welcome(session, reader, interval)
    letters.receipt(session, reader, donation, interval)
    letters.second_refunded(session, reader, given, Money(700, "EUR"), Money(700, "EUR"))
    for kind in ("welcome", "receipt", "second_subscription_refunded"):
        letter, text, html = composed(session, kind)
        links = re.findall(r"https?://\S+", text)
        assert len(links) == 1
        assert len(re.findall(r"<a [^>]*href", html)) == 1
        assert ("/uk/" in links[0]) == (language == "uk")
        assert "Courier" not in letter["Subject"]
        assert not re.search(r"\d", letter["Subject"])
    _, text, html = composed(session, "receipt")
    amount, day = ("€4.50", "2 March 2026") if language == "en" else ("4,50\xa0€", "2 березня 2026")
    for part in (text, html):
        assert amount in part
        assert day in part
    if language == "en":
        assert f"Donation no. {donation.id}" in text


def test_the_same_fact_is_told_once(session: Session) -> None:
    """[L16]"""
    reader = factories.account(session)
    donation = factories.donation(session, reader)
    for _ in range(2):
        letters.welcome(session, reader, "once")
        letters.receipt(session, reader, donation, "once")
    assert row(session, OutboxEmail, kind="receipt").subject == f"donation:{donation.id}"
    assert row(session, OutboxEmail, kind="welcome").subject == f"account:{reader.id}"


def test_when_nothing_was_charged_no_refund_is_promised(session: Session) -> None:
    reader = factories.account(session)
    given = factories.subscription(session, reader)
    letters.second_refunded(session, reader, given, Money(0, "EUR"), Money(0, "EUR"))
    _, text, html = composed(session, "second_subscription_refunded")
    for part in (text, html):
        assert "Nothing was charged" in part
        assert "gave back" not in part


@pytest.mark.parametrize(
    ("purpose", "said"),
    [("support", "straight into reporting"), ("gift", "a year to somebody"), ("pool", "the pool")],
)
def test_the_welcome_says_what_the_money_does(session: Session, purpose: str, said: str) -> None:
    letters.welcome(session, factories.account(session), "once", purpose)
    _, text, html = composed(session, "welcome")
    for part in (text, html):
        assert said in part
        assert ("straight into reporting" in part) == (purpose == "support")
