"""Tables of imports: what was asked for, what would come of it, and what did."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, false, func
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, Numbered

SOURCES = ("stripe", "patreon", "steady", "ghost")
# asked: to be looked at; shown: a rehearsal is done, and staff decide; confirmed: to be done.
STATES = ("asked", "shown", "confirmed", "done", "failed")


class Arrival(Numbered, Base):
    """One import of patrons. `seen` is what its rehearsal showed, `done` what became of it."""

    __tablename__ = "arrival"
    __table_args__ = (
        CheckConstraint(f"source IN {SOURCES}", name="source"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index("ix_arrival_due", "id", postgresql_where="state IN ('asked', 'confirmed')"),
    )

    source: Mapped[str]
    state: Mapped[str] = mapped_column(default="asked")
    # The file, until it is done with: it is full of names.
    content: Mapped[bytes | None] = mapped_column(deferred=True)
    seen: Mapped[dict[str, Any] | None]
    # Of what was shown: what is confirmed is this and nothing else.
    digest: Mapped[str | None]
    # Of subscriptions at Stripe: {"only": ids of prices or products}; NULL takes all.
    wanted: Mapped[dict[str, Any] | None]
    with_welcome: Mapped[bool] = mapped_column(default=False, server_default=false())
    done: Mapped[dict[str, Any] | None]
    # Why it failed, as words.failed() reads it.
    last_error: Mapped[str | None]
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    # Until then it belongs to the process that wrote this.
    leased_until_at: Mapped[datetime | None]
    # How often in a row a process has taken it up and was cut off before it got further.
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")


class ArrivalProblem(Numbered, Base):
    """What an import does not take, or takes otherwise than it stands there; names nobody."""

    __tablename__ = "arrival_problem"

    arrival_id: Mapped[int] = mapped_column(
        ForeignKey("arrival.id", ondelete="CASCADE"), index=True
    )
    # The number of a file's line, or Stripe's id of a subscription.
    place: Mapped[str]
    # One of words.REASON, and what it speaks of.
    reason: Mapped[str]
    detail: Mapped[str]
