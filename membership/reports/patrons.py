"""The list of patrons: who gives or gave, a page at a time, in a few queries a page."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from sqlalchemy import ARRAY, BigInteger, Select, any_, case, func, literal, select, tuple_
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.elsewhere import support
from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.models import Donation, Subscription
from membership.billing.standing import PATRON_STATES
from membership.db import LARGEST_ID
from membership.money import Money
from membership.patrons import tags
from membership.patrons.filters import Called, Filters, conditions, order, who_is_called
from membership.patrons.models import Patron as Row
from membership.patrons.models import PatronTag

PAGE = 50
# More are told of as "more than": to count them all would take longer than to show a page.
COUNTED = 1000
# So many of the newest are looked at for those with a frequent name.
ON_THE_WAY = 3_000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Place:
    """Where in the list a patron stands; as text in an address, such as "1772452800000000-12"."""

    since_at: datetime
    account_id: int

    def __str__(self) -> str:
        return f"{(self.since_at - BEGINNING) // MICROSECOND}-{self.account_id}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """None when it is no place."""
        since, _, account_id = text.partition("-")
        if not (since.isdecimal() and account_id.isdecimal()) or len(text) > 40:
            return None
        try:
            at = BEGINNING + int(since) * MICROSECOND
        except OverflowError:
            return None
        return cls(at, min(int(account_id), LARGEST_ID))


@dataclass(frozen=True)
class Patron:
    """One line of the list. `subscription` is what runs, or else what ran last; `elsewhere` what
    is paid on another platform, or, beside nothing else, what last was; `given` one amount a
    currency, net of refunds, without those of which nothing is left."""

    account: Account
    standing: str
    since_at: datetime
    subscription: Subscription | None
    elsewhere: PaidElsewhere | None
    given: tuple[Money, ...]
    last_gift_at: datetime | None
    tags: tuple[PatronTag, ...]


@dataclass(frozen=True)
class Count:
    """How many there are, or more than this."""

    number: int
    has_more: bool


@dataclass(frozen=True)
class Page:
    """`older` and `newer` are where to go on `before` and `after`, where there is more.

    Patrons stand newest first, by the day since which they are patrons.
    """

    patrons: tuple[Patron, ...]
    older: Place | None
    newer: Place | None
    count: Count


def page(
    session: Session, filters: Filters, before: Place | None = None, after: Place | None = None
) -> Page:
    """The patrons below `before`, or the nearest above `after`; else the newest."""
    called, many = _way(session, filters)
    query = matching(filters, called).limit(PAGE + 1)
    if after is not None:
        place = order(filters)
        query = query.where(tuple_(*place) > tuple_(after.since_at, after.account_id))
        query = query.order_by(*place)
    else:
        query = newest_first(query, filters, before)
    found = [(row, account) for row, account in session.execute(query)]
    more, rows = len(found) > PAGE, found[:PAGE]
    if after is not None:
        rows.reverse()
    places = [Place(row.since_at, row.account_id) for row, _account in rows]
    has_older = more if after is None else True
    has_newer = more if after is not None else before is not None
    return Page(
        patrons=tuple(lines(session, rows)),
        older=places[-1] if places and has_older else None,
        newer=places[0] if places and has_newer else None,
        count=many,
    )


def _way(session: Session, filters: Filters) -> tuple[Called | None, Count]:
    """How to ask for the text, if any, and how many there are."""
    called = who_is_called(session, filters)
    if called is None or not called.are_many:
        return called, _count(session, filters, called)
    many, looked = _on_the_way(session, filters, called)
    if many > PAGE or looked < ON_THE_WAY:
        return called, Count(min(many, COUNTED), many > COUNTED or looked == ON_THE_WAY)
    # They all stand further down: to go there would mean to look at all before them.
    return None, _count(session, filters, None)


def _on_the_way(session: Session, filters: Filters, called: Called) -> tuple[int, int]:
    """Of the newest whom all but the text holds for: how many it holds for, and of how many."""
    rest = filters.model_copy(update={"text": ""})
    some = newest_first(matching(rest), rest, None).with_only_columns(called.condition)
    each = some.limit(ON_THE_WAY).subquery()
    meant = func.count().filter(each.c[0])
    row = session.execute(select(meant, func.count()).select_from(each)).one()
    return row[0], row[1]


def _count(session: Session, filters: Filters, called: Called | None) -> Count:
    # In the list's order, for which there are indexes.
    some = select(Row.account_id).where(*conditions(filters, called))
    some = some.order_by(*(column.desc() for column in order(filters)))
    each = some.limit(COUNTED + 1).subquery()
    many = session.scalars(select(func.count()).select_from(each)).one()
    return Count(min(many, COUNTED), many > COUNTED)


def matching(filters: Filters, called: Called | None = None) -> Select[Row, Account]:
    """SQL: the rows that all of it holds for, each with its account."""
    query = select(Row, Account).join(Account, Account.id == Row.account_id)
    return query.where(*conditions(filters, called))


def newest_first(
    query: Select[Row, Account], filters: Filters, before: Place | None
) -> Select[Row, Account]:
    """In the order of the list, from behind a place on."""
    place = order(filters)
    if before is not None:
        query = query.where(tuple_(*place) < tuple_(before.since_at, before.account_id))
    return query.order_by(*(column.desc() for column in place))


def lines(session: Session, rows: Iterable[tuple[Row, Account]]) -> Iterable[Patron]:
    """Rows with what they gave, in four queries however many they are."""
    rows = list(rows)
    ids = [account.id for _, account in rows]
    subscriptions = _subscriptions(session, ids)
    paid_elsewhere = support.of_accounts(session, ids)
    given, last = gifts(session, ids)
    borne = tags.of(session, ids)
    for row, account in rows:
        yield Patron(
            account=account,
            standing=row.standing,
            since_at=row.since_at,
            subscription=subscriptions.get(account.id),
            elsewhere=_elsewhere(row, paid_elsewhere.get(account.id, [])),
            given=tuple(given[account.id]),
            last_gift_at=last.get(account.id),
            tags=tuple(borne.get(account.id, ())),
        )


def _elsewhere(row: Row, paid: list[PaidElsewhere]) -> PaidElsewhere | None:
    """What lasts longest. What is over is no support of who has another, or had one since."""
    longest = next(iter(paid), None)
    if longest is None or longest.lasts(clock.now()):
        return longest
    return longest if row.state is None and row.standing == "lapsed" else None


def _subscriptions(session: Session, ids: list[int]) -> dict[int, Subscription]:
    """The one that counts of each account; the order is that of membership.patrons.roll."""
    weight = case(
        (Subscription.state.in_(PATRON_STATES), 2), (Subscription.state != "incomplete", 1), else_=0
    )
    rows = session.scalars(
        select(Subscription)
        .where(Subscription.account_id.in_(ids))
        .order_by(Subscription.account_id, weight, Subscription.started_at, Subscription.id)
    )
    return {subscription.account_id: subscription for subscription in rows}


def gifts(session: Session, ids: list[int]) -> tuple[dict[int, list[Money]], dict[int, datetime]]:
    """What each account gave, one amount a currency (net of refunds, where any is left), and when
    it last gave; one query."""
    given: dict[int, list[Money]] = defaultdict(list)
    last: dict[int, datetime] = {}
    for account_id, currency, total, at in session.execute(
        select(
            Donation.account_id,
            Donation.currency,
            func.sum(Donation.amount_minor - Donation.refunded_minor),
            func.max(Donation.paid_at),
        )
        .where(Donation.account_id == any_(literal(ids, ARRAY(BigInteger))))
        .group_by(Donation.account_id, Donation.currency)
        .order_by(Donation.account_id, Donation.currency)
    ):
        if total:
            given[account_id].append(Money(int(total), currency))
        last[account_id] = max(at, last.get(account_id, at))
    return given, last
