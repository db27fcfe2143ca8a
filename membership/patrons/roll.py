"""Keeping `patron`: worked out from subscriptions, donations, gifts and turnout rolls.

A row is written again when something it is made of was written, and all of them by a rebuild;
both write the same.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Subquery,
    Table,
    case,
    delete,
    exists,
    func,
    not_,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership.accounts import belongings
from membership.accounts.models import Account
from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.gifts.models import Gift
from membership.billing.models import Checkout, Dispute, Donation, Refund, Subscription
from membership.billing.standing import PATRON_STATES, STANDING, has_gift, pays_elsewhere
from membership.patrons.models import Patron, Tagged
from membership.voting.models import Round, Turnout

COLUMNS = [column.name for column in Patron.__table__.columns]
# Rows that the session has read already stay as they were read.
UNSEEN = {"synchronize_session": False}
# So many accounts are worked out in one statement.
MOST = 10_000


def rebuild(session: Session) -> int:
    """Work out everybody anew; the number of rows that were not as they are now."""
    return _write(session, [])


def refresh(session: Session, since: datetime) -> int:
    """Work out those of whom something was written after `since`."""
    ids = sorted(set(session.scalars(union_all(*_changed(since)))))
    return sum(renew(session, ids[start : start + MOST]) for start in range(0, len(ids), MOST))


def renew(session: Session, ids: list[int]) -> int:
    """Work out the accounts with these ids.

    Accounts before patrons, each in the order of their ids: so does whoever merges two of them,
    and neither ever waits for the other in turn.
    """
    held = select(Account.id).where(Account.id.in_(ids)).order_by(Account.id)
    session.execute(held.with_for_update(read=True, key_share=True))
    return _write(session, [Account.id.in_(ids)])


def _forget(session: Session, address: str) -> None:
    """Of who is being deleted, what they paid elsewhere is gone by now."""
    renew(session, list(session.scalars(select(Account.id).where(Account.email == address))))


def _stay(_session: Session, _old: str, _new: str) -> None:
    """Rows are the account's, whatever its address."""


def _changed(since: datetime) -> Iterator[Select[Any]]:
    now = func.clock_timestamp()
    yield select(Subscription.account_id).where(Subscription.synced_at >= since)
    yield select(Donation.account_id).where(Donation.created_at >= since)
    # A gift begins and ends by itself, and with the money that paid for it.
    yield select(Gift.account_id).where(
        Gift.account_id.is_not(None),
        or_(
            Gift.redeemed_at >= since,
            Gift.begins_at.between(since, now),
            Gift.ends_at.between(since, now),
            Gift.donation_id.in_(select(Refund.donation_id).where(Refund.changed_at >= since)),
            Gift.donation_id.in_(select(Dispute.donation_id).where(Dispute.synced_at >= since)),
        ),
    )
    yield select(PaidElsewhere.account_id).where(
        or_(
            PaidElsewhere.changed_at >= since,
            PaidElsewhere.since_at.between(since, now),
            PaidElsewhere.paid_until_at.between(since, now),
        )
    )
    merged = Account.merged_at >= since
    yield select(Account.id).where(merged)
    yield select(Account.merged_into_id).where(merged)
    yield (
        select(Turnout.account_id)
        .join(Round, Round.id == Turnout.round_id)
        .where(Round.settled_at >= since)
    )


def _write(session: Session, which: Iterable[ColumnElement[bool]]) -> int:
    accounts = select(Account.id).where(*which)
    session.execute(
        delete(Patron).where(
            Patron.account_id.in_(accounts.where(not_(_gives_or_gave()))),
        ),
        execution_options=UNSEEN,
    )
    known = insert(cast(Table, Patron.__table__)).from_select(
        COLUMNS, _rows().where(*which).order_by(Account.id)
    )
    new = {name: known.excluded[name] for name in COLUMNS}
    written = session.execute(
        known.on_conflict_do_update(
            index_elements=[Patron.account_id],
            set_=new,
            where=or_(*(getattr(Patron, name).is_distinct_from(new[name]) for name in COLUMNS)),
        ),
        execution_options={"preserve_rowcount": True},
    )
    session.execute(
        update(Tagged)
        .values(since_at=Patron.since_at)
        .where(
            Tagged.account_id == Patron.account_id,
            Tagged.since_at != Patron.since_at,
            Patron.account_id.in_(accounts),
        ),
        execution_options=UNSEEN,
    )
    return written.rowcount  # type: ignore[attr-defined,no-any-return]


