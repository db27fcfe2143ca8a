"""Tables of mail: what is due, whom not to write to, and who wants what."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    false,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, EmailAddress, Numbered

# The last five are final.
STATES = ("pending", "sending", "sent", "failed", "suppressed", "expired", "uncertain")


class OutboxEmail(Numbered, Base):
    """One mail to one person, written in the transaction of the fact that causes it (rule M1)."""

    __tablename__ = "outbox_email"
    __table_args__ = (
        UniqueConstraint("kind", "recipient", "subject"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        # What a person waits for comes first. Its condition is not the state: a mail keeps its
        # place while it is `sending`.
        Index(
            "ix_outbox_email_waiting",
            "is_bulk",
            "next_attempt_at",
            "id",
            # For whoever counts what waits.
            postgresql_include=["kind"],
            postgresql_where="settled_at IS NULL",
        ),
        # What expires, such as a sign-in, waits behind nothing.
        Index(
            "ix_outbox_email_expiring",
            "not_after_at",
            "id",
            postgresql_where="settled_at IS NULL AND NOT is_bulk AND not_after_at IS NOT NULL",
        ),
        # For whoever counts what became of it.
        Index(
            "ix_outbox_email_settled",
            "settled_at",
            "kind",
            "state",
            postgresql_where="settled_at IS NOT NULL",
        ),
        Index(
            "ix_outbox_email_letters",
            "campaign_id",
            "settled_at",
            # For whoever counts what became of it.
            postgresql_include=["state", "bounced_at"],
            postgresql_where="campaign_id IS NOT NULL",
        ),
        Index("ix_outbox_email_message", "message_id", postgresql_where="message_id IS NOT NULL"),
        Index("ix_outbox_email_failed", "id", postgresql_where="state IN ('failed', 'uncertain')"),
        Index("ix_outbox_email_account", "account_id"),
        Index(None, "created_at"),
    )

    kind: Mapped[str]
    recipient: Mapped[str] = mapped_column(EmailAddress)
    # What the mail is about, such as "donation:12": the same fact is never told twice.
    subject: Mapped[str]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    language: Mapped[str]
    context: Mapped[dict[str, Any]]
    # Whether its kind may be refused; copied, for the order in which mail leaves.
    is_bulk: Mapped[bool] = mapped_column(server_default=false())
    # A campaign's number; it stands in a package to the right, so it is no foreign key here.
    campaign_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(default="pending")
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    # None while somebody holds it back, as a paused campaign does.
    next_attempt_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    not_after_at: Mapped[datetime | None]
    message_id: Mapped[str | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    # When its state became final.
    settled_at: Mapped[datetime | None]
    # When its receiving side said that it could not be delivered after all.
    bounced_at: Mapped[datetime | None]


class Suppression(Base):
    """An address we must not write to, and why."""

    __tablename__ = "suppression"

    address: Mapped[str] = mapped_column(EmailAddress, primary_key=True)
    # hard_bounce, complaint or staff.
    reason: Mapped[str]
    # What the receiving side said, or why staff did it.
    detail: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MailRefusal(Base):
    """A kind of mail that an address does not want; sign-in mails and receipts know no refusal."""

    __tablename__ = "mail_refusal"

    address: Mapped[str] = mapped_column(EmailAddress, primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MailPause(Base):
    """An address that wants no bulk mail at all for a while; None: until it says otherwise."""

    __tablename__ = "mail_pause"

    address: Mapped[str] = mapped_column(EmailAddress, primary_key=True)
    until_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MailReport(Numbered, Base):
    """What a provider or a mailbox reported about a mail after it had left (rule M4)."""

    __tablename__ = "mail_report"
    __table_args__ = (
        # The same report is told again when its first answer was lost.
        UniqueConstraint("provider", "reference"),
        CheckConstraint("kind IN ('hard_bounce', 'soft_bounce', 'complaint')", name="kind"),
        Index("ix_mail_report_address", "address"),
    )

    # postmark, ses, mailgun or mailbox.
    provider: Mapped[str]
    reference: Mapped[str]
    kind: Mapped[str]
    address: Mapped[str] = mapped_column(EmailAddress)
    outbox_id: Mapped[int | None] = mapped_column(
        ForeignKey("outbox_email.id", ondelete="SET NULL")
    )
    detail: Mapped[str]
    reported_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MailProvider(Base):
    """The mail server that all workers share: whether it may be spoken to, and how fast (M5)."""

    __tablename__ = "mail_provider"

    # The host of SMTP_URL.
    name: Mapped[str] = mapped_column(primary_key=True)
    paused_until_at: Mapped[datetime | None]
    pause_reason: Mapped[str] = mapped_column(server_default="")
    # How often in a row it has sent us away; its pauses grow with it.
    refusals: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    # Seconds since 1970 at which the next mail may leave, by the database's clock.
    next_free: Mapped[float] = mapped_column(Double, server_default="0")


class MailWording(Base):
    """A sentence of a mail as staff have put it; without a row, ours holds."""

    __tablename__ = "mail_wording"

    kind: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    # The sentence in the templates, as in the catalogue of translations.
    original: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    edited_by_id: Mapped[int | None]
    edited_at: Mapped[datetime] = mapped_column(server_default=func.now())
