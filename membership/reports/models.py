"""Rollups: one row a day and currency, rebuilt from the ledger and the donations."""

from datetime import date, datetime

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
    # Written by the release before this one alone; the next may drop it.
    rebuilt_at: Mapped[datetime | None]


class DailyCount(Base):
    """How many facts of a kind a day (UTC) had, and their worth; sums over days answer the pages.

    `name` is that of a rollup, such as "left"; `part` tells its facts apart, such as "voluntary".
    `currency` is empty where there is no money.
    """

    __tablename__ = "daily_count"

    name: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    minor: Mapped[int] = mapped_column(default=0)


class CohortFigures(Base):
    """What one month changed for those who began together in a currency.

    `cohort` is the first day of the month of an account's first ledger entry in the currency,
    `month` that of the changes; sums over months say what stands. Began means that first entry.
    """

    __tablename__ = "cohort_figures"

    currency: Mapped[str] = mapped_column(primary_key=True)
    cohort: Mapped[date] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    began_patrons: Mapped[int] = mapped_column(default=0)
    began_minor: Mapped[int] = mapped_column(default=0)
    patrons: Mapped[int] = mapped_column(default=0)
    mrr_minor: Mapped[int] = mapped_column(default=0)


class RollupState(Base):
    """Until when each rollup is complete."""

    __tablename__ = "rollup_state"

    name: Mapped[str] = mapped_column(primary_key=True)
    rebuilt_at: Mapped[datetime]


class Heartbeat(Base):
    """What beat asks the workers each minute, and when one of them answered (rule M10)."""

    __tablename__ = "heartbeat"

    # "beat": when it last woke; "worker": when a worker last answered through Redis.
    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
