"""A reader's mails, refusals and pause go along to another address."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.mail import bounces, moving, outbox, refusals, suppression
from membership.mail.models import MailPause, OutboxEmail
from tests import factories
from tests.mail import mails, reports

OLD = "old@example.org"
NEW = "new@example.org"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=365 * 20)


@pytest.fixture
def reader(session: Session) -> Account:
    return factories.account(session, email=OLD)


def put(kind: str, subject: str, recipient: str = OLD, account: Account | None = None) -> None:
    account_id = account.id if account else None
    mails.put(1, kind, recipient=recipient, subject=subject, account_id=account_id)


def move(session: Session, reader: Account, staying: tuple[str, ...] = ()) -> None:
    session.flush()
    moving.move(session, reader.id, OLD, NEW, staying)
    session.expire_all()


def where(session: Session) -> dict[str, tuple[str, str]]:
    """Recipient and state of each mail, by its subject; the new address' own are left out."""
    rows = session.scalars(select(OutboxEmail).where(OutboxEmail.subject != "own"))
    return {row.subject: (row.recipient, row.state) for row in rows}


def test_mails_of_the_account_go_to_the_new_address(session: Session, reader: Account) -> None:
    """[S5] Those that wait, and as a record those that left; nobody else's."""
    put("letter", "waits", account=reader)
    put("letter", "left", account=reader)
    put("news", "of the address alone")
    put("letter", "a friend's gift")
    put("letter", "about the old address", account=reader)
    put("letter", "somebody else's", recipient="else@example.org")
    session.execute(update(OutboxEmail).where(OutboxEmail.subject == "left").values(state="sent"))
    session.execute(
        update(OutboxEmail)
        .where(OutboxEmail.subject == "about the old address")
        .values(kind="sign_in")
    )
    move(session, reader, staying=("sign_in",))
    assert where(session) == {
        "waits": (NEW, "pending"),
        "left": (NEW, "sent"),
        "of the address alone": (NEW, "pending"),
        "a friend's gift": (OLD, "pending"),
        "about the old address": (OLD, "pending"),
        "somebody else's": ("else@example.org", "pending"),
    }


def test_no_fact_is_told_again_at_the_new_address(session: Session, reader: Account) -> None:
    """[L16][M1] A receipt that went to the old address is not written anew."""
    put("letter", "donation:1", account=reader)
    session.execute(update(OutboxEmail).values(state="sent"))
    move(session, reader)
    put("letter", "donation:1", recipient=NEW, account=reader)
    assert where(session) == {"donation:1": (NEW, "sent")}
    assert len(mails.rows()) == 1


def test_what_both_addresses_were_to_get_comes_once(session: Session, reader: Account) -> None:
    """[M1] The new address may have been a reader of its own before."""
    put("news", "issue:1")
    put("news", "issue:1", recipient=NEW)
    put("news", "issue:2")
    put("news", "issue:2", recipient=NEW)
    session.execute(
        update(OutboxEmail)
        .where(OutboxEmail.subject == "issue:2", OutboxEmail.recipient == OLD)
        .values(state="sent")
    )
    first, second = (row.id for row in mails.rows() if row.recipient == OLD)
    move(session, reader)
    found = sorted((row.subject, row.recipient, row.state) for row in mails.rows())
    assert found == [
        ("issue:1", NEW, "pending"),
        (f"issue:1:{first}", NEW, "expired"),
        ("issue:2", NEW, "pending"),
        (f"issue:2:{second}", NEW, "sent"),
    ]


def test_an_old_unsubscribe_link_ends_the_mail_of_today(session: Session, reader: Account) -> None:
    """[M6] The mail in the old mailbox still works, for the address that the reader has now."""
    put("news", "issue:1", account=reader)
    token = refusals.unsubscribe_token(mails.rows()[0].id)
    move(session, reader)
    found = refusals.subscriber(session, token)
    assert found is not None
    assert found.address == NEW


def test_the_link_of_a_mail_that_both_addresses_had_ends_it_too(
    session: Session, reader: Account
) -> None:
    """[M6] Whichever of the two mails it stands in."""
    put("news", "issue:1")
    put("news", "issue:1", recipient=NEW)
    move(session, reader)
    for row in mails.rows():
        found = refusals.subscriber(session, refusals.unsubscribe_token(row.id))
        assert found is not None
        assert found.address == NEW


@pytest.mark.parametrize("kind", [bounces.HARD_BOUNCE, bounces.COMPLAINT])
def test_what_is_reported_of_the_old_address_stays_with_it(
    session: Session, reader: Account, kind: str
) -> None:
    """[M4] A letter to the old mailbox bounces late: the new one is right all the same."""
    reports.sent_mail(session, recipient=OLD, account_id=reader.id)
    move(session, reader)
    report = bounces.Report("ses", "1", kind, OLD, reports.MESSAGE_ID, "550 5.1.1 no such user")
    bounces.take(session, report)
    assert suppression.of(session, NEW) is None


def test_refusals_of_both_addresses_hold(session: Session, reader: Account) -> None:
    """[M4] Nobody who said no, here or there, gets that mail; the old address is forgotten."""
    refusals.refuse(session, OLD, "news")
    refusals.refuse(session, NEW, "digest")
    refusals.refuse(session, NEW, "news")
    move(session, reader)
    assert refusals.refused(session, NEW) == {"news", "digest"}
    assert refusals.refused(session, OLD) == set()


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        ([LATER], [], [LATER]),
        ([None], [], [None]),
        ([], [LATER], [LATER]),
        ([LATER], [NOW], [LATER]),
        ([NOW], [LATER], [LATER]),
        ([None], [LATER], [None]),
        ([LATER], [None], [None]),
        ([], [], []),
    ],
)
def test_the_longer_pause_holds(
    session: Session,
    reader: Account,
    old: list[datetime | None],
    new: list[datetime | None],
    after: list[datetime | None],
) -> None:
    """[M8] One without an end is the longest."""
    for until in old:
        refusals.pause(session, OLD, until)
    for until in new:
        refusals.pause(session, NEW, until)
    move(session, reader)
    found = session.execute(select(MailPause.address, MailPause.until_at)).all()
    assert [tuple(each) for each in found] == [(NEW, until) for until in after]


def test_a_mail_that_is_on_its_way_stays_final(session: Session, reader: Account) -> None:
    """[M2] Moving changes whose mail it is, never its state."""
    put("letter", "on its way", account=reader)
    session.execute(update(OutboxEmail).values(state="sending", attempts=1))
    move(session, reader)
    assert where(session) == {"on its way": (NEW, "sending")}
    assert outbox.withdraw(session, reader.id, ["letter"], ["on its way"]) == 0
