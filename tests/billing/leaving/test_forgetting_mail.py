"""What is left of an account's mail once it is deleted."""

from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.billing import forgetting, leaving
from membership.mail import bounces, refusals, suppression
from membership.mail.models import MailPause, MailRefusal, MailReport
from membership.newsletter.models import NewsletterReader
from tests import factories
from tests.mail import mails
from tests.mail.reports import MESSAGE_ID, sent_mail

ADDRESS = "anna@example.org"


def test_reports_refusals_and_pauses_of_a_deleted_account_name_nobody(session: Session) -> None:
    """[S11] What mail servers said of the address goes; that it must not be written to stays."""
    leaver = factories.account(session, email=ADDRESS)
    sent_mail(session, recipient=ADDRESS, account_id=leaver.id)
    said = "550 5.1.1 <anna@example.org> is unknown"
    report = bounces.Report("postmark", "1", bounces.HARD_BOUNCE, ADDRESS, MESSAGE_ID, said)
    assert bounces.take(session, report)
    refusals.refuse(session, ADDRESS, "news")
    refusals.pause(session, ADDRESS, None)
    forgetting.forget(session, leaver)
    kept = session.execute(select(MailReport.address, MailReport.detail)).one()
    assert tuple(kept) == (forgetting.nobody(leaver.id), "")
    for table in (MailRefusal, MailPause):
        assert session.scalar(select(func.count()).select_from(table)) == 0
    assert suppression.of(session, ADDRESS) is not None


def test_letters_that_both_addresses_had_become_nobodys(session: Session) -> None:
    """[S11] An account that had two addresses can go; each of its letters is kept, without it."""
    leaver = factories.account(session, email=ADDRESS)
    for address in ("old@example.org", ADDRESS):
        mails.put(1, "newsletter", recipient=address, subject="story:1", account_id=leaver.id)
    forgetting.forget(session, leaver)
    left = [(mail.recipient, mail.context, mail.state) for mail in mails.rows()]
    nobody = forgetting.nobody(leaver.id)
    assert sorted(left, key=str) == [(nobody, {}, "expired"), (nobody, {}, "suppressed")]


def test_what_waits_for_somebody_deleted_is_settled_at_once(session: Session) -> None:
    """[S11][M2] Also what is held back, as by a paused campaign; what was said of it goes."""
    leaver = factories.account(session, email=ADDRESS)
    for subject in ("held", "refused"):
        mails.put(1, "newsletter", recipient=ADDRESS, subject=subject, account_id=leaver.id)
    held, refused = mails.rows()
    held.next_attempt_at = None
    refused.state, refused.last_error = "failed", f"550 5.1.1 <{ADDRESS}> is unknown"
    session.add_all([held, refused])
    session.flush()
    forgetting.forget(session, leaver)
    session.expire_all()
    assert (held.state, held.last_error) == ("suppressed", "suppressed: account deleted")
    assert held.settled_at is not None
    assert (refused.state, refused.last_error) == ("failed", None)


def test_an_old_link_brings_back_nobody(session: Session, client: FlaskClient) -> None:
    """[S11] What it ended is not taken up again for an account that is deleted."""
    leaver = factories.account(session, email=ADDRESS)
    mails.put(1, "newsletter", recipient=ADDRESS, account_id=leaver.id)
    token = refusals.unsubscribe_token(mails.rows()[0].id)
    assert refusals.subscriber(session, token) is not None
    forgetting.forget(session, leaver)
    for act in ("undo", "refuse", "pause"):
        answer = client.post(f"/unsubscribe/{token}", data={"act": act, "length": "month"})
        assert answer.status_code == 404
    for table in (NewsletterReader, MailRefusal, MailPause):
        assert session.scalar(select(func.count()).select_from(table)) == 0


def test_who_wants_to_go_gets_no_letter_to_many(session: Session) -> None:
    """[S11] Not even one that was written before; what is about the account itself still comes."""
    leaver = factories.account(session, email=ADDRESS)
    for kind in ("newsletter", "receipt"):
        mails.put(1, kind, recipient=ADDRESS, account_id=leaver.id)
    mails.put(2, "newsletter")
    leaving.ask(leaver.id)
    session.expire_all()
    left = {(mail.kind, mail.recipient): mail.state for mail in mails.rows()}
    assert left == {
        ("newsletter", ADDRESS): "expired",
        ("receipt", ADDRESS): "pending",
        ("newsletter", "reader2@example.org"): "pending",
        ("deletion_asked", ADDRESS): "pending",
    }
