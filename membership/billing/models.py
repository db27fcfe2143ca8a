"""Tables of giving: attempts, agreements, payments, Stripe's events, and the MRR ledger.

Money columns end in `_minor`: integers in Stripe's minor unit of the `currency` beside them
(upper case, ISO 4217).
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, false, func
from sqlalchemy.orm import Mapped, mapped_column, validates

from membership import clock
from membership.db import Base, EmailAddress, Numbered

# What a checkout pays for: one's own support, a year for somebody else, or the pool from which
# staff grant a year to who cannot pay.
PURPOSES = ("support", "gift", "pool")
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
# How money came that Stripe knows nothing of.
METHODS = ("transfer", "cheque", "cash", "paypal", "crypto", "other")
REFUND_STATES = ("asked", "pending", "done", "failed")
EVENT_STATES = ("pending", "processed", "ignored", "failed")


class Checkout(Base):
    """One attempt to give; its id is the idempotency key of what we ask Stripe (rule B7)."""

    __tablename__ = "checkout"
    __table_args__ = (
        CheckConstraint("interval IN ('month', 'year', 'once')", name="interval"),
        CheckConstraint(f"state IN {CHECKOUT_STATES}", name="state"),
        CheckConstraint(f"purpose IN {PURPOSES}", name="purpose"),
        CheckConstraint("amount_minor > 0", name="amount"),
        Index(None, "account_id"),
        Index(None, "email"),
        # What the pool has is asked for by these few.
        Index("ix_checkout_pool", "id", postgresql_where="purpose = 'pool'"),
        # Rollups ask what was begun and paid on which days, and what they heard of lately.
        Index(None, "created_at"),
        Index("ix_checkout_completed_at", "completed_at", postgresql_where="state = 'completed'"),
        Index("ix_checkout_told_at", "told_at", postgresql_where="told_at IS NOT NULL"),
        # Lists of what was paid first are of a currency, an interval and amounts, newest first.
        Index(
            "ix_checkout_paid",
            "currency",
            "interval",
            "completed_at",
            "amount_minor",
            postgresql_where="state = 'completed' AND purpose = 'support'",
        ),
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
    purpose: Mapped[str] = mapped_column(default="support", server_default="support")
    # The article at whose end the reader decided, and the first one whose ask they saw, as far as
    # their device remembers; the wording of the ask that they saw last, while one was tried.
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="SET NULL"))
    first_article_id: Mapped[int | None] = mapped_column(
        ForeignKey("article.id", ondelete="SET NULL")
    )
    ask_variant_id: Mapped[int | None] = mapped_column(
        ForeignKey("ask_variant.id", ondelete="SET NULL")
    )
    # Where the card is at home, in two letters (ISO 3166); nothing finer is kept (rule S10).
    country: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="started")
    # When a subscription that had begun elsewhere became ours; NULL for an attempt on our pages.
    # Of what was paid, or failed, before then we send no word, and give nothing of it back.
    taken_over_at: Mapped[datetime | None]
    stripe_session_id: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    completed_at: Mapped[datetime | None]
    # When we heard that it is completed.
    told_at: Mapped[datetime | None]


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
        # Whose what was paid for on a page is.
        Index(None, "checkout_id"),
        # The nightly comparison walks what has not ended in the order in which Stripe lists it.
        Index("ix_subscription_running", "started_at", postgresql_where="state <> 'ended'"),
        # Rollups ask who left on which days, and of whose end they heard lately.
        Index("ix_subscription_ended", "ended_at", "id", postgresql_where="state = 'ended'"),
        Index("ix_subscription_end_heard", "synced_at", postgresql_where="state = 'ended'"),
        # Counts of the cards that expire soon are answered from this alone.
        Index(
            "ix_subscription_card",
            "currency",
            "card_expires_on",
            postgresql_where="state IN ('active', 'past_due', 'paused')",
            postgresql_include=["interval", "amount_minor"],
        ),
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
    # Stripe counts periods from here: 31 January, then 28 February, then 31 March. Unknown for
    # what began before this column; it is `started_at` then.
    anchor_at: Mapped[datetime | None]
    # Nothing is collected for now. The state says so too, unless something else outweighs it.
    collection_paused: Mapped[bool] = mapped_column(default=False, server_default=false())
    # While paused: when collection goes on by itself.
    resumes_at: Mapped[datetime | None]
    # The card that pays, as far as a patron recognises it; `card_expires_on` is its last day.
    card_brand: Mapped[str | None]
    card_last4: Mapped[str | None]
    card_expires_on: Mapped[date | None] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    synced_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SubscriptionChange(Numbered, Base):
    """A history row for each change of a subscription's state, amount or interval."""

    __tablename__ = "subscription_change"

    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), index=True)
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    from_amount_minor: Mapped[int | None]
    to_amount_minor: Mapped[int]
    currency: Mapped[str]
    # Unknown in rows older than these columns.
    from_interval: Mapped[str | None]
    to_interval: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Donation(Numbered, Base):
    """One settled payment, of a subscription (counted from its invoice) or one-time (L18)."""

    __tablename__ = "donation"
    __table_args__ = (
        CheckConstraint(
            "provider = 'manual' OR num_nonnulls(stripe_invoice_id, stripe_payment_intent_id) >= 1",
            name="source",
        ),
        CheckConstraint("(provider = 'manual') = (method IS NOT NULL)", name="provider"),
        CheckConstraint(f"method IN {METHODS}", name="method"),
        Index(None, "account_id", "paid_at"),
        Index(None, "paid_at"),
        # Rollups ask what has been written lately.
        Index(None, "created_at"),
        Index("ix_donation_once", "checkout_id", postgresql_where="subscription_id IS NULL"),
        Index(
            "ix_donation_once_paid",
            "currency",
            "paid_at",
            postgresql_where="subscription_id IS NULL",
        ),
        Index("ix_donation_disputed", "disputed_at", postgresql_where="disputed_at IS NOT NULL"),
        Index("ix_donation_manual", "id", postgresql_where="provider = 'manual'"),
        Index("ix_donation_fee", "fee_changed_at", postgresql_where="fee_changed_at IS NOT NULL"),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="RESTRICT"))
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscription.id"), index=True)
    checkout_id: Mapped[UUID | None] = mapped_column(ForeignKey("checkout.id"))
    # "stripe", or "manual" for what staff entered.
    provider: Mapped[str] = mapped_column(default="stripe", server_default="stripe")
    method: Mapped[str | None]
    # What stood on the transfer or cheque.
    reference: Mapped[str | None]
    entered_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    # Belongs to one showing of the form that it was entered with: sent twice, it is one donation.
    entry_id: Mapped[UUID | None] = mapped_column(unique=True)
    stripe_invoice_id: Mapped[str | None] = mapped_column(unique=True)
    stripe_payment_intent_id: Mapped[str | None] = mapped_column(unique=True)
    amount_minor: Mapped[int]
    # In the currency of the payout when Stripe has settled; unknown until then.
    fee_minor: Mapped[int | None]
    fee_currency: Mapped[str | None]
    # When we heard of the fee, if that was later than of the payment.
    fee_changed_at: Mapped[datetime | None]
    refunded_minor: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    # When the money was taken back, wholly or in part: before a round's close it voids a ballot.
    refunded_at: Mapped[datetime | None]
    disputed_at: Mapped[datetime | None]
    paid_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @validates("fee_minor")
    def _note_the_day(self, _column: str, fee_minor: int | None) -> int | None:
        if self.id is not None and fee_minor != self.fee_minor:
            self.fee_changed_at = clock.now()
        return fee_minor


