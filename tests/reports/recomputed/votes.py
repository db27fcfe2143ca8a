"""Who might have voted, and who did, from the history of states and the payments (rule D5)."""

from calendar import monthrange
from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction

from tests.reports.recomputed.overview import WITH_STANDING
from tests.reports.recomputed.raw import Plain, Raw

TENURES = (0, 3, 12, 24)
HORIZONS = (3, 6, 12)
AMOUNTS = (0, 5, 10, 20, 50, 100, 200, 500, 1000)
Groups = dict[tuple[str, str, str], tuple[int, int]]


def with_standing(raw: Raw, at: datetime) -> set[int]:
    """Accounts whose support ran at a moment, or was only paused or being tried again."""
    state: dict[int, str] = {}
    for change in sorted(raw.changes, key=lambda row: (row.created_at, row.id)):
        if change.created_at < at:
            state[change.subscription_id] = change.to_state
    return {raw.supports[s].account_id for s, name in state.items() if name in WITH_STANDING}


def electorate(raw: Raw, at: datetime) -> set[int]:
    """Those of them for whose support money had come that was still ours."""
    went: Counter[int] = Counter()
    for each in raw.refunds:
        if each.state != "failed" and each.refunded_at and each.refunded_at < at:
            went[each.donation_id] += each.amount_minor
    paid = {
        each.account_id
        for each in raw.donations
        if each.subscription_id is not None
        and each.paid_at < at
        and went[each.id] < each.amount_minor
        and not (each.disputed_at and each.disputed_at < at)
    }
    return with_standing(raw, at) & paid


def groups(raw: Raw, held: Plain) -> Groups:
    """As a settled round's frozen rows: (might have voted, voted) by name, currency and part."""
    closes_at, voters = held.closes_at.astimezone(UTC), raw.voters(held.id)
    could = electorate(raw, closes_at) | voters
    found = {("all", "", ""): could}
    tenures, amounts = _tenures(raw, closes_at), _amounts(raw, closes_at)
    for account in could:
        found.setdefault(("tenure", "", tenures[account]), set()).add(account)
        for key in amounts.get(account, [("", "")]):
            found.setdefault(("amount", *key), set()).add(account)
    for months in HORIZONS:
        later = months_after(closes_at, months)
        if later <= raw.read_at:
            found[f"kept_{months}", "", ""] = could & with_standing(raw, later)
    return {key: (len(each), len(each & voters)) for key, each in found.items()}


def months_after(at: datetime, months: int) -> datetime:
    """The same time of the same day of another month, or of the last day of a shorter one."""
    years, month = divmod(at.month - 1 + months, 12)
    year, month = at.year + years, month + 1
    return at.replace(year=year, month=month, day=min(at.day, monthrange(year, month)[1]))


def _tenures(raw: Raw, at: datetime) -> dict[int, str]:
    """How many months ago somebody began at least, of those that are told apart."""
    began: dict[int, datetime] = {}
    for each in sorted(raw.supports.values(), key=lambda each: each.started_at):
        began.setdefault(each.account_id, each.started_at)
    edges = {months: months_after(at, -months) for months in TENURES}
    return {
        account: str(max((m for m in TENURES if first <= edges[m]), default=0))
        for account, first in began.items()
    }


def _amounts(raw: Raw, at: datetime) -> dict[int, list[tuple[str, str]]]:
    """The currencies somebody gave in, each with the band of what it was in a month."""
    worth: Counter[tuple[int, str]] = Counter()
    for move in raw.moves:
        if move.at < at:
            worth[move.account, move.currency] += move.amount
    found: dict[int, list[tuple[str, str]]] = {}
    for (account, code), value in worth.items():
        if value:
            major = Fraction(value, 1 if code == "JPY" else 100)
            band = max(edge for edge in AMOUNTS if edge <= major)
            found.setdefault(account, []).append((code, str(band)))
    return found
