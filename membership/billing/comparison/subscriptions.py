"""Comparing subscriptions, both ways, and each one's entries in the ledger (rules B4, D7)."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, text
from sqlalchemy.orm import Session

from membership import clock
from membership.billing import gateway, givers, sync
from membership.billing import subscriptions as recording
from membership.billing.comparison.steps import (
    NOTHING,
    Fields,
    Place,
    Seen,
    Step,
    Suspect,
    differing,
)
from membership.billing.models import Checkout, LedgerEntry, Subscription
from membership.billing.revenue import monthly_value
from membership.billing.snapshots import SubscriptionSnapshot
from membership.db import lock, transaction

PAGE = 100
# So many of ours are asked for before all of them are believed to be strangers to Stripe.
PROBES = 3
NOT_THERE = "resource_missing"
LEDGER_SUM = (
    select(func.coalesce(func.sum(LedgerEntry.amount_minor), 0))
    .where(LedgerEntry.subscription_id == Subscription.id)
    .correlate(Subscription)
    .scalar_subquery()
)
# In the words of the index that finds them.
RUNNING = text("subscription.state <> 'ended'")


class NotAtStripeError(RuntimeError):
    """Ours goes on, and Stripe does not know it. Only a person can tell who is wrong."""


class WrongAccountError(RuntimeError):
    """Stripe knows nothing of ours: the key belongs to another account."""


def walk(started_at: datetime, place: Place) -> Step:
    """The next page of what runs at Stripe, and of ours that should be on it.

    Ours of the page's span of time that are not on it are suspects: over at Stripe, or not there.
    A row whose time is not Stripe's is one, too, which costs no more than a close look. There may
    be any number of them, so that they come in pages as well, before the page itself. Raises
    WrongAccountError.
    """
    page = gateway.running_subscriptions(place.after)
    ids = [each.id for each in page.entries]
    last = page.entries[-1].created_at if page.has_more else None
    with transaction() as session:
        ours = _ours(session, Subscription.stripe_subscription_id.in_(ids))
        missing = _missing(session, ids, _running_between(last, place.reached_at))
        new = [each.said for each in page.entries if each.said and each.id not in ours]
        known = known_checkouts(session, (each.checkout for each in new))
    if missing and not ours:
        _insist_on_our_account()
    found = [stripe_id for stripe_id, _started_at in missing]
    if len(found) >= PAGE:
        rest = Place(place.after, missing[-1][1])
        return Step(0, [Suspect("subscription", each) for each in found], rest, page.answered_at)
    suspects = [stripe_id for stripe_id, (row, mrr) in ours.items() if _ledger(row, mrr)]
    for each in page.entries:
        row, _mrr = ours.get(each.id, (None, 0))
        if each.said is None:
            suspects += [each.id] if row else []
        elif row is not None:
            suspects += [each.id] if _is_suspect(row, each.said) else []
        elif each.said.checkout in known:
            suspects.append(each.id)
    suspects += found
    return Step(
        count=len(page.entries),
        suspects=[Suspect("subscription", each) for each in dict.fromkeys(suspects)],
        place=Place(page.entries[-1].id, last) if page.has_more else None,
        answered_at=page.answered_at,
    )


def walk_ledger(started_at: datetime, place: Place) -> Step:
    """What has ended must be worth nothing in the ledger; the others have been looked at."""
    query = (
        select(Subscription.id, Subscription.stripe_subscription_id)
        .join(LedgerEntry, LedgerEntry.subscription_id == Subscription.id)
        .where(Subscription.state == "ended", Subscription.id > int(place.after or 0))
        .group_by(Subscription.id)
        .having(func.sum(LedgerEntry.amount_minor) != 0)
        .order_by(Subscription.id)
        .limit(PAGE)
    )
    with transaction() as session:
        rows = session.execute(query).all()
    return Step(
        count=0,
        suspects=[Suspect("ledger", stripe_id) for _id, stripe_id in rows],
        place=Place(str(rows[-1][0])) if len(rows) == PAGE else None,
    )


def look(session: Session, stripe_id: str) -> Seen:
    """One subscription as it is now on both sides; locked until the transaction ends."""
    lock(session, f"subscription:{stripe_id}")
    said = _read(stripe_id)
    found = _ours(session, Subscription.stripe_subscription_id == stripe_id)
    if stripe_id not in found:
        is_ours = said and givers.known_checkout(session, said.checkout)
        if said is None or not is_ours or recording.state_of(said) == "ended":
            return NOTHING
        return Seen(_without_card(differing(None, recording.columns(said))))
    row, mrr = found[stripe_id]
    if said is not None:
        fields = _without_card(differing(row, recording.columns(said)))
    else:
        fields = {} if row.state == "ended" else {"state": [row.state, None]}
    return Seen(fields | _ledger(row, mrr), row.account_id)


def mend(session: Session, stripe_id: str) -> None:
    if _read(stripe_id) is None:
        raise NotAtStripeError("Stripe does not know it; is this the right account?")
    sync.sync_subscription(session, stripe_id, clock.now())


def known_checkouts(session: Session, checkouts: Iterable[str | None]) -> set[str]:
    """Which of these ids, found in metadata, are of checkouts of ours (rule B5)."""
    ids = {number for each in checkouts if each and (number := _uuid(each))}
    if not ids:
        return set()
    return set(map(str, session.scalars(select(Checkout.id).where(Checkout.id.in_(ids)))))


def _ours(session: Session, wanted: ColumnElement[bool]) -> dict[str, tuple[Subscription, int]]:
    """Rows as they are committed now, by Stripe's id, each with its sum in the ledger."""
    query = select(Subscription, LEDGER_SUM).where(wanted)
    rows = session.execute(query.execution_options(populate_existing=True))
    return {row.stripe_subscription_id: (row, int(mrr_minor)) for row, mrr_minor in rows}


