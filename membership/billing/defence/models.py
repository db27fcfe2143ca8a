"""Tables that count attempts to give; they decide, so they live in PostgreSQL (rule B16)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, Numbered


class GivingAttempt(Numbered, Base):
    """One sent support form; network and address are keyed hashes, kept at most 7 days (S10)."""

    __tablename__ = "giving_attempt"
    __table_args__ = (
        Index(None, "prefix_hash", "created_at"),
        Index(None, "email_hash", "created_at"),
        Index(None, "created_at"),
    )

    # Of the network: IPv4 /24, IPv6 /48.
    prefix_hash: Mapped[bytes]
    email_hash: Mapped[bytes]
    checkout_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("checkout.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CardFailure(Base):
    """One declined charge on a payment page of ours."""

    __tablename__ = "card_failure"
    __table_args__ = (
        Index(None, "fingerprint_hash", "created_at"),
        Index(None, "created_at"),
    )

    # The charge's id: heard of ten times, it counts once.
    stripe_charge_id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint_hash: Mapped[bytes | None]
    checkout_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("checkout.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SolvedChallenge(Base):
    """A proof of work that was shown once and counts no second time."""

    __tablename__ = "solved_challenge"

    signature_hash: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