class Refund(Base):
    """Money given back; what staff ask for is committed before Stripe is asked (rule B7)."""

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint(f"state IN {REFUND_STATES}", name="state"),
        # Rollups ask what went back on which days, and what they heard of lately.
        Index(None, "refunded_at"),
        Index(None, "changed_at"),
        Index("ix_refund_asked", "created_at", postgresql_where="state = 'asked'"),
    )

    # In the idempotency key of what staff ask for.
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    donation_id: Mapped[int] = mapped_column(ForeignKey("donation.id"), index=True)
    stripe_refund_id: Mapped[str | None] = mapped_column(unique=True)
    amount_minor: Mapped[int]
    currency: Mapped[str]
    state: Mapped[str]
    # Who of the staff, and their words; NULL when it was done at Stripe.
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str | None]
    # Why Stripe did not do it, in words for staff.
    last_error: Mapped[str | None]
    # When Stripe was asked for it; NULL until then.
    refunded_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Dispute(Numbered, Base):
    """A payment that its giver's bank takes back or warns of, with the day to answer by."""

    __tablename__ = "dispute"
    __table_args__ = (
        CheckConstraint("kind IN ('dispute', 'fraud_warning')", name="kind"),
        Index("ix_dispute_open", "due_at", postgresql_where="closed_at IS NULL"),
    )

    donation_id: Mapped[int] = mapped_column(ForeignKey("donation.id"), index=True)
    kind: Mapped[str]
    # A dispute's id (du_…) or an early fraud warning's (issfr_…).
    stripe_id: Mapped[str] = mapped_column(unique=True)
    reason: Mapped[str]
    # Stripe's word.
    status: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    due_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    synced_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Leaving(Base):
    """Why a patron left, asked after the leaving; one answer a subscription."""

    __tablename__ = "leaving"
    __table_args__ = (
        Index(None, "changed_at"),
        Index(
            "ix_leaving_words",
            "created_at",
            "subscription_id",
            postgresql_where="comment IS NOT NULL",
        ),
    )

    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), primary_key=True)
    reason: Mapped[str]
    comment: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class CustomerAddress(Base):
    """A customer whom Stripe knows by an older address than ours; gone once it knows the new."""

    __tablename__ = "customer_address"

    stripe_customer_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    changed_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(index=True)


class StripeEvent(Base):
    """A stored webhook event; its payload's object is a hint of what to re-read (rules B2, B3)."""

    __tablename__ = "stripe_event"
    __table_args__ = (
        CheckConstraint(f"state IN {EVENT_STATES}", name="state"),
        Index("ix_stripe_event_due", "next_attempt_at", postgresql_where="state = 'pending'"),
        Index("ix_stripe_event_failed", "received_at", postgresql_where="state = 'failed'"),
        Index("ix_stripe_event_whole", "id", postgresql_where="NOT is_stripped"),
        Index(None, "received_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    # The id of the object the event is about; NULL changes nothing (lesson L5).
    object_id: Mapped[str | None] = mapped_column(index=True)
    payload: Mapped[dict[str, Any]]
    # An older release kept payloads whole, with names in them.
    is_stripped: Mapped[bool] = mapped_column(server_default=false())
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
        # Whose the rows behind a movement are, however rare it is.
        Index(None, "currency", "movement", "occurred_at"),
        Index(None, "created_at"),
        # When an account began in a currency: its cohort.
        Index(None, "account_id", "currency", "occurred_at"),
    )

    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), index=True)
    # Whose it was then. Whose it is now, the subscription knows: accounts may be merged.
    account_id: Mapped[int]
    movement: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
