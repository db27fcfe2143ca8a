"""What Stripe said, in our own words: immutable, with Money and aware times. No Stripe types."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from membership.money import Money

# Of what an event is about: an invoice to come has no id, but its parent's.
LEADS = ("id", "object", "parent")


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

    `status` is open, complete or expired; `is_paid` says whether the money has come. `country` is
    that of the payer's address, in two letters (ISO 3166), as far as Stripe was told.
    """

    id: str
    checkout: str | None
    url: str | None
    status: str
    is_paid: bool
    subscription_id: str | None
    invoice_id: str | None
    payment_id: str | None
    country: str | None = None


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

    `item_id` names the one thing it is for, `resumes_at` when a pause ends by itself;
    periods are counted from `anchor_at`. With
    `give_back_from` it is a second one of its patron (rule B6), which must end; what was paid from
    then on is given back. `ends_later`: with the period that runs, nothing more is charged.
    Whether it is past due hangs on its latest invoice. `chosen_card_id` is a card that its patron
    chose at Stripe since it began, and that Stripe does not charge for it yet.
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
    chosen_card_id: str | None
    cancellation_reason: str | None
    # Why we ended it, in our words; None when the patron or Stripe did.
    our_end_reason: str | None
    give_back_from: datetime | None
    started_at: datetime
    anchor_at: datetime
    current_period_end_at: datetime
    ended_at: datetime | None
    latest_invoice_id: str | None

    @property
    def is_second(self) -> bool:
        return self.give_back_from is not None


@dataclass(frozen=True)
class ForeignSubscription:
    """A subscription that may be none of ours, with its customer, whose address nobody proved.

    `obstacle` names what we could not go on with as it is; `languages` are the customer's.
    """

    said: SubscriptionSnapshot
    email: str | None
    name: str | None
    languages: tuple[str, ...]
    price_id: str
    product_id: str
    price_name: str | None
    obstacle: str | None


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
    renewal. `checkout` is our id, None on an invoice that is not ours. Lists of invoices come
    without `failure` and `paid_with`, the card that paid.
    """

    id: str
    checkout: str | None
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

    @property
    def has_failed(self) -> bool:
        return self.status in {"failed", "canceled"}


@dataclass(frozen=True)
class DisputeSnapshot:
    """A payment that its giver's bank takes back; `due_at` is the last moment to answer.

    `reason` and `status` are Stripe's words: https://docs.stripe.com/api/disputes/object
    """

    id: str
    reason: str
    status: str
    amount: Money
    due_at: datetime | None
    opened_at: datetime

    @property
    def is_over(self) -> bool:
        return self.status in {"won", "lost", "warning_closed", "prevented"}

    @property
    def takes_money(self) -> bool:
        """The bank has the money, for good or until it decides; an inquiry takes none."""
        return self.status not in {"won", "prevented"} and not self.status.startswith("warning_")


@dataclass(frozen=True)
class FraudWarningSnapshot:
    """The card's bank says that a payment may be fraud; a dispute may follow.

    `actionable` while the payment was neither wholly refunded nor disputed.
    """

    id: str
    payment_id: str | None
    reason: str
    actionable: bool
    opened_at: datetime


@dataclass(frozen=True)
class PaymentSnapshot:
    """A payment intent with its charge. `fee` is None until Stripe has settled.

    `refunded_minor` is what `refunds` took back and `refunded_at` when the first of them was made;
    `disputed_at` is when the first of `disputes` that holds money was opened.
    """

    id: str
    checkout: str | None
    is_paid: bool
    amount: Money
    paid_at: datetime | None
    fee: Money | None
    refunds: tuple[RefundSnapshot, ...]
    disputes: tuple[DisputeSnapshot, ...]

    @property
    def refunded_minor(self) -> int:
        return sum(each.amount.minor for each in self._given_back)

    @property
    def refunded_at(self) -> datetime | None:
        return min((each.created_at for each in self._given_back), default=None)

    @property
    def disputed_at(self) -> datetime | None:
        lost = (each.opened_at for each in self.disputes if each.takes_money)
        return min(lost, default=None)

    @property
    def _given_back(self) -> list[RefundSnapshot]:
        return [each for each in self.refunds if not each.has_failed]


@dataclass(frozen=True)
class Event:
    """A webhook event; `payload` is Stripe's JSON."""

    id: str
    type: str
    created_at: datetime
    is_live: bool
    payload: dict[str, Any]

    @property
    def kept(self) -> dict[str, Any]:
        """What we store of it: all that leads to its subject, and no name, address or card."""
        said = self.payload["data"]["object"]
        subject = {name: said[name] for name in LEADS if name in said}
        return self.payload | {"data": {"object": subject}}


@dataclass(frozen=True)
class WebhookEndpoint:
    """An address that Stripe sends events to, of the types in `events` ("*": of all)."""

    url: str
    is_enabled: bool
    events: frozenset[str]
