"""Tables of campaigns."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, Numbered

# The last two are final.
STATES = ("draft", "awaiting_approval", "scheduled", "sending", "paused", "stopped", "finished")


class Campaign(Numbered, Base):
    """One letter to many, written by staff; its recipients are rows of the outbox (rule M3)."""

    __tablename__ = "campaign"
    __table_args__ = (CheckConstraint(f"state IN {STATES}", name="state"),)

    # For staff alone.
    title: Mapped[str]
    # By language: a line of text, and Markdown.
    subjects: Mapped[dict[str, Any]] = mapped_column(JSONB)
    bodies: Mapped[dict[str, Any]] = mapped_column(JSONB)
    # See membership.campaigns.audience.
    audience: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(server_default="draft")
    starts_at: Mapped[datetime | None]
    written_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    # Whoever changed it last: neither of the two may approve it.
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    approved_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL")
    )
    # How many rows it was written as, and when: from then on its audience is frozen.
    recipients: Mapped[int | None]
    frozen_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
