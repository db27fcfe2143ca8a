"""Standing: what a subscription's state means for taking part (rules V3 and B11).

current   gives as agreed, or will until the period ends
grace     a payment failed or giving is paused: still a patron
lapsed    never began, or is over

A gift that somebody took gives "current" until it ends, and so does what is paid elsewhere, until
the end of the period that is paid (lesson L25).
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import ColumnElement, ScalarSelect, and_, exists, func, not_, or_, select, true

from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.gifts.models import Gift
from membership.billing.models import Donation, Refund, StripeEvent, Subscription
from membership.billing.refunds import COUNTED

Standing = Literal["current", "grace", "lapsed"]

STANDING: Mapping[str, Standing] = MappingProxyType(
    {
        "active": "current",
        "cancel_scheduled": "current",
        "past_due": "grace",
        "paused": "grace",
        "incomplete": "lapsed",
        "ended": "lapsed",
    }
)
PATRON_STATES = tuple(state for state, standing in STANDING.items() if standing != "lapsed")
TAKES_BACK = ("charge.refunded", "charge.dispute.created")
# All that entitles an account: each names it in `account_id`.
ENTITLING = (Subscription, Gift, PaidElsewhere)


def standing(state: str) -> Standing:
    """The standing that a subscription's state gives; KeyError for a state that is none."""
    return STANDING[state]


def has_standing(
    account_id: Any, at: datetime | None = None, told_before: Any = None
) -> ColumnElement[bool]:
    """SQL: the account (an id or a column) has a subscription in current or grace standing, or a
    gift that lasts, or has paid elsewhere for now.

    With `at`, a subscription that ended only from then on counts as well, and one that began only
    then does not. With `told_before`, a time or a column, what is paid elsewhere counts only if it
    was brought in before then.
    """
    subscribed = exists().where(Subscription.account_id == account_id, subscription_gives(at))
    elsewhere = pays_elsewhere(account_id, at, told_before)
    return or_(subscribed, has_gift(account_id, at), elsewhere)


def was_ever_entitled(account_id: Any) -> ColumnElement[bool]:
    """SQL: the account (an id or a column) has something that entitles, or once did; whether it
    still lasts and whether it was paid is not asked."""
    return or_(*(exists().where(each.account_id == account_id) for each in ENTITLING))


def subscription_gives(at: datetime | None = None) -> ColumnElement[bool]:
    """SQL: a row of Subscription gives standing; `at` as in has_standing()."""
    lives: ColumnElement[bool] = Subscription.state.in_(PATRON_STATES)
    if at is None:
        return lives
    return and_(or_(lives, Subscription.ended_at >= at), Subscription.started_at < at)


def gift_gives(at: datetime | None = None) -> ColumnElement[bool]:
    """SQL: a row of Gift was taken, lasts now (or then), and its money is ours."""
    then = func.clock_timestamp() if at is None else at
    # One that follows another has its own time, whatever becomes of the other.
    return and_(gift_pays(at), Gift.begins_at <= then, Gift.ends_at > then)


def elsewhere_gives(at: datetime | None = None, told_before: Any = None) -> ColumnElement[bool]:
    """SQL: a row of PaidElsewhere lasts now (or then, and we knew of it); as in has_standing()."""
    then = func.clock_timestamp() if at is None else at
    lasts = and_(PaidElsewhere.since_at <= then, PaidElsewhere.paid_until_at > then)
    return and_(elsewhere_pays(at, told_before), lasts)


def pays_elsewhere(
    account_id: Any, at: datetime | None = None, told_before: Any = None
) -> ColumnElement[bool]:
    """SQL: what the account pays elsewhere lasts now (or lasted then, and we knew of it)."""
    lasts = elsewhere_gives(at, told_before)
    return exists().where(PaidElsewhere.account_id == account_id, lasts)


def has_gift(account_id: Any, at: datetime | None = None) -> ColumnElement[bool]:
    """SQL: the account took a gift that lasts now (or lasted then), and whose money is ours."""
    return exists().where(Gift.account_id == account_id, gift_gives(at))


