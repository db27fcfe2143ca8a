"""What the receiving side reports about a mail after it has left (rule M4).

A hard bounce and a complaint suppress the address; a soft bounce is only written down.
"""

import re
from dataclasses import dataclass

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.mail import kinds, suppression
from membership.mail.models import MailReport, OutboxEmail

log = structlog.get_logger(__name__)

HARD_BOUNCE, SOFT_BOUNCE, COMPLAINT = "hard_bounce", "soft_bounce", "complaint"
# Where reports come from that nobody has signed.
MAILBOX = "mailbox"
# Feedback that is no reader's complaint (RFC 6430, RFC 6591).
NO_COMPLAINT = frozenset({"not-spam", "auth-failure"})
LONGEST_REFERENCE = 500
LONGEST_DETAIL = 500
# RFC 3463: 5.X.X is for good. What X then names may be a full mailbox, our letter's size or
# words, or the receiving side's opinion of us; the address is right all the same.
PERMANENT = re.compile(r"5\.\d{1,3}\.\d{1,3}")
ANOTHER_MATTER = re.compile(r"5\.(2\.2|2\.3|3\.\d+|6\.\d+|7\.\d+)")
# Not 5.1.1.7, which is a host.
STATUS = re.compile(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?!\.?\d)")


class NotSignedError(Exception):
    """What came is not from the provider: its signature, password or topic is wrong."""


class NoLoginError(NotSignedError):
    """What came bears no password, or a wrong one; with the right one it may come again."""


class UnreadableError(ValueError):
    """What came is no report; says in a sentence what is wrong with it."""


@dataclass(frozen=True)
class Report:
    """One thing said about one address; `kind` is hard_bounce, soft_bounce or complaint.

    `reference` is the provider's own and tells the report from all its others. `message_id` is
    the Message-ID of our mail, with or without its angle brackets, and None when it is not told.
    """

    provider: str
    reference: str
    kind: str
    address: str
    message_id: str | None
    detail: str


def bounce_of(status: str) -> str:
    """Whether a mail that was given up with `status` (RFC 3463: "5.1.1") bounced hard or soft."""
    is_hard = PERMANENT.fullmatch(status) and not ANOTHER_MATTER.fullmatch(status)
    return HARD_BOUNCE if is_hard else SOFT_BOUNCE


def status_in(text: str) -> str:
    """The first status (RFC 3463) in what a mail server said: "5.1.1"; "" when there is none."""
    found = STATUS.search(text)
    return found[0] if found else ""


def take(session: Session, report: Report) -> bool:
    """Write `report` down, and suppress its address if it says so; False when nothing was done.

    Nothing is done for a report that came before, and for one about an address that we never
    wrote to, or whose account is deleted. The address is that of our mail where the report names
    one of our mails: what bounces may be where its reader has it forwarded to.
    """
    mail = _mail(session, report.message_id)
    address = mail.recipient if mail else _plain(report.address)
    is_known = mail is not None or _wrote_to(session, address)
    # What the receiving side says may name whom we have forgotten.
    if not is_known or suppression.stands_for_nobody(session, address):
        log.info("mail_report_of_others", provider=report.provider, kind=report.kind)
        return False
    detail = _plain(report.detail)[:LONGEST_DETAIL]
    if not _keep(session, report, address, mail.id if mail else None, detail):
        return False
    if report.kind != SOFT_BOUNCE:
        _believe(session, report, address, mail, detail)
    log.info("mail_report", provider=report.provider, kind=report.kind, by_mail=mail is not None)
    return True


def take_refusal(session: Session, mail_id: int, address: str, status: str, said: str) -> None:
    """Suppress `address` if the mail server refused it with `status` for good as we spoke to it.

    Nothing is done when the mail is another's by now: its reader has moved, or is forgotten.
    """
    if bounce_of(status) == HARD_BOUNCE and session.scalar(
        select(OutboxEmail.id).where(OutboxEmail.id == mail_id, OutboxEmail.recipient == address)
    ):
        suppression.suppress(session, address, HARD_BOUNCE, _plain(said)[:LONGEST_DETAIL])


def _keep(
    session: Session, report: Report, address: str, outbox_id: int | None, detail: str
) -> bool:
    """False when the same report was kept before."""
    row = {
        "provider": report.provider,
        "reference": _plain(report.reference)[:LONGEST_REFERENCE],
        "kind": report.kind,
        "address": address,
        "outbox_id": outbox_id,
        "detail": detail,
    }
    added = session.scalar(
        insert(MailReport).values(row).on_conflict_do_nothing().returning(MailReport.id)
    )
    return added is not None


def _believe(
    session: Session, report: Report, address: str, mail: OutboxEmail | None, detail: str
) -> None:
    """Suppress the address, and mark its mail as bounced.

    Anybody may write to a mailbox, so what came there must name a mail, whose Message-ID nobody
    knows but who got it: else a forged report could cut off any reader.
    """
    if mail is None and report.provider == MAILBOX:
        return
    suppression.suppress(session, address, report.kind, detail)
    if mail is not None and report.kind == HARD_BOUNCE:
        # Its state is the worker's to write, which may not have heard yet that the mail was taken.
        session.execute(
            update(OutboxEmail)
            .where(OutboxEmail.id == mail.id, OutboxEmail.bounced_at.is_(None))
            .values(bounced_at=clock.now())
            .execution_options(synchronize_session=False)
        )


def _mail(session: Session, message_id: str | None) -> OutboxEmail | None:
    named = _plain(message_id or "").strip().strip("<>")
    if not named:
        return None
    return session.scalar(select(OutboxEmail).where(OutboxEmail.message_id == f"<{named}>"))


def _wrote_to(session: Session, address: str) -> bool:
    """Whether a mail to `address` was ever handed over."""
    found = session.scalar(
        select(OutboxEmail.id)
        # The index begins with the kind.
        .where(OutboxEmail.kind.in_(sorted(kinds.names())), OutboxEmail.recipient == address)
        .where(OutboxEmail.attempts > 0)
        .limit(1)
    )
    return found is not None


def _plain(text: str) -> str:
    """`text` as PostgreSQL can keep it."""
    return text.replace("\0", "")
