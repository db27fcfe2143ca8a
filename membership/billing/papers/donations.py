"""From the rows of an account's donations to what the rules of papers read."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.billing.models import Checkout, Donation, Refund
from membership.billing.papers.facts import ONLINE, Given, Purpose, Return
from membership.billing.refunds import COUNTED


def of_account(session: Session, account_id: int) -> list[Given]:
    """Everything an account gave."""
    return _read(session, Donation.account_id == account_id)


def one(session: Session, donation_id: int) -> Given:
    """One donation, which must exist."""
    (found,) = _read(session, Donation.id == donation_id)
    return found


def _read(session: Session, which: object) -> list[Given]:
    found = session.execute(
        select(Donation, Checkout.purpose)
        .outerjoin(Checkout, Checkout.id == Donation.checkout_id)
        .where(which)  # type: ignore[arg-type]
        .execution_options(populate_existing=True)
    ).all()
    returns = _returns(session, [donation.id for donation, _purpose in found])
    return [_given(donation, purpose, returns[donation.id]) for donation, purpose in found]


def _returns(session: Session, ids: Iterable[int]) -> dict[int, list[Return]]:
    returns: dict[int, list[Return]] = defaultdict(list)
    for each in session.scalars(
        select(Refund).where(Refund.donation_id.in_(ids), Refund.state.in_(COUNTED))
    ):
        at = each.refunded_at or each.created_at
        returns[each.donation_id].append(Return(at, each.amount_minor))
    return returns


def _given(donation: Donation, purpose: str | None, returns: list[Return]) -> Given:
    return Given(
        id=donation.id,
        paid_at=donation.paid_at,
        purpose=_purpose(donation, purpose),
        method=donation.method or ONLINE,
        reference=donation.reference,
        minor=donation.amount_minor,
        currency=donation.currency,
        returned_minor=donation.refunded_minor,
        returned_at=donation.refunded_at,
        returns=tuple(returns),
        is_disputed=donation.disputed_at is not None,
    )


def _purpose(donation: Donation, of_checkout: str | None) -> Purpose:
    if of_checkout == "gift":
        return "gift"
    if of_checkout == "pool":
        return "pool"
    return "support" if donation.subscription_id else "once"