def _rows() -> Select[Any]:
    """SQL: the rows of `patron`, in the order of its columns."""
    support, elsewhere, first = _support(), _elsewhere(), _first()
    once = _last_gift_currency()
    return (
        select(
            Account.id,
            _standing(support),
            support.c.state,
            func.coalesce(support.c.interval, elsewhere.c.interval),
            func.coalesce(support.c.amount_minor, elsewhere.c.amount_minor),
            func.coalesce(support.c.currency, elsewhere.c.currency, once),
            case((support.c.state.in_(PATRON_STATES), None), else_=elsewhere.c.source),
            func.coalesce(first.c.at, Account.created_at),
            _article(),
            exists().where(
                Turnout.account_id == Account.id,
                Round.id == Turnout.round_id,
                Round.state == "settled",
            ),
        )
        .join(support, true(), isouter=True)
        .join(elsewhere, true(), isouter=True)
        .join(first, true(), isouter=True)
        .where(_gives_or_gave())
    )


def _gives_or_gave() -> ColumnElement[bool]:
    """SQL: one of any kind stands for the account."""
    return union_all(
        select(Subscription.id).where(Subscription.account_id == Account.id).correlate(Account),
        select(Donation.id).where(Donation.account_id == Account.id).correlate(Account),
        select(Gift.id).where(Gift.account_id == Account.id).correlate(Account),
        select(PaidElsewhere.id).where(PaidElsewhere.account_id == Account.id).correlate(Account),
    ).exists()


def _standing(support: Subquery) -> ColumnElement[str]:
    """SQL: as a campaign's audience means it; who never paid anything has lapsed."""
    by_state = case(dict(STANDING), value=support.c.state)
    regularly = or_(
        exists().where(Donation.account_id == Account.id, Donation.subscription_id.is_not(None)),
        exists().where(Gift.account_id == Account.id),
        exists().where(PaidElsewhere.account_id == Account.id),
    )
    gave = exists().where(Donation.account_id == Account.id)
    return case(
        (by_state == "current", "current"),
        (or_(has_gift(Account.id), pays_elsewhere(Account.id)), "current"),
        (by_state == "grace", "grace"),
        (not_(regularly) & gave, "once"),
        else_="lapsed",
    )


def _support() -> Any:
    """SQL: the one subscription that counts, what runs before what began last."""
    own = (
        select(
            Subscription.state,
            Subscription.interval,
            Subscription.amount_minor,
            Subscription.currency,
        )
        .where(Subscription.account_id == Account.id)
        .correlate(Account)
    )
    return (
        own.order_by(
            Subscription.state.in_(PATRON_STATES).desc(),
            (Subscription.state != "incomplete").desc(),
            Subscription.started_at.desc(),
            Subscription.id.desc(),
        )
        .limit(1)
        .lateral("support")
    )


def _elsewhere() -> Any:
    """SQL: what lasts longest of what is paid elsewhere."""
    own = (
        select(
            PaidElsewhere.source,
            PaidElsewhere.interval,
            PaidElsewhere.amount_minor,
            PaidElsewhere.currency,
        )
        .where(PaidElsewhere.account_id == Account.id)
        .correlate(Account)
    )
    latest = own.order_by(PaidElsewhere.paid_until_at.desc(), PaidElsewhere.id)
    return latest.limit(1).lateral("elsewhere")


def _first() -> Any:
    paid = select(func.min(Donation.paid_at).label("at")).where(Donation.account_id == Account.id)
    begun = select(func.min(Subscription.started_at)).where(
        Subscription.account_id == Account.id, Subscription.state != "incomplete"
    )
    taken = select(func.min(Gift.redeemed_at)).where(Gift.account_id == Account.id)
    known = select(func.min(PaidElsewhere.since_at)).where(PaidElsewhere.account_id == Account.id)
    queries = [query.correlate(Account) for query in (paid, begun, taken, known)]
    each = union_all(*queries).subquery()
    return select(func.min(each.c.at).label("at")).lateral("first")


def _last_gift_currency() -> ScalarSelect[str]:
    return (
        select(Donation.currency)
        .where(Donation.account_id == Account.id)
        .order_by(Donation.paid_at.desc(), Donation.id.desc())
        .limit(1)
        .correlate(Account)
        .scalar_subquery()
    )


def _article() -> ScalarSelect[int | None]:
    """SQL: the story at whose end they decided, of their first paid checkout."""
    began = select(Subscription.checkout_id, Subscription.started_at.label("at")).where(
        Subscription.account_id == Account.id, Subscription.state != "incomplete"
    )
    gave = select(Donation.checkout_id, Donation.paid_at).where(
        Donation.account_id == Account.id, Donation.subscription_id.is_(None)
    )
    paid = union_all(began.correlate(Account), gave.correlate(Account)).subquery()
    return (
        select(func.coalesce(Checkout.article_id, Checkout.first_article_id))
        .join(paid, paid.c.checkout_id == Checkout.id)
        .order_by(paid.c.at, Checkout.id)
        .limit(1)
        .correlate(Account)
        .scalar_subquery()
    )


belongings.register(belongings.Belonging(move=_stay, forget=_forget))
