"""Who voted among whom: counted once a round is settled, and frozen.

Everything is told by dated facts as they were at the round's close (subscriptions, gifts, ledger),
so that counting again gives the same rows: somebody who leaves or is deleted afterwards was there.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, case, delete, exists, func, insert, literal, or_, select
from sqlalchemy import union_all as all_of
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.gifts.models import Gift
from membership.billing.models import LedgerEntry, Subscription
from membership.billing.standing import has_standing
from membership.db import lock
from membership.money import Money
from membership.reports.groups import HORIZONS, TENURES, Group, amount_band, months_after
from membership.reports.models import RoundGroup
from membership.voting.eligibility import may_take_part
from membership.voting.models import Round, Turnout

# By name, currency and part, as in RoundGroup.
Groups = dict[tuple[str, str, str], Group]


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
    groups = _by_tenure(session, round_)
    if "all" in names:
        groups |= _by_amount(session, round_)
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
        for (name, currency, part), group in sorted(groups.items())
        if name in names
    ]
    session.execute(insert(RoundGroup), rows)
    return len(rows)


def _by_tenure(session: Session, round_: Round) -> Groups:
    """Of all, of each tenure, and of those who still have standing at each horizon."""
    closed = round_.closes_at.astimezone(UTC)
    began = _began(closed)
    voter = _voted(round_)
    tenure = case(
        *(
            (began.c.at <= months_after(closed, -months), str(months))
            for months in reversed(TENURES[1:])
        ),
        else_=str(TENURES[0]),
    )
    kept = [
        (name_of(each), has_standing(Account.id, months_after(closed, each)))
        for each in HORIZONS
        if _has_passed(round_, each)
    ]
    people = (
        select(
            voter.label("voted"),
            tenure.label("tenure"),
            *(still.label(name) for name, still in kept),
        )
        .select_from(Account)
        .outerjoin(began, began.c.account_id == Account.id)
        .where(_might_vote(round_))
        .subquery()
    )
    wanted = [("all", literal(True)), *((name, people.c[name]) for name, _still in kept)]
    counts = [
        func.count().filter(*conditions)
        for _name, still in wanted
        for conditions in ((still,), (still, people.c.voted))
    ]
    found: Groups = {(name, "", ""): Group() for name, _still in wanted}
    for part, *numbers in session.execute(
        select(people.c.tenure, *counts).group_by(people.c.tenure)
    ):
        for position, (name, _still) in enumerate(wanted):
            found[name, "", ""] += Group(*numbers[2 * position : 2 * position + 2])
        found["tenure", "", part] = Group(*numbers[:2])
    return found


def _by_amount(session: Session, round_: Round) -> Groups:
    """By what each gave in a month when the round closed, by its currency.

    Who gave nothing then, being paused or on a gift, has neither currency nor amount.
    """
    worth = func.sum(LedgerEntry.amount_minor)
    given = (
        # By way of the subscription: entries keep the account that they were written for.
        select(Subscription.account_id, LedgerEntry.currency, worth.label("minor"))
        .join(Subscription, Subscription.id == LedgerEntry.subscription_id)
        .where(LedgerEntry.occurred_at < round_.closes_at)
        .group_by(Subscription.account_id, LedgerEntry.currency)
        .having(worth > 0)
        .subquery()
    )
    asked = (
        select(
            given.c.currency,
            given.c.minor,
            func.count(),
            func.count().filter(_voted(round_)),
        )
        .select_from(Account)
        .outerjoin(given, given.c.account_id == Account.id)
        .where(_might_vote(round_))
        .group_by(given.c.currency, given.c.minor)
    )
    found: Groups = defaultdict(Group)
    for currency, minor, patrons, voters in session.execute(asked):
        part = str(amount_band(Money(int(minor), currency).major)) if currency else ""
        found["amount", currency or "", part] += Group(patrons, voters)
    return dict(found)


def _began(closed: datetime) -> Any:
    """SQL: when each account first gave regularly, or took a gift, before then."""
    each = all_of(
        select(Subscription.account_id, Subscription.started_at.label("at")).where(
            Subscription.started_at < closed
        ),
        select(Gift.account_id, Gift.begins_at).where(
            Gift.account_id.is_not(None), Gift.begins_at < closed
        ),
    ).subquery()
    return (
        select(each.c.account_id, func.min(each.c.at).label("at"))
        .group_by(each.c.account_id)
        .subquery()
    )


def _voted(round_: Round) -> ColumnElement[bool]:
    return exists().where(Turnout.round_id == round_.id, Turnout.account_id == Account.id)


def _might_vote(round_: Round) -> ColumnElement[bool]:
    """SQL: the account might have voted at the close, or did: the electorate of its tally."""
    return or_(may_take_part(Account.id, round_.closes_at), _voted(round_))
