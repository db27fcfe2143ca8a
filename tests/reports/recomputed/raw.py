"""What happened, as plain rows, and what they say MRR was: from the history of states.

Nothing here adds up in SQL, and nothing is taken from the code of the reports.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from functools import cached_property
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from membership import clock
from membership.articles.models import Article, ReadingCount
from membership.billing.dunning.models import Dunning
from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.models import (
    Checkout,
    Dispute,
    Donation,
    Leaving,
    LedgerEntry,
    Refund,
    Subscription,
    SubscriptionChange,
)
from membership.patrons.models import Tagged
from membership.reports.periods import Period
from membership.voting.models import Round, RoundOption, Topic, TopicFollow, Turnout

INVOLUNTARY = {"payment_failed", "dispute", "fraud"}
GIVING = {"active", "past_due", "cancel_scheduled"}
Plain = Row[Any]


def day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()


def within(at: datetime | None, period: Period) -> bool:
    return at is not None and period.first_day <= day_of(at) <= period.last_day


def monthly(amount: int, interval: str) -> int:
    """Of a yearly amount a twelfth, rounded half to even."""
    return round(Fraction(amount, 12)) if interval == "year" else amount


@dataclass(frozen=True)
class Move:
    """A change of what a support is worth in a month, as the ledger should say it."""

    at: datetime
    day: date
    support: int
    account: int
    currency: str
    name: str
    amount: int


@dataclass(frozen=True)
class Flow:
    """Money that came on a day, or (negative) went back; "once", "renewal", "first" or "fee"."""

    day: date
    currency: str
    amount: int
    kind: str
    account: int


@dataclass
class Raw:
    """All rows as they were at a moment, and what follows from them."""

    read_at: datetime
    supports: dict[int, Plain]
    changes: list[Plain]
    donations: list[Plain]
    refunds: list[Plain]
    disputes: list[Plain]
    dunnings: list[Plain]
    leavings: list[Plain]
    checkouts: dict[Any, Plain]
    readings: list[Plain]
    ledger: list[Plain]
    tagged: list[Plain]
    elsewhere: list[Plain]
    rounds: list[Plain]
    options: list[Plain]
    turnout: list[Plain]
    topics: list[Plain]
    follows: list[Plain]
    titles: dict[int, str]
    _values: dict[tuple[str, date], dict[int, int]] = field(default_factory=dict)

    @cached_property
    def moves(self) -> list[Move]:
        """In the order in which they happened."""
        return list(_moves(self))

    @cached_property
    def flows(self) -> list[Flow]:
        return list(_flows(self))

    def flowed(self, currency: str, period: Period) -> list[Flow]:
        first, last = period.first_day, period.last_day
        return [f for f in self.flows if f.currency == currency and first <= f.day <= last]

    @property
    def currencies(self) -> set[str]:
        return {each.currency for each in self.moves} | {each.currency for each in self.flows}

    def moved(self, currency: str, period: Period) -> list[Move]:
        first, last = period.first_day, period.last_day
        return [m for m in self.moves if m.currency == currency and first <= m.day <= last]

    def givers(self, currency: str, period: Period, kinds: Iterable[str]) -> int:
        """How many people such money is of."""
        return len({f.account for f in self.flowed(currency, period) if f.kind in kinds})

    def values(self, currency: str, after: date) -> dict[int, int]:
        """What each support was worth at the end of a day, of those that were worth something."""
        key = currency, after
        if key not in self._values:
            worth: dict[int, int] = {}
            for move in self.moves:
                if move.currency == currency and move.day <= after:
                    worth[move.support] = worth.get(move.support, 0) + move.amount
            self._values[key] = {support: value for support, value in worth.items() if value}
        return self._values[key]

    def mrr(self, currency: str, after: date) -> int:
        return sum(self.values(currency, after).values())

    def patrons(self, currency: str, after: date) -> int:
        return len({self.supports[support].account_id for support in self.values(currency, after)})

    def voters(self, round_id: int) -> set[int]:
        return {each.account_id for each in self.turnout if each.round_id == round_id}

    def first_of_supports(self) -> list[Move]:
        """The movement with which each support began."""
        first: dict[int, Move] = {}
        for move in self.moves:
            first.setdefault(move.support, move)
        return list(first.values())


def read(session: Session) -> Raw:
    def rows(model: Any) -> list[Plain]:
        return list(session.execute(select(*model.__table__.columns)))

    return Raw(
        read_at=clock.now(),
        supports={row.id: row for row in rows(Subscription)},
        changes=rows(SubscriptionChange),
        donations=rows(Donation),
        refunds=rows(Refund),
        disputes=rows(Dispute),
        dunnings=rows(Dunning),
        leavings=rows(Leaving),
        checkouts={row.id: row for row in rows(Checkout)},
        readings=rows(ReadingCount),
        ledger=rows(LedgerEntry),
        tagged=rows(Tagged),
        elsewhere=rows(PaidElsewhere),
        rounds=rows(Round),
        options=rows(RoundOption),
        turnout=rows(Turnout),
        topics=rows(Topic),
        follows=rows(TopicFollow),
        titles={row.id: row.title for row in rows(Article)},
    )


def _moves(raw: Raw) -> Iterable[Move]:
    worth: dict[int, int] = {}
    had_before: set[int] = set()
    for change in sorted(raw.changes, key=lambda row: (row.created_at, row.id)):
        support = raw.supports[change.subscription_id]
        interval = change.to_interval or support.interval
        before = worth.get(support.id, 0)
        after = monthly(change.to_amount_minor, interval) if change.to_state in GIVING else 0
        if before == after:
            continue
        # A pause is the patron's will, whatever their support ends with later.
        reason = support.end_reason if change.to_state == "ended" else None
        name = _name(before, after, reason, support.account_id in had_before)
        worth[support.id] = after
        had_before.add(support.account_id)
        at, whose = change.created_at, support.account_id
        yield Move(at, day_of(at), support.id, whose, change.currency, name, after - before)


def _flows(raw: Raw) -> Iterable[Flow]:
    """What a bank took back is what had not been given back already."""
    kinds: dict[int, str] = {}
    begun: set[int | None] = {None}
    for each in sorted(raw.donations, key=lambda each: (each.paid_at, each.id)):
        support, day = each.subscription_id, day_of(each.paid_at)
        kind = "once" if support is None else "renewal" if support in begun else "first"
        begun.add(support)
        kinds[each.id] = kind
        yield Flow(day, each.currency, each.amount_minor, kind, each.account_id)
        if each.fee_minor is not None:
            yield Flow(day, each.fee_currency, each.fee_minor, "fee", each.account_id)
    left = {each.id: each.amount_minor for each in raw.donations}
    whose_gift = {each.id: each.account_id for each in raw.donations}
    for each in raw.refunds:
        if each.state != "failed" and each.refunded_at is not None:
            left[each.donation_id] -= each.amount_minor
            kind, day = f"{kinds[each.donation_id]} back", day_of(each.refunded_at)
            whose = whose_gift[each.donation_id]
            yield Flow(day, each.currency, -each.amount_minor, kind, whose)
    for each in raw.donations:
        if each.disputed_at is not None:
            kind, day = f"{kinds[each.id]} back", day_of(each.disputed_at)
            yield Flow(day, each.currency, -left[each.id], kind, each.account_id)


def _name(before: int, after: int, end_reason: str | None, had_before: bool) -> str:
    if before == 0:
        return "reactivation" if had_before else "new"
    if after == 0:
        return "churn_involuntary" if end_reason in INVOLUNTARY else "churn_voluntary"
    return "expansion" if after > before else "contraction"
