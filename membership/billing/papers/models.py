"""Tables of issued papers."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from membership.accounts import accounts
from membership.db import Base, Numbered

KINDS = ("receipt", "statement")


class Paper(Numbered, Base):
    """A receipt or a statement as it was issued; the database refuses to change or delete it."""

    __tablename__ = "paper"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint("(kind = 'receipt') = (donation_id IS NOT NULL)", name="donation"),
        CheckConstraint("(kind = 'statement') = (from_on IS NOT NULL)", name="range"),
        Index(None, "account_id", "issued_at"),
    )

    kind: Mapped[str]
    # Such as R-2026-000017: counted up without gaps for each kind and year.
    number: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    donation_id: Mapped[int | None] = mapped_column(ForeignKey("donation.id"), unique=True)
    # A statement's first and last day.
    from_on: Mapped[date | None]
    to_on: Mapped[date | None]
    language: Mapped[str]
    # All that stands on it.
    facts: Mapped[dict[str, Any]]
    pdf: Mapped[bytes] = mapped_column(LargeBinary)
    issued_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @classmethod
    def is_of(cls, account_id: int) -> ColumnElement[bool]:
        """SQL: issued to the account, or to one that was merged into it: a paper never changes."""
        return cls.account_id.in_(accounts.with_merged(account_id))


class PaperCounter(Base):
    """The last number given to a kind of paper in a year."""

    __tablename__ = "paper_counter"

    kind: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    last: Mapped[int]
