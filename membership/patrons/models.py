"""Tables of the list of patrons: what it is asked by, the tags staff give, the views they keep."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false, func, text
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, Numbered

# "once" gave, and never monthly, yearly or by a gift they took.
STANDINGS = ("current", "grace", "lapsed", "once")


class Patron(Base):
    """What the list of patrons is filtered by: one row for each account that gives or gave.

    Worked out from the rows of the features (see membership.patrons.roll), never written by hand.
    Names and addresses stand in `account` alone, so that who is deleted is gone from here as well.
    """

    __tablename__ = "patron"
    __table_args__ = (
        CheckConstraint(f"standing IN {STANDINGS}", name="standing"),
        # The list's order is the end of each, so that a page of it is read and not sorted.
        Index("ix_patron_since", "since_at", "account_id"),
        Index("ix_patron_standing", "standing", "since_at", "account_id"),
        Index("ix_patron_state", "state", "since_at", "account_id"),
        # Most pairs of these two have nobody, for whom all patrons would be looked through.
        Index("ix_patron_both", "standing", "state", "since_at", "account_id"),
        Index("ix_patron_currency", "currency", "since_at", "account_id"),
        Index("ix_patron_article", "article_id", "since_at", "account_id"),
        Index(
            "ix_patron_platform",
            "platform",
            "since_at",
            "account_id",
            postgresql_where="platform IS NOT NULL",
        ),
        Index("ix_patron_voted", "since_at", "account_id", postgresql_where="has_voted"),
        Index("ix_patron_amount", "currency", "interval", "amount_minor"),
    )

    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    standing: Mapped[str]
    # Of the support that runs, or else of what ran last; NULL for who never had any.
    state: Mapped[str | None]
    interval: Mapped[str | None]
    amount_minor: Mapped[int | None]
    # Of that support; for who never had any, of their last gift.
    currency: Mapped[str | None]
    # Through which they pay, or paid last; NULL for whose own support runs.
    platform: Mapped[str | None]
    # When they first gave, began to support, or took a gift.
    since_at: Mapped[datetime]
    # At whose end they decided to give for the first time.
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="SET NULL"))
    # In a settled round; of an open one nothing is known here (rules V4 and V8).
    has_voted: Mapped[bool]


class PatronTag(Numbered, Base):
    """A word of the newsroom's own for some of its patrons, for staff alone."""

    __tablename__ = "patron_tag"
    __table_args__ = (Index("uq_patron_tag_name", text("lower(name)"), unique=True),)

    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Tagged(Base):
    """A patron who bears a tag."""

    __tablename__ = "patron_tagged"
    __table_args__ = (Index("ix_patron_tagged_since", "tag_id", "since_at", "account_id"),)

    tag_id: Mapped[int] = mapped_column(
        ForeignKey("patron_tag.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    # That of the patron: the list's order, so that a page of a tag is read and not sorted.
    since_at: Mapped[datetime]


class PatronView(Numbered, Base):
    """Filters of the list that somebody keeps under a name, for themselves or for all."""

    __tablename__ = "patron_view"
    __table_args__ = (UniqueConstraint("owner_id", "name"),)

    owner_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    name: Mapped[str]
    is_shared: Mapped[bool] = mapped_column(server_default=false())
    # See membership.patrons.filters.
    filters: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
