"""What Stripe said, in our own words: immutable, with Money and aware times. No Stripe types."""

from dataclasses import dataclass
from datetime import datetime
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
class SubscriptionSnapshot:
    """A subscription as it is now. `amount` is per `interval` (month or year).

    With `give_back_from` it is a second one of its patron (rule B6), which must end; what was paid
    from then on is given back. `ends_later`: with the period that runs, nothing more is charged.
    """

    id: str
    checkout: str | None
    customer_id: str
    status: str
    amount: Money
    interval: str
    ends_later: bool
    collection_paused: bool
    cancellation_reason: str | None
    give_back_from: datetime | None
    started_at: datetime
    current_period_end_at: datetime
    ended_at: datetime | None

    @property
    def is_second(self) -> bool:
        return self.give_back_from is not None


@dataclass(frozen=True)
class InvoiceSnapshot:
    """An invoice of a subscription; `payment_id` is the payment intent that paid it, if one did."""

    id: str
    subscription_id: str | None
    is_paid: bool
    amount: Money
    paid_at: datetime | None
    payment_id: str | None


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
