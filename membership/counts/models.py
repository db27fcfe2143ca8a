"""The table of counts that were asked for."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, Numbered


class SlowCount(Numbered, Base):
    """What somebody wants counted, and how many there were the last time."""

    __tablename__ = "slow_count"
    __table_args__ = (UniqueConstraint("name", "question"),)

    # Who counts; what of, as only they understand it.
    name: Mapped[str]
    question: Mapped[dict[str, Any]]
    # Since when it is wanted; None while nobody waits for it.
    due_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    numbers: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    counted_at: Mapped[datetime | None]
