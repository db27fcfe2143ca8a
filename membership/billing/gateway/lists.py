"""Stripe's lists, a page of 100 at a time, for whoever walks through all of them.

The client would build an object of its own for every part of every entry, which takes it longer
than all else that a comparison does; here an entry is the JSON that came.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

from membership.billing.gateway import translation
from membership.billing.gateway.client import stripe_client
from membership.billing.gateway.errors import said_in_our_words
from membership.billing.gateway.events import read_event
from membership.billing.gateway.translation import id_of, moment
from membership.billing.snapshots import (
    Event,
    ForeignSubscription,
    InvoiceSnapshot,
    PaymentSnapshot,
    SubscriptionSnapshot,
    WebhookEndpoint,
)

PAGE = 100
CARDS = ["data.default_payment_method", "data.customer.invoice_settings.default_payment_method"]
CHARGES = ["data.latest_charge.balance_transaction", "data.latest_charge.refunds"]
Said = TypeVar("Said")


@dataclass(frozen=True)
class Listed(Generic[Said]):
    """One entry of a list; `said` is None for one that we cannot read."""

    id: str
    created_at: datetime
    said: Said | None


@dataclass(frozen=True)
class Page(Generic[Said]):
    """Entries, newest first; `answered_at` is Stripe's clock, to the second."""

    entries: tuple[Listed[Said], ...]
    has_more: bool
    answered_at: datetime


def pages(
    ask: Callable[[datetime, str | None], Page[Said]], since: datetime
) -> Iterator[Page[Said]]:
    """Every page of what `ask` answers, one of the functions below."""
    page = ask(since, None)
    yield page
    while page.has_more:
        page = ask(since, page.entries[-1].id)
        yield page


def recent_events(since: datetime, after: str | None = None) -> Page[Event]:
    """All events from `since` on, of the 30 days that Stripe keeps."""
    return _page("events", after, read_event, since)


def undelivered_events(since: datetime, after: str | None = None) -> Page[Event]:
    """Those of them that an endpoint has not taken."""
    return _page("events", after, read_event, since, delivery_success="false")


def running_subscriptions(after: str | None = None) -> Page[SubscriptionSnapshot]:
    """All subscriptions but those that were cancelled."""
    return _page("subscriptions", after, translation.subscription, expand=CARDS)


def all_subscriptions(after: str | None = None) -> Page[ForeignSubscription]:
    """The same with their customers, whoever made them."""
    return _page("subscriptions", after, translation.foreign_subscription, expand=CARDS)


def recent_invoices(since: datetime, after: str | None = None) -> Page[InvoiceSnapshot]:
    """Invoices made from `since` on, whatever became of them."""
    return _page("invoices", after, translation.invoice, since, expand=["data.payments"])


def recent_payments(since: datetime, after: str | None = None) -> Page[PaymentSnapshot]:
    """Payment intents made from `since` on; their disputes are not with them."""
    return _page("payment_intents", after, _payment, since, expand=CHARGES)


def payments_of_disputes(since: datetime, after: str | None = None) -> Page[str | None]:
    """The payment intents of the disputes opened from `since` on."""
    return _page("disputes", after, lambda entry: id_of(entry.payment_intent), since)


def webhook_endpoints(after: str | None = None) -> Page[WebhookEndpoint]:
    """Where Stripe sends the account's events, ours among others."""
    return _page("webhook_endpoints", after, _endpoint)


def _page(
    kind: str,
    after: str | None,
    read: Callable[[Any], Said],
    since: datetime | None = None,
    **asked: Any,
) -> Page[Said]:
    params = asked | {"limit": PAGE}
    if after is not None:
        params["starting_after"] = after
    if since is not None:
        params["created"] = {"gte": int(since.timestamp())}
    with said_in_our_words():
        answer = stripe_client().raw_request("get", f"/v1/{kind}", **params)
    found = json.loads(answer.body, object_hook=_Part)
    return Page(
        entries=tuple(_listed(each, read) for each in found.data),
        has_more=found.has_more,
        answered_at=parsedate_to_datetime(answer.headers["Date"]),
    )


def _listed(entry: Any, read: Callable[[Any], Said]) -> Listed[Said]:
    """One entry in a new shape, or of some other use of the account, must not end the walk (L7)."""
    try:
        said = read(entry)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        said = None
    return Listed(entry.id, moment(entry.created), said)


def _endpoint(entry: Any) -> WebhookEndpoint:
    return WebhookEndpoint(entry.url, entry.status == "enabled", frozenset(entry.enabled_events))


def _payment(entry: Any) -> PaymentSnapshot:
    charge = entry.latest_charge
    return translation.payment(entry, charge.refunds.data if charge else [], [])


class _Part(dict[str, Any]):
    """A JSON object whose fields are read as those of the client's objects are."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None
