"""Tables of mail: what is due, whom not to write to, and who wants what."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, EmailAddress, Numbered

STATES = ("pending", "sending", "sent", "failed", "suppressed", "expired", "uncertain")


class OutboxEmail(Numbered, Base):
    """One mail to one person, written in the transaction of the fact that causes it (rule M1)."""

    __tablename__ = "outbox_email"
    __table_args__ = (
        UniqueConstraint("kind", "recipient", "subject"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index(
            "ix_outbox_email_due",
            "next_attempt_at",
            postgresql_where="state IN ('pending', 'sending')",
        ),
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
    state: Mapped[str] = mapped_column(default="pending")
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    not_after_at: Mapped[datetime | None]
    message_id: Mapped[str | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]


class Suppression(Base):
    """An address we must not write to, and why."""

    __tablename__ = "suppression"

    address: Mapped[str] = mapped_column(EmailAddress, primary_key=True)
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MailRefusal(Base):
    """A kind of mail that an address does not want; sign-in mails and receipts know no refusal."""

    __tablename__ = "mail_refusal"

    address: Mapped[str] = mapped_column(EmailAddress, primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
