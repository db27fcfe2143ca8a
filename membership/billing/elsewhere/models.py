"""The table of support that is paid elsewhere."""

from datetime import datetime
from types import MappingProxyType

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, Numbered

# As they write themselves.
PLATFORMS = MappingProxyType({"patreon": "Patreon", "steady": "Steady"})
SOURCES = tuple(PLATFORMS)
# active: goes on by itself; cancelled: paid until its end, and not beyond; ended: over.
STATES = ("active", "cancelled", "ended")


class PaidElsewhere(Numbered, Base):
    """Support that somebody pays on another platform; we neither charge it nor count its money.

    It gives standing from `since_at` until `paid_until_at` (lesson L25), once it is written here,
    and a vote in rounds that open after `created_at`: a file is no proof that anybody paid.
    """

    __tablename__ = "paid_elsewhere"
    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        CheckConstraint(f"source IN {SOURCES}", name="source"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("interval IN ('month', 'year')", name="interval"),
        CheckConstraint("amount_minor > 0", name="amount"),
    )

    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="RESTRICT"), index=True
    )
    source: Mapped[str]
    # What the platform calls the person; where it has no word of its own, their address there.
    source_id: Mapped[str]
    state: Mapped[str]
    interval: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    tier: Mapped[str | None]
    since_at: Mapped[datetime]
    paid_until_at: Mapped[datetime]
    # When it was brought in; after a long break, when it was again.
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    @property
    def platform(self) -> str:
        return PLATFORMS[self.source]

    def lasts(self, now: datetime) -> bool:
        return self.since_at <= now < self.paid_until_at

    def state_at(self, now: datetime) -> str:
        """One of STATES: what nobody told us the end of is over once its paid period is."""
        return self.state if now < self.paid_until_at else "ended"
