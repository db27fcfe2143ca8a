"""Tables of gifts to somebody else, and of the ways to give beside Stripe."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, EmailAddress, Numbered

SOURCES = ("person", "pool")
# ordered: not yet paid; ready: paid or granted, waits for its day; sent: the mail is written.
STATES = ("ordered", "ready", "sent", "redeemed", "taken_back")
WAYS = ("transfer", "paypal", "crypto", "share", "volunteer", "other")


class Gift(Numbered, Base):
    """A time as a patron that somebody else pays: a friend, or the pool."""

    __tablename__ = "gift"
    __table_args__ = (
        CheckConstraint(f"source IN {SOURCES}", name="source"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("(source = 'person') = (checkout_id IS NOT NULL)", name="paid_by"),
        CheckConstraint(
            "(state = 'redeemed') <= (num_nulls(begins_at, ends_at) = 0)", name="redeemed"
        ),
        Index("ix_gift_due", "send_on", postgresql_where="state = 'ready'"),
    )

    source: Mapped[str]
    state: Mapped[str] = mapped_column(default="ordered")
    checkout_id: Mapped[UUID | None] = mapped_column(ForeignKey("checkout.id"), unique=True)
    donation_id: Mapped[int | None] = mapped_column(ForeignKey("donation.id"), unique=True)
    # Who of the staff granted it from the pool.
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    recipient_email: Mapped[str] = mapped_column(EmailAddress)
    recipient_name: Mapped[str | None]
    # As the giver wants to be named in the mail; NULL is anonymous.
    sender_name: Mapped[str | None]
    message: Mapped[str | None]
    language: Mapped[str]
    months: Mapped[int] = mapped_column(SmallInteger)
    amount_minor: Mapped[int]
    currency: Mapped[str]
    send_on: Mapped[date]
    sent_at: Mapped[datetime | None]
    # Who opened the link and took the gift; patron from `begins_at` until `ends_at`. It begins when
    # it is taken, or at the end of the one before.
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    redeemed_at: Mapped[datetime | None]
    begins_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OtherWay(Numbered, Base):
    """One way to support beside Stripe, as staff wrote it, in one language."""

    __tablename__ = "other_way"
    __table_args__ = (CheckConstraint(f"kind IN {WAYS}", name="kind"),)

    kind: Mapped[str]
    language: Mapped[str]
    title: Mapped[str]
    # Markdown.
    text: Mapped[str]
    # What can be copied, followed or scanned: an IBAN, a link, a wallet's address.
    value: Mapped[str | None]
    position: Mapped[int] = mapped_column(SmallInteger, default=0)
    is_shown: Mapped[bool] = mapped_column(default=True)
    updated_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