def _running_between(first: datetime | None, end: datetime | None) -> ColumnElement[bool]:
    """Ours that began from `first` on and before `end`; None is no bound."""
    bounds = [Subscription.started_at >= first] if first else []
    bounds += [Subscription.started_at < end] if end else []
    return and_(RUNNING, *bounds)


def _missing(
    session: Session, ids: list[str], wanted: ColumnElement[bool]
) -> list[tuple[str, datetime]]:
    """Stripe's ids of ours that are `wanted` and not on its page, the newest first.

    A page of them, and whatever began in the same second as its last: where the next one begins.
    """
    query = (
        select(Subscription.stripe_subscription_id, Subscription.started_at)
        .where(wanted, Subscription.stripe_subscription_id.not_in(ids))
        .order_by(Subscription.started_at.desc())
        .fetch(PAGE, with_ties=True)
    )
    return [(stripe_id, started_at) for stripe_id, started_at in session.execute(query)]


def _insist_on_our_account() -> None:
    """Raises WrongAccountError when Stripe knows none of our newest subscriptions.

    On an account shared with other products, a page that holds none of ours says nothing.
    """
    query = (
        select(Subscription.stripe_subscription_id)
        .where(RUNNING)
        .order_by(Subscription.started_at.desc())
        .limit(PROBES)
    )
    with transaction() as session:
        newest = session.scalars(query).all()
    if all(_read(each) is None for each in newest):
        raise WrongAccountError(
            "Stripe knows none of our running subscriptions. "
            "Does STRIPE_SECRET_KEY belong to this newsroom's account?"
        )


def _uuid(said: str) -> UUID | None:
    try:
        return UUID(said)
    except ValueError:
        return None


def _read(stripe_id: str) -> SubscriptionSnapshot | None:
    try:
        return gateway.read_subscription(stripe_id)
    except gateway.StripeRefusedError as error:
        if error.code != NOT_THERE:
            raise
        return None


def _is_suspect(row: Subscription, said: SubscriptionSnapshot) -> bool:
    try:
        return bool(differing(row, recording.columns(said)))
    # A status that we do not know: the close look says so.
    except ValueError:
        return True


def _without_card(fields: Fields) -> Fields:
    """That the card is another is enough to know: what is written down outlives its owner (S11)."""
    kept = {name: values for name, values in fields.items() if not name.startswith("card_")}
    cards = [values for name, values in fields.items() if name.startswith("card_")]
    if not cards:
        return kept
    ours, theirs = (any(side) for side in zip(*cards, strict=True))
    return kept | {"card": ["old" if ours else None, "new" if theirs else None]}


def _ledger(row: Subscription, mrr_minor: int) -> Fields:
    """What the ledger sums to, and what the row is worth (rule D7)."""
    worth = monthly_value(
        row.amount_minor, row.interval, row.state, collection_paused=row.collection_paused
    )
    return {} if mrr_minor == worth else {"mrr_minor": [mrr_minor, worth]}
