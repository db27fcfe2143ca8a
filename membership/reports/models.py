"""Rollups: one row a day and currency, rebuilt from the ledger and the donations."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Numeric, func
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
    # Payments through Stripe, and how many of them have a fee that we know.
    payments: Mapped[int] = mapped_column(default=0, server_default="0")
    payments_with_fee: Mapped[int] = mapped_column(default=0, server_default="0")
    # Fees that were taken in this currency, which is that of the payout, and of how many payments.
    fee_minor: Mapped[int] = mapped_column(default=0, server_default="0")
    fees: Mapped[int] = mapped_column(default=0, server_default="0")
    # Payments of regular support after its first.
    renewals: Mapped[int] = mapped_column(default=0, server_default="0")
    # The beginning of the day: the release before takes it for the time of its rollup, and makes
    # no more than the newest days anew. The next release may drop it.
    rebuilt_at: Mapped[datetime] = mapped_column(server_default=func.now())


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


class RunningFigures(Base):
    """What runs in one currency, as of the newest rollup; `part` says what `number` counts.

    Parts: a state of subscriptions (`minor` is their MRR), "patrons", "ledger" (its entries and
    their sum), "renews" (what active monthly support charges), and "renews 2026-12" (what yearly
    support charges in that month). `currency` is empty where all patrons are counted.
    """

    __tablename__ = "running_figures"

    currency: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    minor: Mapped[int]


class ExchangeRate(Base):
    """How much of a currency one euro was worth on a day, as the European Central Bank says it."""

    __tablename__ = "exchange_rate"
    __table_args__ = (CheckConstraint("per_euro > 0", name="per_euro"),)

    currency: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    per_euro: Mapped[Decimal] = mapped_column(Numeric)


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


class RoundGroup(Base):
    """How many patrons of a group might have voted in a settled round, and how many did.

    Counted once after settling, and frozen: who leaves or is deleted later changes nothing
    (rule V9). `name` is "all", "tenure", "amount", or "kept_3", "kept_6", "kept_12" for those who
    still had standing so many months after the close; `part` and `currency` tell its groups apart.
    """

    __tablename__ = "round_group"

    round_id: Mapped[int] = mapped_column(ForeignKey("round.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    patrons: Mapped[int]
    voters: Mapped[int]


class TransparencyPage(Base):
    """The public page of where the money comes from: one row, once staff have touched it."""

    __tablename__ = "transparency_page"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    is_on: Mapped[bool] = mapped_column(default=False)
    # Markdown by language.
    introductions: Mapped[dict[str, Any]] = mapped_column(default=dict)
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class SummaryReader(Base):
    """Who of the staff wants the week's figures by mail."""

    __tablename__ = "summary_reader"

    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
