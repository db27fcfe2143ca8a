"""Steady’s export of members (Members, “Export as CSV”), as its help describes the columns.

https://help.steadyhq.com/en/articles/6265612 An active membership has no end in it: it is paid
until the next anniversary of its beginning.
"""

from datetime import datetime

from membership.arrivals.table import Column, Row
from membership.arrivals.told import (
    NotTakenError,
    Support,
    Told,
    moment,
    past,
    period_end,
    tried,
    within,
)
from membership.billing.revenue import MONTHS
from membership.money import Money

COLUMNS = (
    Column("email", ("email", "e mail"), is_needed=True),
    Column("state", ("subscription state",), is_needed=True),
    Column("amount", ("plan monthly amount cents",), is_needed=True),
    Column("since", ("subscribed at",), is_needed=True),
    Column("first_name", ("first name",)),
    Column("last_name", ("last name",)),
    Column("tier", ("plan name",)),
    Column("interval", ("subscription period",)),
    Column("expires", ("expires at",)),
    Column("trial_ends", ("trial ends at",)),
    Column("currency", ("currency",)),
)
INTERVALS = {"": "month", "monthly": "month", "annual": "year"}
# The export counts in cents of it, and names no other.
CURRENCY = "EUR"


def tell(row: Row, now: datetime) -> Told:
    """What a line tells. Addresses are all that Steady calls people by."""
    name = " ".join(filter(None, (row["first_name"], row["last_name"])))
    support, refusal = tried(lambda: _support(row, now))
    return Told(
        line=row.line,
        source_id=row["email"].lower(),
        email=row["email"],
        name=name or None,
        support=support,
        refusal=refusal,
    )


def _support(row: Row, now: datetime) -> Support:
    state = row["state"].lower().replace(" ", "_")
    if state in {"in_trial", "guest"}:
        raise NotTakenError("not_paid_yet" if state == "in_trial" else "guest", ends=True)
    if state not in {"active", "not_renewing", "cancelled"}:
        raise NotTakenError("unknown_state")
    interval = INTERVALS.get(row["interval"].lower())
    if interval is None:
        raise NotTakenError("other_interval")
    since = past(row["since"], "subscribed_at", now)
    if since is None:
        raise NotTakenError("no_day", "subscribed_at")
    until = moment(row["expires"], "expires_at")
    if until is None and state == "active":
        until = period_end(since, interval, now)
    if until is None and moment(row["trial_ends"], "trial_ends_at") is not None:
        raise NotTakenError("not_paid_yet", ends=True)
    if until is None or until <= now:
        raise NotTakenError("over", ends=True)
    return Support(
        state="active" if state == "active" else "cancelled",
        amount=_amount(row["amount"], interval, row["currency"].upper() or CURRENCY),
        interval=interval,
        tier=row["tier"] or None,
        since_at=since,
        # When they were charged, the export does not say: lately, at best.
        paid_until_at=within(until, now, interval),
    )


def _amount(text: str, interval: str, currency: str) -> Money:
    """What is paid an interval: the export has it by the month."""
    if not text.isdecimal() or not 0 < int(text) < 10**9:
        raise NotTakenError("no_amount")
    return Money(int(text) * MONTHS[interval], currency)
