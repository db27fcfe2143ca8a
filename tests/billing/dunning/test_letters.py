"""The letters about failing payments and the notices, as they leave the house."""

import re
from datetime import UTC, date, datetime
from html import unescape
from typing import Any

import pytest
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.dunning import letters
from membership.billing.dunning.models import Dunning
from membership.billing.models import Subscription
from membership.mail import kinds
from membership.mail.letters import compose
from membership.mail.models import OutboxEmail
from tests import factories
from tests.billing.reading import row

FAILED_AT = datetime(2026, 4, 2, 13, tzinfo=UTC)
RETRY_AT = datetime(2026, 4, 5, 13, tzinfo=UTC)


def failing(session: Session, language: str = "en", **values: Any) -> tuple[Subscription, Dunning]:
    reader = factories.account(session, name="Olena Koval", language=language)
    given = factories.subscription(
        session, reader, card_last4="4242", state="past_due", card_expires_on=date(2026, 3, 31)
    )
    payment = {
        "subscription_id": given.id,
        "stripe_invoice_id": f"in_{given.id}",
        "amount_minor": 450,
        "currency": "EUR",
        "kind": "soft",
        "failed_at": FAILED_AT,
        "next_attempt_at": RETRY_AT,
    }
    return given, factories.add(session, Dunning(**(payment | values)))


def composed(session: Session, kind: str) -> tuple[str, str, str]:
    """Subject, text and HTML."""
    mail = row(session, OutboxEmail, kind=kind)
    mail.message_id = "<1@courier.example>"
    letter = compose(mail)
    text, html = (letter.get_body((part,)) for part in ("plain", "html"))
    assert text is not None
    assert html is not None
    return letter["Subject"], str(text.get_content()), unescape(str(html.get_content()))


def words_of(html: str) -> str:
    """What stands in the HTML part's body, without its marks."""
    body = html.partition("<body")[2].partition(">")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def write(session: Session, kind: str, language: str) -> None:
    kind_of_failure = "action" if kind == "payment_action" else "soft"
    given, payment = failing(session, language, kind=kind_of_failure)
    account = session.get_one(Account, given.account_id)
    if kind in ("payment_failed", "payment_action"):
        letters.still_failing(session, given, payment, step=1, is_last=False)
    elif kind == "payment_recovered":
        letters.recovered(session, given, payment)
    elif kind == "support_ended_unpaid":
        letters.ended_unpaid(session, given, payment)
    elif kind == "renewal_ahead":
        letters.renewal_ahead(session, account, given)
    elif kind == "card_expires":
        letters.card_expires(session, account, given, date(2026, 3, 31))
    else:
        letters.invitation(session, account)


KINDS = {
    "payment_failed": "/mend/",
    "payment_action": "/mend/",
    "payment_recovered": "/account",
    "support_ended_unpaid": "/support",
    "renewal_ahead": "/manage/",
    "card_expires": "/manage/",
    "invitation": "/support",
}


@pytest.mark.parametrize("language", ["en", "uk"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_is_whole_in_text_and_has_one_link(session: Session, kind: str, language: str) -> None:
    """[M7] [S10] Its subject names neither the newsroom nor an amount."""
    write(session, kind, language)
    subject, text, html = composed(session, kind)
    own = [link for link in re.findall(r"https?://\S+", text) if "/unsubscribe/" not in link]
    assert len(own) == 1
    assert KINDS[kind] in own[0]
    assert ("/uk/" in own[0]) == (language == "uk")
    linked = re.findall(r"<a [^>]*href=\"([^\"]+)\"", html)
    assert [link for link in linked if "/unsubscribe/" not in link] == own
    assert ("/unsubscribe/" in text) == kinds.is_bulk(kind)
    for secret in ("Courier", "4.50", "4,50", "Olena"):
        assert secret not in subject
    assert "Olena" not in text + html
    # All that is said in pictures' stead and on buttons aside, both parts say the same.
    for paragraph in text.partition("\n-- \n")[0].split("\n\n"):
        said = " ".join(paragraph.split()).rstrip(":")
        if not said.startswith("http") and kind in ("payment_failed", "invitation"):
            assert said in words_of(html)


@pytest.mark.parametrize(("step", "is_last"), [(1, False), (2, False), (3, False), (4, True)])
@pytest.mark.parametrize("kind", ["soft", "hard", "action"])
def test_each_step_has_its_own_words(session: Session, kind: str, step: int, is_last: bool) -> None:
    """[B12]"""
    given, payment = failing(session, kind=kind)
    letters.still_failing(session, given, payment, step, is_last)
    mail = "payment_action" if kind == "action" else "payment_failed"
    subject, text, html = composed(session, mail)
    assert "\n\n\n" not in text
    for part in (text, words_of(html)):
        assert "€4.50" in part
        assert "2 April 2026" in part
        assert ("5 April 2026" in part) == (kind == "soft")
        assert ("cannot be used any more" in part) == (kind == "hard")
        assert ("last time" in part) == is_last
        for hard_word in ("immediately", "urgent", "sorry", "fail", "overdue", "owe "):
            assert hard_word not in part.lower()
    assert ("last" in subject) == is_last


def test_the_four_letters_differ(session: Session) -> None:
    """[B12] Nobody gets the same letter twice."""
    said = set()
    given, payment = failing(session)
    for step in (1, 2, 3, 4):
        letters.still_failing(session, given, payment, step, is_last=step == 4)
        mail = row(session, OutboxEmail, kind="payment_failed")
        mail.message_id = "<1@courier.example>"
        body = compose(mail).get_body(("plain",))
        assert body is not None
        said.add(body.get_content())
        session.delete(mail)
        session.flush()
    assert len(said) == 4


def test_without_a_next_attempt_and_a_known_card_nothing_is_made_up(session: Session) -> None:
    given, payment = failing(session, next_attempt_at=None)
    given.card_last4 = None
    letters.still_failing(session, given, payment, step=1, is_last=False)
    _, text, _ = composed(session, "payment_failed")
    assert "None" not in text
    assert "try again" not in text
    assert "ending in" not in text


def test_no_pause_is_offered_before_a_yearly_charge(session: Session) -> None:
    """[B10] It would leave out a whole year, so there is none."""
    write(session, "renewal_ahead", "en")
    for part in composed(session, "renewal_ahead"):
        assert "pause" not in part.lower()


def test_an_ended_year_is_called_a_year(session: Session) -> None:
    given, payment = failing(session)
    given.interval = "year"
    letters.ended_unpaid(session, given, payment)
    _, text, html = composed(session, "support_ended_unpaid")
    for part in (text, words_of(html)):
        assert "yearly support has ended" in part
        assert "Nothing is owed" in part
