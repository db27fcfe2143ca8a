"""Tables of the nightly comparison with Stripe: its runs, and what they found to differ."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, Numbered


class Comparison(Numbered, Base):
    """One nightly run that compares Stripe's objects with our rows (rule B4).

    It takes many small steps. Where the last one ended stands here, so that a run which broke off
    goes on from there.
    """

    __tablename__ = "comparison"

    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    # What is being compared, the last object that was, and the time that object carries.
    stage: Mapped[str] = mapped_column(default="events", server_default="events")
    starting_after: Mapped[str | None]
    reached_at: Mapped[datetime | None]
    # Until then the run belongs to the process that wrote this.
    leased_until: Mapped[datetime | None]
    events: Mapped[int] = mapped_column(default=0, server_default="0")
    subscriptions: Mapped[int] = mapped_column(default=0, server_default="0")
    invoices: Mapped[int] = mapped_column(default=0, server_default="0")
    payments: Mapped[int] = mapped_column(default=0, server_default="0")
    # This machine's clock less Stripe's.
    clock_off_seconds: Mapped[int | None]
    last_error: Mapped[str | None]


class Difference(Numbered, Base):
    """What a comparison found to differ, and whether it was repaired."""

    __tablename__ = "difference"
    __table_args__ = (
        # One that stays is found every night and stands here once.
        Index(
            "uq_difference_open",
            "stripe_id",
            unique=True,
            postgresql_where="repaired_at IS NULL",
        ),
    )

    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparison.id"), index=True)
    # "subscription", "ledger" (of a subscription), "invoice" or "payment", and its id at Stripe.
    kind: Mapped[str]
    stripe_id: Mapped[str]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    # {field: [ours, Stripe's]}; null for what one side does not have.
    fields: Mapped[dict[str, Any]]
    repaired_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
