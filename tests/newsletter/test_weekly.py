"""The weekly letter: when, to whom, with what."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.db import database_now
from membership.mail import refusals
from membership.newsletter import readers, weekly
from membership.newsletter.models import Issue
from membership.newsletter.readers import NEWSLETTER
from tasks import newsletter as tasks
from tests import factories
from tests.accounts import mailbox
from tests.billing.gifts.steps import gift
from tests.newsletter.steps import SATURDAY, confirmed, subject, told, written

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


@pytest.fixture
def story(session: Session) -> Any:
    return story_of(session, SATURDAY - DAY)


def story_of(session: Session, at: datetime, **values: Any) -> Any:
    return factories.article(session, published_at=at, created_at=at, **values)


def run_at(at: datetime) -> None:
    with clock.fixed(at):
        tasks.issue()


def issues(session: Session) -> list[str]:
    asked = select(Issue.period).where(Issue.kind == NEWSLETTER).order_by(Issue.period)
    return list(session.scalars(asked))


def text_to(address: str) -> str:
    return mailbox.text(mailbox.all_to(address)[-1])


def test_it_leaves_once_a_week_on_saturday(session: Session, story: Any) -> None:
    """[M8] At eight by the newsroom's clock; not before, and not again on Sunday."""
    confirmed(session, "reader@example.org")
    run_at(SATURDAY - HOUR)
    assert told(session, NEWSLETTER) == []
    run_at(SATURDAY)
    confirmed(session, "newcomer@example.org")
    story_of(session, SATURDAY + HOUR / 2)
    for late in (HOUR, DAY):
        run_at(SATURDAY + late)
    (mail,) = written(session, NEWSLETTER)
    assert (mail.recipient, mail.subject) == ("reader@example.org", "issue:2026-W47")
    assert mail.not_after_at == SATURDAY + 2 * DAY
    assert issues(session) == ["2026-W47"]


@pytest.mark.parametrize(
    ("late", "times"),
    [(HOUR, 1), (DAY + 15 * HOUR, 1), (2 * DAY, 0), (3 * DAY, 0)],
    ids=["an hour", "until Sunday night", "until Monday", "until Tuesday"],
)
def test_a_beat_that_slept(session: Session, story: Any, late: timedelta, times: int) -> None:
    """[M8] A weekend late is still sent; a letter of Saturday on Tuesday is not."""
    confirmed(session, "reader@example.org")
    run_at(SATURDAY + late)
    assert len(told(session, NEWSLETTER)) == times


def test_a_week_without_a_story_has_no_letter(session: Session) -> None:
    confirmed(session, "reader@example.org")
    story_of(session, SATURDAY - 30 * DAY)
    run_at(SATURDAY)
    assert issues(session) == []
    story_of(session, SATURDAY + HOUR)
    run_at(SATURDAY + 2 * HOUR)
    assert issues(session) == ["2026-W47"]


def test_each_story_stands_in_one_letter(session: Session) -> None:
    """[L16] What was published since the last letter; also what came in after it, dated before."""
    confirmed(session, "reader@example.org")
    story_of(session, SATURDAY - HOUR, title="Of this week")
    story_of(session, SATURDAY - 20 * DAY, title="Of long ago")
    run_at(SATURDAY)
    late = story_of(session, SATURDAY - HOUR / 2, title="Came in late")
    late.created_at = SATURDAY + HOUR
    story_of(session, SATURDAY + 3 * DAY, title="Of next week")
    archive = story_of(session, SATURDAY - 400 * DAY, title="From the archive")
    archive.created_at = SATURDAY + HOUR
    session.flush()
    run_at(SATURDAY + WEEK)
    first, second = (mailbox.text(mail) for mail in mailbox.all_to("reader@example.org"))
    assert titles(first) == ["Of this week"]
    assert titles(second) == ["Of next week", "Came in late"]


def titles(text: str) -> list[str]:
    wanted = ("Of this week", "Of next week", "Came in late", "Of long ago", "From the archive")
    found = [title for title in wanted if title in text]
    return sorted(found, key=text.index)


