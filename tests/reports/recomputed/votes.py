"""Who might have voted, and who did, from the history of states and the payments (rule D5)."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from membership.money import Money
from membership.reports.participation.groups import amount_band, months_after
from tests.reports.recomputed.overview import WITH_STANDING
from tests.reports.recomputed.raw import Raw

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


def groups(raw: Raw, closes_at: datetime, voters: set[int], now: datetime) -> Groups:
    """As the round's frozen rows: (might have voted, voted) by name, currency and part."""
    could = electorate(raw, closes_at) | voters
    found = {("all", "", ""): could}
    for account in could:
        found.setdefault(("tenure", "", _tenure(raw, account, closes_at)), set()).add(account)
        for key in _amounts(raw, account, closes_at):
            found.setdefault(("amount", *key), set()).add(account)
    for months in (3, 6, 12):
        later = months_after(closes_at, months)
        if later <= now:
            found[f"kept_{months}", "", ""] = could & with_standing(raw, later)
    return {key: (len(each), len(each & voters)) for key, each in found.items()}


def _tenure(raw: Raw, account: int, at: datetime) -> str:
    began = min(each.started_at for each in raw.supports.values() if each.account_id == account)
    return str(max(months for months in (0, 3, 12, 24) if began <= months_after(at, -months)))


def _amounts(raw: Raw, account: int, at: datetime) -> Iterable[tuple[str, str]]:
    worth: Counter[str] = Counter()
    for move in raw.moves:
        if move.account == account and move.at < at:
            worth[move.currency] += move.amount
    given = {code: value for code, value in worth.items() if value}
    for code, value in given.items():
        yield code, str(amount_band(Money(value, code).major))
    if not given:
        yield "", ""
