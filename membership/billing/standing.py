"""Standing: what a subscription's state means for taking part (rules V3 and B11).

current   gives as agreed, or will until the period ends
grace     a payment failed or giving is paused: still a patron
lapsed    never began, or is over
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, exists, or_

from membership.billing.models import Donation, Subscription

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


def standing(state: str) -> Standing:
    """The standing that a subscription's state gives; KeyError for a state that is none."""
    return STANDING[state]


def has_standing(account_id: Any, at: datetime | None = None) -> ColumnElement[bool]:
    """SQL: the account (an id or a column) has a subscription in current or grace standing.

    With `at`, one that ended only from then on counts as well.
    """
    lives: ColumnElement[bool] = Subscription.state.in_(PATRON_STATES)
    if at is not None:
        lives = or_(lives, Subscription.ended_at >= at)
    return exists().where(Subscription.account_id == account_id, lives)


def has_given_by_subscription(account_id: Any, at: datetime | None = None) -> ColumnElement[bool]:
    """SQL: the account (an id or a column) has a settled donation of a subscription, still ours.

    A donation wholly refunded or disputed does not count. With `at`, things are seen as they
    were then: only what was paid before counts, and what was taken back later still does.
    """
    paid = [Donation.account_id == account_id, Donation.subscription_id.is_not(None)]
    if at is not None:
        paid.append(Donation.paid_at < at)
    return exists().where(*paid, ~taken_back(at))


def taken_back(before: datetime | None = None) -> ColumnElement[bool]:
    """SQL: a donation's money was wholly refunded or disputed (before then, when a time is given).

    A part that was refunded leaves a gift.
    """
    refunded: ColumnElement[bool] = Donation.refunded_minor >= Donation.amount_minor
    disputed: ColumnElement[bool] = Donation.disputed_at.is_not(None)
    if before is not None:
        refunded = and_(refunded, Donation.refunded_at < before)
        disputed = and_(disputed, Donation.disputed_at < before)
    return or_(refunded, disputed)
