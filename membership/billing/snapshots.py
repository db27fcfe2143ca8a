"""What Stripe said, in our own words: immutable, with Money and aware times. No Stripe types."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from membership.money import Money


@dataclass(frozen=True)
class CheckoutRequest:
    """What a hosted checkout page is asked for; `interval` None gives once.

    With `customer_id` the page knows the giver, else it asks with `email` filled in.
    """

    checkout: str
    amount: Money
    interval: str | None
    product: str
    email: str
    customer_id: str | None
    locale: str
    success_url: str
    cancel_url: str


@dataclass(frozen=True)
class CheckoutSession:
    """One hosted checkout page. `checkout` is our id, None on a page that is not ours.

    `status` is open, complete or expired; `is_paid` says whether the money has come.
    """

    id: str
    checkout: str | None
    url: str | None
    status: str
    is_paid: bool
    subscription_id: str | None
    invoice_id: str | None
    payment_id: str | None


@dataclass(frozen=True)
class Card:
    """The card that pays, as a patron recognises it; `expires_on` is its last day."""

    brand: str
    last4: str
    expires_on: date
    payment_method_id: str


@dataclass(frozen=True)
class SubscriptionSnapshot:
    """A subscription as it is now. `amount` is per `interval` (month or year).

    `item_id` names the one thing it is for, `resumes_at` when a pause ends by itself. With
    `give_back_from` it is a second one of its patron (rule B6), which must end; what was paid from
    then on is given back. `ends_later`: with the period that runs, nothing more is charged.
    Whether it is past due hangs on its latest invoice.
    """

    id: str
    item_id: str
    checkout: str | None
    customer_id: str
    status: str
    amount: Money
    interval: str
    ends_later: bool
    collection_paused: bool
    resumes_at: datetime | None
    card: Card | None
    cancellation_reason: str | None
    give_back_from: datetime | None
    started_at: datetime
    current_period_end_at: datetime
    ended_at: datetime | None
    latest_invoice_id: str | None

    @property
    def is_second(self) -> bool:
        return self.give_back_from is not None


@dataclass(frozen=True)
class Failure:
    """Why the last attempt to pay failed; `decline_code` is the bank's word, else Stripe's.

    `needs_action`: the bank wants the patron to confirm the payment (3-D Secure).
    """

    decline_code: str | None
    payment_method_id: str | None
    needs_action: bool


@dataclass(frozen=True)
class InvoiceSnapshot:
    """An invoice of a subscription; `payment_id` is the payment intent that paid it, if one did.

    `status` is draft, open, paid, uncollectible or void; `amount` is what was paid, `amount_due`
    what is or was asked for, for the first time at `asked_at`. `page_url` is Stripe's page on which
    it can be paid. `billing_reason` is subscription_create for the first, subscription_cycle for a
    renewal. Lists of invoices come without `failure` and `paid_with`, the card that paid.
    """

    id: str
    subscription_id: str | None
    status: str
    is_paid: bool
    amount: Money
    amount_due: Money
    asked_at: datetime | None
    paid_at: datetime | None
    payment_id: str | None
    paid_with: str | None
    billing_reason: str | None
    attempts: int
    next_attempt_at: datetime | None
    failure: Failure | None
    page_url: str | None


@dataclass(frozen=True)
class RefundSnapshot:
    """Money that went back, or is to. `ours` is the id of our row, when staff asked here for it.

    `status` is Stripe's: pending, requires_action, succeeded, failed or canceled.
    """

    id: str
    ours: str | None
    amount: Money
    status: str
    created_at: datetime


@dataclass(frozen=True)
class PaymentSnapshot:
    """A payment intent with its charge. `fee` is None until Stripe has settled.

    `disputed_at` is None, too, when the dispute was decided for us.
    """

    id: str
    checkout: str | None
    is_paid: bool
    amount: Money
    paid_at: datetime | None
    fee: Money | None
    refunds: tuple[RefundSnapshot, ...]
    refunded_minor: int
    refunded_at: datetime | None
    disputed_at: datetime | None


@dataclass(frozen=True)
class Event:
    """A webhook event; `payload` is Stripe's JSON."""

    id: str
    type: str
    created_at: datetime
    is_live: bool
    payload: dict[str, Any]