def is_paid_for(
    account_id: Any, at: datetime | None = None, told_before: Any = None
) -> ColumnElement[bool]:
    """SQL: money was settled for the account's support: a donation of a subscription, a gift
    that it took, or what it pays elsewhere, whether or not that still lasts. `at` as in
    has_given_by_subscription(), `told_before` as in has_standing().
    """
    return or_(
        has_given_by_subscription(account_id, at),
        exists().where(Gift.account_id == account_id, gift_pays(at)),
        exists().where(PaidElsewhere.account_id == account_id, elsewhere_pays(at, told_before)),
    )


def has_given_by_subscription(account_id: Any, at: datetime | None = None) -> ColumnElement[bool]:
    """SQL: the account (an id or a column) has a settled donation of a subscription, still ours.

    A donation wholly refunded or disputed does not count. With `at`, things are seen as they
    were then: only what was paid before counts, and what was taken back later still does.
    """
    return exists().where(Donation.account_id == account_id, donation_pays(at))


def donation_pays(at: datetime | None = None) -> ColumnElement[bool]:
    """SQL: a row of Donation pays for support of its own; `at` as above."""
    ours = and_(Donation.subscription_id.is_not(None), ~taken_back(at))
    return ours if at is None else and_(Donation.paid_at < at, ours)


def gift_pays(at: datetime | None) -> ColumnElement[bool]:
    """SQL: a row of Gift was taken (before then) and its money not taken back."""
    ours = and_(Gift.account_id.is_not(None), ~gift_taken_back(at))
    return ours if at is None else and_(Gift.redeemed_at < at, ours)


def elsewhere_pays(at: datetime | None, told_before: Any = None) -> ColumnElement[bool]:
    """SQL: we knew (by then) of a row of PaidElsewhere."""
    known = at if told_before is None else told_before
    return true() if known is None else PaidElsewhere.created_at < known


def lost_money(account_id: Any, since: Any, before: datetime) -> ColumnElement[bool]:
    """SQL: money that was settled for the account's support was taken back between these times.

    `since` is a time or a column.
    """
    lost = and_(taken_back(before), not_(taken_back(since)))
    own = exists().where(
        Donation.account_id == account_id, Donation.subscription_id.is_not(None), lost
    )
    gift = exists().where(Gift.account_id == account_id, Gift.donation_id == Donation.id, lost)
    return or_(own, gift)


def is_being_taken_back(before: datetime) -> ColumnElement[bool]:
    """SQL: Stripe told of money that was taken back before then, and we have yet to follow it."""
    return exists().where(
        StripeEvent.state == "pending",
        StripeEvent.type.in_(TAKES_BACK),
        StripeEvent.created_at < before,
    )


def gift_taken_back(before: datetime | None = None) -> ColumnElement[bool]:
    """SQL: the money that paid for a gift was taken back (before then); a grant's never is."""
    return exists().where(Donation.id == Gift.donation_id, taken_back(before))


def taken_back(before: Any = None) -> ColumnElement[bool]:
    """SQL: a donation's money was wholly refunded or disputed (before then, when a time is given).

    A part that was refunded leaves a gift. The time may be a column of the statement around it.
    """
    refunded: ColumnElement[bool] = Donation.refunded_minor >= Donation.amount_minor
    disputed: ColumnElement[bool] = Donation.disputed_at.is_not(None)
    if before is not None:
        # By far the most were never refunded, and need no second look.
        refunded = and_(refunded, _refunded_minor(before) >= Donation.amount_minor)
        disputed = and_(disputed, Donation.disputed_at < before)
    return or_(refunded, disputed)


def _refunded_minor(before: Any) -> ScalarSelect[int]:
    """SQL: what went back of a donation before then."""
    return (
        select(func.coalesce(func.sum(Refund.amount_minor), 0))
        .where(
            Refund.donation_id == Donation.id,
            Refund.state.in_(COUNTED),
            Refund.refunded_at < before,
        )
        .correlate_except(Refund)
        .scalar_subquery()
    )
