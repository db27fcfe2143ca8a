"""What is left of an account's mail once it is deleted."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.billing import forgetting
from membership.mail import bounces, refusals, suppression
from membership.mail.models import MailPause, MailRefusal, MailReport
from tests import factories
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
