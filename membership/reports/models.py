"""Rollups: one row a day and currency, rebuilt from the ledger and the donations."""

from datetime import date, datetime

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base


class DailyFigures(Base):
    """What one day (UTC) changed in one currency; sums over days answer every dashboard."""

    __tablename__ = "daily_figures"

    day: Mapped[date] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    new_minor: Mapped[int] = mapped_column(default=0)
    expansion_minor: Mapped[int] = mapped_column(default=0)
    reactivation_minor: Mapped[int] = mapped_column(default=0)
    contraction_minor: Mapped[int] = mapped_column(default=0)
    churn_voluntary_minor: Mapped[int] = mapped_column(default=0)
    churn_involuntary_minor: Mapped[int] = mapped_column(default=0)
    new_patrons: Mapped[int] = mapped_column(default=0)
    lost_patrons: Mapped[int] = mapped_column(default=0)
    one_time_minor: Mapped[int] = mapped_column(default=0)
    one_time_gifts: Mapped[int] = mapped_column(default=0)
    received_minor: Mapped[int] = mapped_column(default=0)
    rebuilt_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Heartbeat(Base):
    """What beat asks the workers each minute, and when one of them answered (rule M10)."""

    __tablename__ = "heartbeat"

    # "beat": when it last woke; "worker": when a worker last answered through Redis.
    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
