"""Who is found by each filter of the list of patrons, from plain rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from config.settings import settings
from membership.money import from_major
from tests.reports.recomputed.raw import Plain, Raw, day_of

STANDING = {"active": "current", "cancel_scheduled": "current", "past_due": "grace",
            "paused": "grace", "ended": "lapsed", "incomplete": "lapsed"}  # fmt: skip


@dataclass(frozen=True)
class Giver:
    """`support` is what runs, or else what ran last; who has none has the currency of a gift."""

    account: int
    support: Plain | None
    since: date
    gift_currency: str

    @property
    def standing(self) -> str:
        return STANDING[self.support.state] if self.support else "once"

    @property
    def currency(self) -> str:
        return self.support.currency if self.support else self.gift_currency


def givers(raw: Raw) -> list[Giver]:
    rows: dict[int, tuple[list[Plain], list[Plain]]] = {}
    for number, some in enumerate((raw.supports.values(), raw.donations)):
        for each in some:
            rows.setdefault(each.account_id, ([], []))[number].append(each)
    return [_giver(account, *both) for account, both in rows.items()]


def _giver(account: int, supports: list[Plain], gifts: list[Plain]) -> Giver:
    began = [each.started_at for each in supports] or [each.paid_at for each in gifts]
    return Giver(
        account=account,
        support=max(supports, key=lambda each: (not each.ended_at, each.started_at), default=None),
        since=day_of(min(began)),
        gift_currency=max(gifts, key=lambda each: each.paid_at).currency,
    )


def tests(raw: Raw) -> dict[tuple[str, Any], Callable[[Giver], bool]]:
    """By name and value of a filter, whether somebody is found."""
    found: dict[tuple[str, Any], Callable[[Giver], bool]] = {}
    for standing in ("current", "grace", "lapsed", "once"):
        found["standing", standing] = lambda each, value=standing: each.standing == value
    for column, values in (
        ("state", STANDING),
        ("interval", ("month", "year")),
    ):
        for value in values:
            found[column, value] = lambda each, column=column, value=value: (
                each.support is not None and getattr(each.support, column) == value
            )
    for code in raw.currencies:
        found["currency", code] = lambda each, code=code: each.currency == code
    for tier in ("coffee", "lunch", "dinner"):
        found["tier", tier] = lambda each, tier=tier: _tier(each.support) == tier
    day = date(2025, 4, 30)
    found["since", day] = lambda each: each.since >= day
    found["until", day] = lambda each: each.since <= day
    return found


def _tier(support: Plain | None) -> str | None:
    """The highest that the amount reaches; of a yearly amount, a twelfth counts."""
    reached = None
    if support is not None:
        for tier in settings().tiers.get(support.currency, ()):
            least = from_major(tier.amount, support.currency).minor
            if support.amount_minor >= least * (12 if support.interval == "year" else 1):
                reached = tier.name
    return reached
