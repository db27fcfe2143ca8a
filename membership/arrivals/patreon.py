"""Patreon’s export of members (Audience, Relationship manager, “Export CSV”).

Whoever was charged there is paid for until the next charge; who has left, until access expires.
"""

from datetime import datetime

from membership.arrivals.table import Column, Row
from membership.arrivals.told import (
    NotTakenError,
    Support,
    Told,
    amount,
    is_yes,
    later,
    moment,
    past,
    tried,
    within,
)
from membership.billing.revenue import MONTHS

COLUMNS = (
    Column("email", ("email", "email address"), is_needed=True),
    Column("status", ("patron status",), is_needed=True),
    Column("amount", ("pledge amount", "pledge $"), is_needed=True),
    Column("name", ("name",)),
    Column("source_id", ("user id",)),
    Column("currency", ("currency",)),
    Column("interval", ("charge frequency",)),
    Column("tier", ("tier",)),
    Column("given", ("lifetime amount", "lifetime $")),
    Column("since", ("patronage since date",)),
    Column("charged", ("last charge date",)),
    Column("charge_status", ("last charge status",)),
    Column("expires", ("access expiration",)),
    Column("next_charge", ("next charge date",)),
    Column("is_free", ("free member",)),
)
INTERVALS = {"": "month", "monthly": "month", "annual": "year", "annually": "year"}
# In which the money of the last charge is not, or no longer, the newsroom's.
GIVEN_BACK = frozenset({"refunded", "fraud", "deleted"})
# The currency before an export had a column for it.
FIRST_CURRENCY = "USD"


def tell(row: Row, now: datetime) -> Told:
    """What a line tells."""
    support, refusal = tried(lambda: _support(row, now))
    return Told(
        line=row.line,
        source_id=row["source_id"] or row["email"].lower(),
        email=row["email"],
        name=row["name"] or None,
        support=support,
        refusal=refusal,
    )


def _support(row: Row, now: datetime) -> Support:
    status = row["status"].lower()
    if not status or is_yes(row["is_free"]):
        raise NotTakenError("free", ends=True)
    if status not in {"active patron", "declined patron", "former patron"}:
        raise NotTakenError("unknown_state")
    if row["charge_status"].lower() in GIVEN_BACK:
        raise NotTakenError("given_back", row["charge_status"].lower(), ends=True)
    interval = INTERVALS.get(row["interval"].lower())
    if interval is None:
        raise NotTakenError("other_interval")
    currency = row["currency"].upper() or FIRST_CURRENCY
    if _is_nothing(row["given"]):
        raise NotTakenError("not_paid_yet", ends=True)
    charged = past(row["charged"], "Last Charge Date", now)
    until = _paid_until(row, status, charged, interval)
    if until is not None:
        until = within(until, charged or now, interval)
    if until is None or until <= now:
        raise NotTakenError("declined" if status == "declined patron" else "over", ends=True)
    return Support(
        state="active" if status == "active patron" else "cancelled",
        amount=amount(row["amount"], currency),
        interval=interval,
        tier=row["tier"] or None,
        since_at=past(row["since"], "Patronage Since Date", now) or charged or now,
        paid_until_at=until,
    )


def _paid_until(row: Row, status: str, charged: datetime | None, interval: str) -> datetime | None:
    """Until when what was charged lasts, as the line says; None when it does not."""
    expires = moment(row["expires"], "Access Expiration")
    if expires is not None:
        return expires
    next_charge = moment(row["next_charge"], "Next Charge Date")
    if status == "active patron" and next_charge is not None:
        return next_charge
    if charged is None or row["charge_status"].lower() != "paid":
        return None
    return later(charged, MONTHS[interval])


def _is_nothing(text: str) -> bool:
    """Whether an export says that nothing was ever paid; one without the column says nothing."""
    return bool(text) and not text.strip(" $€£").strip("0.,")
