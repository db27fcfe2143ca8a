"""Who voted among whom: counted once a round is settled, and frozen.

Everything is told by dated facts as they were at the round's close (subscriptions, gifts, ledger),
so that counting again gives the same rows: somebody who leaves or is deleted afterwards was there.
Two accounts that are merged afterwards were two to the vote, and so they stay here, as in its
tally; only who has everything rebuilt sees them as one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Subquery,
    and_,
    case,
    delete,
    false,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    true,
)
from sqlalchemy import union_all as all_of
from sqlalchemy.orm import Session

from membership import clock
from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.gifts.models import Gift
from membership.billing.models import Donation, LedgerEntry, Subscription
from membership.billing.standing import (
    donation_pays,
    elsewhere_gives,
    elsewhere_pays,
    gift_gives,
    gift_pays,
    subscription_gives,
)
from membership.db import lock
from membership.money import Money
from membership.reports.models import RoundGroup
from membership.reports.participation.groups import (
    HORIZONS,
    TENURES,
    Group,
    amount_band,
    months_after,
)
from membership.voting.models import Round, Turnout

# By name, currency and part, as in RoundGroup.
Groups = dict[tuple[str, str, str], Group]

Condition = Callable[[datetime], ColumnElement[bool]]
# What everybody's facts are put together in; the usual few megabytes would go to the disk.
_MEMORY = text("SET LOCAL work_mem = '64MB'")


def freeze_next(session: Session) -> bool:
    """Count one settled round of which something has not been counted yet; False when none."""
    lock(session, "rounds' groups")
    for round_, names in _due(session):
        _freeze(session, round_, names)
        return True
    return False


def rebuild(session: Session) -> int:
    """Count every settled round anew; the number of rows written."""
    lock(session, "rounds' groups")
    session.execute(delete(RoundGroup))
    return sum(_freeze(session, round_, names) for round_, names in list(_due(session)))


def _due(session: Session) -> Iterable[tuple[Round, set[str]]]:
    """Settled rounds with what can be counted of them by now and is not, the newest first."""
    counted = (
        select(func.array_agg(RoundGroup.name.distinct()))
        .where(RoundGroup.round_id == Round.id)
        .scalar_subquery()
    )
    settled = select(Round, counted).where(Round.state == "settled")
    for round_, known in session.execute(settled.order_by(Round.closes_at.desc(), Round.id)):
        ready = {"all", *(name_of(each) for each in HORIZONS if _has_passed(round_, each))}
        if names := ready - set(known or ()):
            yield round_, names


def name_of(horizon: int) -> str:
    """What the group of those is called who still have standing `horizon` months later."""
    return f"kept_{horizon}"


def _has_passed(round_: Round, horizon: int) -> bool:
    return months_after(round_.closes_at, horizon) <= clock.now()


def _freeze(session: Session, round_: Round, names: set[str]) -> int:
    """Write the groups called `names`; with "all" come those by tenure and by amount."""
    if "all" in names:
        names = names | {"tenure", "amount"}
    rows = [
        {
            "round_id": round_.id,
            "name": name,
            "currency": currency,
            "part": part,
            "patrons": group.patrons,
            "voters": group.voters,
        }
        for (name, currency, part), group in sorted(_count(session, round_).items())
        if name in names
    ]
    session.execute(insert(RoundGroup), rows)
    return len(rows)


def _count(session: Session, round_: Round) -> Groups:
    """All groups of a round, in one statement that looks at everybody once."""
    session.execute(_MEMORY)
    horizons = [each for each in HORIZONS if _has_passed(round_, each)]
    people = _electorate(round_, horizons)
    kept = [people.c[name_of(each)] for each in horizons]
    counts = [
        func.count().filter(*conditions)
        for still in (literal(True), *kept)
        for conditions in ((still,), (still, people.c.voted))
    ]
    given = _given(round_)
    by_tenure = select(literal("tenure"), literal(""), people.c.tenure, null(), *counts).group_by(
        people.c.tenure
    )
    by_amount = (
        select(literal("amount"), given.c.currency, literal(""), given.c.minor, *counts)
        .select_from(people)
        .outerjoin(given, given.c.account_id == people.c.account_id)
        .group_by(given.c.currency, given.c.minor)
    )
    names = ["all", *map(name_of, horizons)]
    found: Groups = defaultdict(Group, {(name, "", ""): Group() for name in names})
    for kind, currency, part, minor, *numbers in session.execute(all_of(by_tenure, by_amount)):
        groups = [Group(*each) for each in zip(numbers[::2], numbers[1::2], strict=True)]
        if kind == "amount":
            band = str(amount_band(Money(int(minor), currency).major)) if currency else ""
            found["amount", currency or "", band] += groups[0]
            continue
        found["tenure", "", part] = groups[0]
        for name, group in zip(names, groups, strict=True):
            found[name, "", ""] += group
    return dict(found)


def _electorate(round_: Round, horizons: Sequence[int]) -> CTE:
    """SQL: who might have voted at the close or did, as in the tally: their tenure, whether they
    voted, and whether they still have standing at each horizon.
    """
    closed = round_.closes_at.astimezone(UTC)
    times = {"stood": closed} | {name_of(each): months_after(closed, each) for each in horizons}
    facts = _facts(round_, times).subquery()
    people = (
        select(
            facts.c.account_id,
            func.min(facts.c.began_at).filter(facts.c.began_at < closed).label("began_at"),
            *(func.bool_or(facts.c[name]).label(name) for name in ("voted", "paid", *times)),
        )
        .group_by(facts.c.account_id)
        .subquery()
    )
    tenure = case(
        *(
            (people.c.began_at <= months_after(closed, -months), str(months))
            for months in reversed(TENURES[1:])
        ),
        else_=str(TENURES[0]),
    )
    might_vote = and_(people.c.stood, people.c.paid)
    return (
        select(people, tenure.label("tenure"))
        .where(or_(people.c.voted, might_vote))
        .cte("electorate")
    )


def _gives(round_: Round) -> Sequence[tuple[Any, Any, Condition, Condition]]:
    """What gives standing: whose it is, since when they give, whether it gives standing at a time,
    and whether by itself it was paid for by then."""

    def told_before(at: datetime) -> datetime | None:
        # For the vote, what is paid elsewhere had to be known when it opened.
        return round_.opens_at if at == round_.closes_at else None

    return (
        # Paid for by its donations alone.
        (Subscription.account_id, Subscription.started_at, subscription_gives, lambda _: false()),
        (Gift.account_id, Gift.begins_at, gift_gives, gift_pays),
        (
            PaidElsewhere.account_id,
            # Since when they gave elsewhere is not for us to tell.
            null(),
            lambda at: elsewhere_gives(at, told_before(at)),
            lambda at: elsewhere_pays(at, told_before(at)),
        ),
    )


def _facts(round_: Round, times: Mapping[str, datetime]) -> CompoundSelect[Any]:
    """SQL: all that gives standing at one of the times, all that was paid for by the close, and the
    turnout, each with whose it is: may_take_part() of everybody at once.
    """
    closed = round_.closes_at
    gives = (
        select(
            account_id.label("account_id"),
            began_at.label("began_at"),
            false().label("voted"),
            was_paid(closed).label("paid"),
            *(at_that_time(time).label(name) for name, time in times.items()),
        ).where(account_id.is_not(None))
        for account_id, began_at, at_that_time, was_paid in _gives(round_)
    )
    nothing = [false() for _time in times]
    paid = select(Donation.account_id, null(), false(), true(), *nothing)
    voted = select(Turnout.account_id, null(), true(), false(), *nothing)
    return all_of(
        *gives,
        paid.where(donation_pays(closed)).group_by(Donation.account_id),
        voted.where(Turnout.round_id == round_.id),
    )


def _given(round_: Round) -> Subquery:
    """SQL: what each gave in a month when the round closed, by its currency.

    Who gave nothing then, being paused or on a gift, has neither currency nor amount.
    """
    worth = func.sum(LedgerEntry.amount_minor)
    return (
        # By way of the subscription: entries keep the account that they were written for.
        select(Subscription.account_id, LedgerEntry.currency, worth.label("minor"))
        .join(Subscription, Subscription.id == LedgerEntry.subscription_id)
        .where(LedgerEntry.occurred_at < round_.closes_at)
        .group_by(Subscription.account_id, LedgerEntry.currency)
        .having(worth > 0)
        .subquery()
    )
