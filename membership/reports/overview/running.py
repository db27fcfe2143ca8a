"""What runs now, and whether the books agree about it (rules D1 and D7)."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.orm import Session

from membership.billing.models import Subscription
from membership.billing.standing import PATRON_STATES
from membership.reports.models import RunningFigures
from membership.reports.rollups.running import PARTS, WORTH

# States whose worth is part of MRR.
_WORTH_SOMETHING = ("active", "past_due", "cancel_scheduled")
SHOWN_UNBALANCED = 50


@dataclass(frozen=True)
class Running:
    """By part, as RunningFigures names them; amounts are minor units, sums of MRR for states."""

    numbers: dict[str, int]
    amounts: dict[str, int]

    def number(self, part: str) -> int:
        return self.numbers.get(part, 0)

    def minor(self, part: str) -> int:
        return self.amounts.get(part, 0)

    @property
    def mrr(self) -> int:
        return sum(self.minor(state) for state in _WORTH_SOMETHING)

    def renews(self, month: date) -> tuple[int, int]:
        """(payments, minor units) that are due in a month to come."""
        parts = ("renews", f"renews {month:%Y-%m}")
        return sum(map(self.number, parts)), sum(map(self.minor, parts))


NOTHING = Running({}, {})


@dataclass(frozen=True)
class Difference:
    """A currency whose ledger does not sum to its running subscriptions (rule D7)."""

    currency: str
    ledger_minor: int
    running_minor: int


def running(session: Session) -> dict[str, Running]:
    """By currency, as of the newest rollup; all patrons under an empty one."""
    rows = session.execute(
        select(
            RunningFigures.currency,
            RunningFigures.part,
            RunningFigures.number,
            RunningFigures.minor,
        )
    )
    return _by_currency(rows)


def differences(session: Session) -> list[Difference]:
    """Currencies in which the ledger and the running subscriptions disagree now; best none.

    Asks every subscription and entry: for tests and commands, not for pages.
    """
    return disagreements(_by_currency(session.execute(text(PARTS))))


def disagreements(found: dict[str, Running]) -> list[Difference]:
    return [
        Difference(currency, each.minor("ledger"), each.mrr)
        for currency, each in sorted(found.items())
        if each.minor("ledger") != each.mrr
    ]


def unbalanced(session: Session, currencies: Collection[str]) -> list[RowMapping]:
    """Subscriptions whose ledger does not sum to their worth: id, account_id, currency,
    ledger_minor and running_minor. The first SHOWN_UNBALANCED of these currencies.
    """
    if not currencies:
        return []
    rows = session.execute(
        text(
            f"""
            SELECT subscription.id, subscription.account_id, subscription.currency,
                coalesce(ledger.minor, 0) AS ledger_minor, {WORTH} AS running_minor
            FROM subscription LEFT JOIN (
                SELECT subscription_id, sum(amount_minor)::bigint AS minor
                FROM ledger_entry GROUP BY subscription_id
            ) AS ledger ON ledger.subscription_id = subscription.id
            WHERE subscription.currency = ANY(:currencies)
                AND coalesce(ledger.minor, 0) <> {WORTH}
            ORDER BY subscription.id LIMIT {SHOWN_UNBALANCED}
            """
        ),
        {"currencies": list(currencies)},
    )
    return list(rows.mappings())


def count_patrons(session: Session) -> int:
    """Accounts with standing, counted one by one."""
    counted = select(func.count(Subscription.account_id.distinct()))
    return session.scalars(counted.where(Subscription.state.in_(PATRON_STATES))).one()


def _by_currency(rows: Iterable[Any]) -> dict[str, Running]:
    found: dict[str, Running] = defaultdict(lambda: Running({}, {}))
    for currency, part, number, minor in rows:
        found[currency].numbers[part] = number
        found[currency].amounts[part] = minor
    return dict(found)
