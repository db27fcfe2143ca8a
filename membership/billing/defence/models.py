"""Tables that count attempts to give; they decide, so they live in PostgreSQL (rule B16)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, Numbered


class GivingAttempt(Numbered, Base):
    """One payment page that we let somebody open.

    Network and address are keyed hashes, kept at most 7 days (S10).
    """

    __tablename__ = "giving_attempt"
    __table_args__ = (
        Index(None, "prefix_hash", "created_at"),
        Index(None, "email_hash", "created_at"),
        Index(None, "created_at"),
        Index(None, "completed_at"),
    )

    # Of the network: IPv4 /24, IPv6 /48.
    prefix_hash: Mapped[bytes]
    email_hash: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When it was paid. What was paid counts against nobody.
    completed_at: Mapped[datetime | None]


class CardFailure(Base):
    """One declined card, as an event told it; kept at most 7 days.

    Of a one-time gift, the charge tells our checkout. Of a subscription's first payment there are
    two rows, joined by the customer: the charge's with the card's fingerprint, the first invoice's
    with our checkout. So declines are counted by the rows that name a checkout of ours.
    """

    __tablename__ = "card_failure"
    __table_args__ = (
        Index(None, "fingerprint_hash", "created_at"),
        Index(None, "stripe_customer_id"),
        Index(None, "created_at"),
    )

    # The charge's, or the event's that told of an invoice: heard of ten times, it counts once.
    stripe_id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint_hash: Mapped[bytes | None]
    stripe_customer_id: Mapped[str | None]
    checkout_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("checkout.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CardTesting(Numbered, Base):
    """A time in which everyone was asked for a proof of work; the one without an end runs."""

    __tablename__ = "card_testing"
    __table_args__ = (
        Index(
            "uq_card_testing_one_running",
            text("(ended_at IS NULL)"),
            unique=True,
            postgresql_where="ended_at IS NULL",
        ),
    )

    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]


class SolvedChallenge(Base):
    """A proof of work, or a mailed pass, that was used; it counts no second time."""

    __tablename__ = "solved_challenge"

    signature_hash: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
