"""Addresses that we must not write to (rule M4): whatever the mail, a sign-in mail included."""

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership.mail.models import Suppression

# Beside these, what stands for a deleted account is suppressed for ever, and is nobody's address.
REASONS = ("hard_bounce", "complaint", "staff")


def suppress(session: Session, address: str, reason: str, detail: str = "") -> bool:
    """Write to `address` no more; False when it was suppressed already, whose reason then stays.

    `reason` is one of REASONS; `detail` says it in the words of the receiving side, or of staff.
    """
    if reason not in REASONS:
        raise ValueError(f"{reason!r} is no reason to suppress an address")
    row = {"address": address, "reason": reason, "detail": detail}
    added = session.scalar(
        insert(Suppression).values(row).on_conflict_do_nothing().returning(Suppression.address)
    )
    return added is not None


def lift(session: Session, address: str) -> bool:
    """Write to `address` again; False when it was not suppressed."""
    lifted = session.scalar(
        delete(Suppression)
        .where(Suppression.address == address, Suppression.reason.in_(REASONS))
        .returning(Suppression.address)
    )
    return lifted is not None


def of(session: Session, address: str) -> Suppression | None:
    """Why we must not write to `address`; None when we may."""
    return session.get(Suppression, address, populate_existing=True)


def stands_for_nobody(session: Session, address: str) -> bool:
    """Whether `address` is what is left of a deleted account's."""
    found = of(session, address)
    return found is not None and found.reason not in REASONS
