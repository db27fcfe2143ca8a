"""Ghost’s export of members (Members, “Export all members”).

Whoever pays there pays through Stripe, and comes with the import from Stripe; here we learn who
wants letters and who does not.
"""

import re
from datetime import datetime

from membership.arrivals.table import Column, Row
from membership.arrivals.told import NotTakenError, Told, is_no, is_yes

COLUMNS = (
    Column("email", ("email",), is_needed=True),
    Column("newsletter", ("subscribed to emails", "subscribed"), is_needed=True),
    Column("source_id", ("id",)),
    Column("name", ("name",)),
    Column("is_complimentary", ("complimentary plan",)),
    Column("customer", ("stripe customer id",)),
    Column("deleted", ("deleted at",)),
)
# Stripe's own, which names nobody.
_CUSTOMER = re.compile(r"cus_[A-Za-z0-9]{1,40}")


def tell(row: Row, now: datetime) -> Told:
    """What a line tells; of who was deleted there, nothing of letters."""
    newsletter = None if row["deleted"] else _wants_letters(row["newsletter"])
    return Told(
        line=row.line,
        source_id=row["source_id"] or row["email"].lower(),
        email=row["email"],
        name=row["name"] or None,
        refusal=_refusal(row),
        newsletter=newsletter,
        is_unclear=newsletter is None and not row["deleted"],
        stripe_customer_id=row["customer"] or None,
    )


def _refusal(row: Row) -> NotTakenError | None:
    """Why nobody becomes a patron by this line; None for who only gets letters."""
    if row["deleted"]:
        return NotTakenError("deleted_there")
    if row["customer"]:
        is_id = _CUSTOMER.fullmatch(row["customer"])
        return NotTakenError("pays_at_stripe", row["customer"] if is_id else "")
    if is_yes(row["is_complimentary"]):
        return NotTakenError("complimentary")
    return None


def _wants_letters(said: str) -> bool | None:
    if is_yes(said):
        return True
    return False if is_no(said) else None
