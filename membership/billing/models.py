"""Tables of giving: attempts, agreements, payments, Stripe's events, and the MRR ledger.

Money columns end in `_minor`: integers in Stripe's minor unit of the `currency` beside them
(upper case, ISO 4217).
"""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, EmailAddress, Numbered

INTERVALS = ("month", "year")
CHECKOUT_STATES = ("started", "open", "completed", "expired", "failed")
SUBSCRIPTION_STATES = ("incomplete", "active", "past_due", "paused", "cancel_scheduled", "ended")
END_REASONS = ("voluntary", "payment_failed", "staff", "dispute", "fraud")
MOVEMENTS = (
    "new",
    "expansion",
    "contraction",
    "churn_voluntary",
    "churn_involuntary",
    "reactivation",
)
EVENT_STATES = ("pending", "processed", "ignored", "failed")


class Checkout(Base):
    """One attempt to give; its id is the idempotency key of what we ask Stripe (rule B7)."""

    __tablename__ = "checkout"
    __table_args__ = (
        CheckConstraint("interval IN ('month', 'year', 'once')", name="interval"),
        CheckConstraint(f"state IN {CHECKOUT_STATES}", name="state"),
        CheckConstraint("amount_minor > 0", name="amount"),
        Index(None, "account_id"),
        Index(None, "email"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    # Set only when a signed-in patron gives: an address typed into the form proves nothing.
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    email: Mapped[str] = mapped_column(EmailAddress)
    name: Mapped[str | None]
    message: Mapped[str | None]
    language: Mapped[str]
    interval: Mapped[str]
    # What is charged; with cover_fees, the fees are in it.
    amount_minor: Mapped[int]
    currency: Mapped[str]
    cover_fees: Mapped[bool] = mapped_column(default=False)
    # The article at whose end the reader decided.
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(default="started")
    stripe_session_id: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    completed_at: Mapped[datetime | None]


class Subscription(Numbered, Base):
    """The agreement to give every month or year, as Stripe last told it."""

    __tablename__ = "subscription"
    __table_args__ = (
        CheckConstraint("interval IN ('month', 'year')", name="interval"),
        CheckConstraint(f"state IN {SUBSCRIPTION_STATES}", name="state"),
        CheckConstraint(f"end_reason IN {END_REASONS}", name="end_reason"),
        # Rule B6. One that is scheduled to end is no second one (lesson L1).
        Index(
            "uq_subscription_one_live",
            "account_id",
            unique=True,
            postgresql_where="state IN ('active', 'past_due', 'paused')",
        ),
        Index(None, "account_id"),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="RESTRICT"))
    checkout_id: Mapped[UUID | None] = mapped_column(ForeignKey("checkout.id"))
    stripe_subscription_id: Mapped[str] = mapped_column(unique=True)
    stripe_customer_id: Mapped[str] = mapped_column(index=True)
    state: Mapped[str]
    end_reason: Mapped[str | None]
    interval: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    started_at: Mapped[datetime]
    current_period_end_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    synced_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SubscriptionChange(Numbered, Base):
    """A history row for each change of a subscription's state or amount."""

    __tablename__ = "subscription_change"

    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), index=True)
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    from_amount_minor: Mapped[int | None]
    to_amount_minor: Mapped[int]
    currency: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Donation(Numbered, Base):
    """One settled payment, of a subscription (counted from its invoice) or one-time (L18)."""

    __tablename__ = "donation"
    __table_args__ = (
        CheckConstraint(
            "num_nonnulls(stripe_invoice_id, stripe_payment_intent_id) >= 1", name="source"
        ),
        Index(None, "account_id", "paid_at"),
        Index(None, "paid_at"),
        # Rollups ask what has been written or taken back lately.
        Index(None, "created_at"),
        Index(None, "refunded_at"),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="RESTRICT"))
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscription.id"), index=True)
    checkout_id: Mapped[UUID | None] = mapped_column(ForeignKey("checkout.id"))
    stripe_invoice_id: Mapped[str | None] = mapped_column(unique=True)
    stripe_payment_intent_id: Mapped[str | None] = mapped_column(unique=True)
    amount_minor: Mapped[int]
    # In the currency of the payout when Stripe has settled; unknown until then.
    fee_minor: Mapped[int | None]
    fee_currency: Mapped[str | None]
    refunded_minor: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    # When the money was taken back, wholly or in part: before a round's close it voids a ballot.
    refunded_at: Mapped[datetime | None]
    disputed_at: Mapped[datetime | None]
    paid_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StripeEvent(Base):
    """A stored webhook event; its payload's object is a hint of what to re-read (rules B2, B3)."""

    __tablename__ = "stripe_event"
    __table_args__ = (
        CheckConstraint(f"state IN {EVENT_STATES}", name="state"),
        Index("ix_stripe_event_due", "next_attempt_at", postgresql_where="state = 'pending'"),
        Index("ix_stripe_event_failed", "received_at", postgresql_where="state = 'failed'"),
        Index(None, "received_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    # The id of the object the event is about; NULL changes nothing (lesson L5).
    object_id: Mapped[str | None] = mapped_column(index=True)
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="pending")
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    processed_at: Mapped[datetime | None]


class LedgerEntry(Numbered, Base):
    """An MRR movement, append-only (the database refuses to change or delete one).

    `amount_minor` is the signed change of monthly value: the entries of a subscription sum to
    its MRR.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        CheckConstraint(f"movement IN {MOVEMENTS}", name="movement"),
        Index(None, "currency", "occurred_at"),
        Index(None, "created_at"),
    )

    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), index=True)
    account_id: Mapped[int]
    movement: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
