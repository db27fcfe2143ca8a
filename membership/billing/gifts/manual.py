"""Donations that staff enter: a cheque, a transfer, cash, whatever came without Stripe.

Nothing that was entered is changed or deleted: a wrong one is taken back, by a refund row.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import accounts, audit
from membership.billing import givers, letters
from membership.billing.models import Donation, Refund
from membership.money import Money

NOON = time(12)


class NotManualError(LookupError):
    """There is no donation with this number that was entered by hand."""


@dataclass(frozen=True)
class Entry:
    """What came, and from whom. `id` belongs to one showing of the form; `received_on` is a day of
    the newsroom's, not in the future."""

    id: UUID
    email: str
    language: str
    method: str
    amount: Money
    received_on: date
    name: str | None = None
    reference: str | None = None
    with_receipt: bool = True


def enter(session: Session, entry: Entry, actor_id: int) -> Donation:
    """Write the donation, its audit entry and, if wanted, its receipt; the same entry once."""
    found = accounts.ensure(session, entry.email, entry.language, entry.name)
    account = givers.kept(session, found.id)
    written: Donation | None = session.scalar(
        insert(Donation)
        .values(
            entry_id=entry.id,
            account_id=account.id,
            provider="manual",
            method=entry.method,
            reference=entry.reference,
            entered_by_id=actor_id,
            amount_minor=entry.amount.minor,
            currency=entry.amount.currency,
            paid_at=_received_at(entry.received_on),
        )
        .on_conflict_do_nothing(index_elements=["entry_id"])
        .returning(Donation)
    )
    if written is None:
        return session.scalars(select(Donation).where(Donation.entry_id == entry.id)).one()
    audit.record(
        session,
        "donation.entered",
        f"account:{account.id}",
        actor_id=actor_id,
        donation=written.id,
        method=entry.method,
        amount_minor=entry.amount.minor,
        currency=entry.amount.currency,
        received_on=entry.received_on.isoformat(),
    )
    if entry.with_receipt:
        letters.receipt(session, account, written, "once")
    return written


def take_back(session: Session, donation_id: int, reason: str, actor_id: int) -> bool:
    """Counter what was entered by mistake or was given back; False when that was done before.

    Raises NotManualError.
    """
    donation = session.scalar(
        select(Donation)
        .where(Donation.id == donation_id, Donation.provider == "manual")
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if donation is None:
        raise NotManualError
    rest = donation.amount_minor - donation.refunded_minor
    if rest <= 0:
        return False
    now = clock.now()
    session.add(
        Refund(
            donation_id=donation.id,
            amount_minor=rest,
            currency=donation.currency,
            state="done",
            actor_id=actor_id,
            reason=reason,
            refunded_at=now,
        )
    )
    donation.refunded_minor, donation.refunded_at = donation.amount_minor, now
    session.flush()
    audit.record(
        session,
        "donation.taken_back",
        f"account:{donation.account_id}",
        actor_id=actor_id,
        donation=donation.id,
        amount_minor=rest,
        currency=donation.currency,
        reason=reason,
    )
    return True


def _received_at(day: date) -> datetime:
    """Noon of that day, so that it is the same day wherever it is read; today's is not to come."""
    noon = datetime.combine(day, NOON, clock.newsroom_zone())
    return min(noon, clock.now())
