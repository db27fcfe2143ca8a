"""The list of patrons: who gives or gave, a page at a time, in three queries a page."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select, union_all
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.models import Donation, Subscription
from membership.money import Money

PAGE = 50
# What the list can be filtered by: a subscription's state, or gifts without one.
ONCE = "once"


@dataclass(frozen=True)
class Patron:
    """One line of the list. `subscription` is the newest; `given` one amount a currency, net of
    refunds, without those of which nothing is left."""

    account: Account
    subscription: Subscription | None
    given: tuple[Money, ...]
    last_gift_at: datetime | None


@dataclass(frozen=True)
class Filters:
    """`text` is looked for in address and name; empty strings filter nothing."""

    text: str = ""
    state: str = ""
    currency: str = ""


@dataclass(frozen=True)
class Page:
    """`older` and `newer` are the account ids to go on `before` and `after`, where there is more.

    Patrons stand newest account first.
    """

    patrons: tuple[Patron, ...]
    older: int | None
    newer: int | None


def page(
    session: Session, filters: Filters, before: int | None = None, after: int | None = None
) -> Page:
    """The patrons with ids below `before`, or the nearest above `after`; else the newest."""
    query = select(Account).where(*_conditions(filters)).limit(PAGE + 1)
    if after is not None:
        query = query.where(Account.id > after).order_by(Account.id)
    else:
        query = query.order_by(Account.id.desc())
        if before is not None:
            query = query.where(Account.id < before)
    found = list(session.scalars(query))
    more, accounts = len(found) > PAGE, found[:PAGE]
    if after is not None:
        accounts.reverse()
    has_older = more if after is None else True
    has_newer = more if after is not None else before is not None
    return Page(
        patrons=tuple(_with_gifts(session, accounts)),
        older=accounts[-1].id if accounts and has_older else None,
        newer=accounts[0].id if accounts and has_newer else None,
    )


def line(session: Session, account: Account) -> Patron:
    """One account's line, in two queries."""
    (only,) = _with_gifts(session, [account])
    return only


def _conditions(filters: Filters) -> Iterable[ColumnElement[bool]]:
    subscribed = exists().where(Subscription.account_id == Account.id)
    gave = exists().where(Donation.account_id == Account.id)
    if filters.text:
        # autoescape: a % or _ that is typed is looked for.
        yield or_(
            Account.email.icontains(filters.text, autoescape=True),
            Account.name.icontains(filters.text, autoescape=True),
        )
    if filters.state == ONCE:
        yield gave
        yield ~subscribed
    elif filters.state:
        yield subscribed.where(Subscription.state == filters.state)
    else:
        # One EXISTS over both: two joined by OR would be answered from all subscriptions there are.
        yield union_all(
            select(Subscription.id).where(Subscription.account_id == Account.id).correlate(Account),
            select(Donation.id).where(Donation.account_id == Account.id).correlate(Account),
        ).exists()
    if filters.currency:
        yield or_(
            subscribed.where(Subscription.currency == filters.currency),
            gave.where(Donation.currency == filters.currency),
        )


def _with_gifts(session: Session, accounts: list[Account]) -> Iterable[Patron]:
    ids = [account.id for account in accounts]
    newest = {
        subscription.account_id: subscription
        for subscription in session.scalars(
            select(Subscription)
            .where(Subscription.account_id.in_(ids))
            .order_by(Subscription.account_id, Subscription.started_at, Subscription.id)
        )
    }
    given: dict[int, list[Money]] = defaultdict(list)
    last: dict[int, datetime] = {}
    for account_id, currency, total, at in session.execute(
        select(
            Donation.account_id,
            Donation.currency,
            func.sum(Donation.amount_minor - Donation.refunded_minor),
            func.max(Donation.paid_at),
        )
        .where(Donation.account_id.in_(ids))
        .group_by(Donation.account_id, Donation.currency)
        .order_by(Donation.account_id, Donation.currency)
    ):
        if total:
            given[account_id].append(Money(int(total), currency))
        last[account_id] = max(at, last.get(account_id, at))
    for account in accounts:
        yield Patron(
            account=account,
            subscription=newest.get(account.id),
            given=tuple(given[account.id]),
            last_gift_at=last.get(account.id),
        )
