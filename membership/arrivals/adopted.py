"""Looking at what runs on our Stripe account and is not ours, and taking it over."""

from collections.abc import Iterator, Sequence

import structlog

from membership.arrivals.summary import Group, Summary
from membership.billing import adopting, gateway, subscriptions
from membership.billing.lifecycle import LIVE, UnknownStatusError
from membership.billing.snapshots import ForeignSubscription
from membership.db import transaction

log = structlog.get_logger(__name__)


def look(currencies: Sequence[str], wanted: set[str] | None = None) -> Summary:
    """Every subscription that is not over: which would be taken, in groups, and which would not.

    `wanted` are ids of prices or products; None takes all. Raises the gateway's errors.
    """
    summary = Summary()
    groups: dict[str, Group] = {}
    live: dict[str, str] = {}
    for each in _foreign(summary):
        if wanted is not None and not wanted & {each.price_id, each.product_id}:
            summary.counts["not_asked_for"] += 1
            continue
        try:
            state = subscriptions.state_of(each.said)
        except UnknownStatusError as error:
            summary.refuse(each.said.id, "unreadable", str(error))
            continue
        with transaction() as session:
            refused = adopting.why_not(session, each, currencies)
        if refused is None and state in LIVE:
            first = live.setdefault((each.email or "").lower(), each.said.id)
            if first != each.said.id:
                refused = "second", first
        if refused is not None:
            summary.refuse(each.said.id, *refused)
            continue
        summary.counts["new"] += 1
        summary.ids.append(each.said.id)
        _count(groups, each, state)
    summary.groups = sorted(groups.values(), key=lambda group: -group.count)
    return summary


def adopt(
    stripe_subscription_id: str, languages: Sequence[str], currencies: Sequence[str]
) -> tuple[str, str] | None:
    """Take one over; why it was not, as a reason and what it speaks of. Raises when Stripe is away
    or not well: the same may work later."""
    try:
        adopting.adopt(stripe_subscription_id, languages, currencies)
    except adopting.NotAdoptedError as error:
        return error.reason, error.detail
    except gateway.StripeRefusedError as error:
        return "refused_by_stripe", str(error)[:200]
    except UnknownStatusError as error:
        return "unreadable", str(error)
    # Of a shape that we do not know: the others go on (lesson L7). What is in it is not kept.
    except ValueError as error:
        log.warning(
            "subscription_not_readable", subscription=stripe_subscription_id, exc_info=error
        )
        return "unreadable", ""
    return None


def _foreign(summary: Summary) -> Iterator[ForeignSubscription]:
    """What is not ours, newest first; what is, and what cannot be read, is counted."""
    page = gateway.all_subscriptions()
    while True:
        read = [each.said for each in page.entries if each.said is not None]
        for each in page.entries:
            if each.said is None:
                summary.refuse(each.id, "unreadable")
        with transaction() as session:
            known = adopting.ours(session, read)
        summary.counts["same"] += len(known)
        yield from (each for each in read if each.said.id not in known)
        if not page.has_more:
            return
        page = gateway.all_subscriptions(page.entries[-1].id)


def _count(groups: dict[str, Group], each: ForeignSubscription, state: str) -> None:
    """One more of those that are alike."""
    amount = each.said.amount
    key = f"{each.price_id} {amount.minor} {state}"
    found = groups.setdefault(
        key,
        Group(
            price_id=each.price_id,
            product_id=each.product_id,
            name=each.price_name or "",
            amount_minor=amount.minor,
            currency=amount.currency,
            interval=each.said.interval,
            state=state,
        ),
    )
    found.count += 1