def test_who_gets_it(session: Session, story: Any) -> None:
    """[M8] Whoever has said yes: no other patron, no one who unsubscribed or is leaving."""
    confirmed(session, "reader@example.org")
    patron = factories.patron(session)
    readers.subscribe(session, patron.email, "en")
    factories.patron(session)
    factories.add(session, readers.NewsletterReader(address="asked@example.org", language="en"))
    confirmed(session, "gone@example.org")
    refusals.refuse(session, "gone@example.org", NEWSLETTER)
    leaving = factories.account(session, delete_after_at=SATURDAY + DAY)
    confirmed(session, leaving.email)
    run_at(SATURDAY)
    assert told(session, NEWSLETTER) == sorted(["reader@example.org", patron.email])
    by_address = {mail.recipient: mail.account_id for mail in written(session, NEWSLETTER)}
    assert by_address == {"reader@example.org": None, patron.email: patron.id}


def test_patrons_are_not_asked(session: Session, story: Any) -> None:
    """[M8] [R5] The ask is for who is no patron: never in grace, never by a gift, however typed."""
    asked = [confirmed(session, "reader@example.org").address]
    lapsed = factories.account(session)
    factories.subscription(session, lapsed, state="ended", ended_at=factories.NOON)
    asked.append(lapsed.email)
    patrons = [factories.patron(session, email="Some.Patron@example.org")]
    for state in ("past_due", "paused", "cancel_scheduled"):
        each = factories.account(session)
        factories.subscription(session, each, state=state)
        patrons.append(each)
    given, now = factories.account(session), database_now(session)
    lasts = {"redeemed_at": now - DAY, "begins_at": now - DAY, "ends_at": now + DAY}
    gift(session, state="redeemed", account_id=given.id, **lasts)
    patrons.append(given)
    confirmed(session, lapsed.email)
    for each in patrons:
        confirmed(session, each.email.lower())
    run_at(SATURDAY)
    assert len(told(session, NEWSLETTER)) == len(asked) + len(patrons)
    for address in asked:
        assert "€4" in text_to(address)
        assert "/support" in text_to(address)
    for each in patrons:
        assert "€4" not in text_to(each.email)
        assert "/support" not in text_to(each.email)


def test_own_language_comes_first(session: Session) -> None:
    """[M8] Every story is listed, newest first within its language, at its own address."""
    for number, language in enumerate(["en", "uk", "en", "uk"]):
        at = SATURDAY - DAY + number * HOUR
        story_of(session, at, language=language, slug=f"s{number}", title=f"Story {number}")
    confirmed(session, "en@example.org", "en")
    confirmed(session, "uk@example.org", "uk")
    confirmed(session, "pl@example.org", "pl")
    run_at(SATURDAY)
    order = {
        mail.recipient: [each["url"] for each in mail.context["stories"]]
        for mail in written(session, NEWSLETTER)
    }
    site = "http://localhost"
    english = [f"{site}/articles/s2", f"{site}/articles/s0"]
    ukrainian = [f"{site}/uk/articles/s3", f"{site}/uk/articles/s1"]
    assert order == {
        "en@example.org": english + ukrainian,
        "uk@example.org": ukrainian + english,
        "pl@example.org": english + ukrainian,
    }
    assert "20 листопада 2026" in text_to("uk@example.org")


def test_the_text_part_says_everything(session: Session) -> None:
    """[M7] Title, standfirst, date and address of each; no reader's name anywhere (S10)."""
    story_of(session, SATURDAY - DAY, title="The bridge", standfirst="It is open.", slug="bridge")
    story_of(session, SATURDAY - 2 * DAY, title="The river", standfirst="", slug="river")
    confirmed(session, "reader@example.org")
    run_at(SATURDAY)
    (mail,) = written(session, NEWSLETTER)
    assert (
        "The bridge\nIt is open.\n20 November 2026\nhttp://localhost/articles/bridge\n\n"
        "The river\n19 November 2026\nhttp://localhost/articles/river\n" in mailbox.text(mail)
    )
    assert "No more of these mails" in mailbox.text(mail)
    assert subject(mail) == "The week’s stories, 21 November 2026"


def test_who_becomes_a_patron_while_it_is_written(
    session: Session, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M8] Support that ends or begins between two statements leaves nobody without a letter."""
    begins = factories.account(session)
    ends = factories.patron(session)
    for each in (begins, ends):
        confirmed(session, each.email)
    put_to_all: Callable[..., int] = weekly.outbox.put_to_all
    turns = [lambda: factories.subscription(session, begins), lambda: None]

    def put_and_turn(*arguments: Any) -> None:
        put_to_all(*arguments)
        turns.pop(0)()

    monkeypatch.setattr(weekly.outbox, "put_to_all", put_and_turn)
    run_at(SATURDAY)
    assert told(session, NEWSLETTER) == sorted([begins.email, ends.email])
    assert "/support" not in text_to(ends.email)
