"""Random lives of patrons: joining, pausing, leaving and coming back, some of it told late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.models import Leaving, Subscription
from tests import factories
from tests.reports.giving import moved

BEGINNING = datetime(2026, 1, 1, 12, tzinfo=UTC)
WHYS = {"leave": "voluntary", "fail": "payment_failed"}
CHURN = {"leave": "churn_voluntary", "fail": "churn_involuntary", "pause": "churn_voluntary"}


@dataclass(frozen=True)
class Fact:
    """`support` numbers the subscriptions of a life; `amount` is the change of MRR."""

    at: datetime
    told: datetime
    act: str
    movement: str | None
    amount: int
    support: int
    reason: str | None = None


@dataclass(frozen=True)
class Life:
    currency: str
    facts: tuple[Fact, ...]


def _life(
    currency: str, first: int, steps: Sequence[tuple[int, str, int, str | None]], late: int
) -> Life:
    """What the ledger says of it; acts that are not possible are left out."""
    at = told = BEGINNING + timedelta(days=first)
    facts = [Fact(at, told, "join", "new", 400, 0)]
    mrr, support, state = 400, 0, "active"
    for days, act, amount, reason in steps:
        at += timedelta(days=days)
        told = max(told, at + timedelta(days=late))
        before, movement = mrr, None
        match state, act:
            case "active", "more":
                mrr, movement = mrr + amount, "expansion"
            case "active", "less" if mrr > amount:
                mrr, movement = mrr - amount, "contraction"
            case "active", "pause":
                mrr, state, movement = 0, "paused", CHURN[act]
            case "paused", "more" | "less":
                mrr, state, movement = amount, "active", "reactivation"
            case "active" | "paused", "leave" | "fail":
                movement = CHURN[act] if mrr else None
                mrr, state = 0, "ended"
            case "ended", "more":
                mrr, state, support, movement = amount, "active", support + 1, "reactivation"
            case _:
                continue
        facts.append(Fact(at, told, act, movement, mrr - before, support, reason))
    return Life(currency, tuple(facts))


# 27 to 31 days lead over the ends of months.
_step = st.tuples(
    st.sampled_from((0, 1, 3, 27, 28, 30, 31)),
    st.sampled_from(("more", "less", "pause", "leave", "fail")),
    st.sampled_from((100, 300)),
    st.sampled_from((None, "cost", "unread")),
)
lives = st.lists(
    st.builds(
        _life,
        st.sampled_from(("EUR", "UAH")),
        st.integers(0, 90),
        st.lists(_step, max_size=6),
        st.sampled_from((0, 0, 5, 40)),
    ),
    min_size=1,
    max_size=4,
)


class Book:
    """Writes lives into the database, as they are told."""

    def __init__(self, session: Session, lives: Sequence[Life]) -> None:
        self.session, self.lives = session, lives
        self.givers: dict[int, Account] = {}
        self.supports: dict[tuple[int, int], Subscription] = {}

    def write(self, since: datetime, until: datetime) -> None:
        """What is told after `since`, until `until`."""
        for number, life in enumerate(self.lives):
            for fact in life.facts:
                if since < fact.told <= until:
                    self._write(number, life, fact)
        self.session.flush()

    def _write(self, number: int, life: Life, fact: Fact) -> None:
        given = self._support(number, life, fact)
        if fact.movement:
            entry = moved(self.session, given, fact.movement, fact.amount, fact.at, fact.told)
            assert entry.created_at == fact.told
        if fact.act in WHYS:
            given.state, given.end_reason, given.ended_at = "ended", WHYS[fact.act], fact.at
            given.synced_at = fact.told
            if fact.reason:
                self._say(given, fact.reason, fact.told)

    def _say(self, given: Subscription, reason: str, at: datetime) -> None:
        factories.add(
            self.session,
            Leaving(subscription_id=given.id, reason=reason, created_at=at, changed_at=at),
        )

    def _support(self, number: int, life: Life, fact: Fact) -> Subscription:
        if number not in self.givers:
            self.givers[number] = factories.account(self.session)
        key = number, fact.support
        if key not in self.supports:
            values: dict[str, Any] = {"currency": life.currency, "synced_at": fact.told}
            self.supports[key] = factories.subscription(
                self.session, self.givers[number], started_at=fact.at, **values
            )
        return self.supports[key]
