"""The people behind the figures as lines of CSV: one heads the others, then a line each.

Times are ISO 8601, money is in major units beside its currency; no cell is taken for a formula.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from membership.accounts.models import Account
from membership.money import Money
from membership.reports.acquisition.behind import Paid
from membership.reports.overview.behind import Moved, Payment
from membership.reports.recovery.at_risk import AtRisk
from membership.reports.recovery.cards import Expiring
from membership.reports.retention.behind import Began, Left
from membership.reports.retention.leavers import Said
from membership.web.spreadsheet import plain_text

# So many rows are asked for at a time.
AT_ONCE = 5000
Line = list[str]


def failed(rows: Iterable[AtRisk]) -> Iterator[Line]:
    yield [
        *("name", "email", "amount", "currency", "failed_at", "code", "kind", "attempts"),
        *("letters", "link_used_at", "own_act_at", "next_attempt_at", "next_letter_at"),
        *("recovered_at", "recovered_by", "given_up_at"),
    ]
    for row in rows:
        dunning = row.dunning
        yield [
            *_who(row.account),
            _money(dunning.amount_minor, dunning.currency),
            dunning.currency,
            _time(dunning.failed_at),
            dunning.decline_code or "",
            dunning.kind,
            str(dunning.attempts),
            str(dunning.letters),
            _time(dunning.link_used_at),
            _time(dunning.own_act_at),
            _time(dunning.next_attempt_at),
            _time(dunning.next_letter_at),
            _time(dunning.recovered_at),
            dunning.recovered_by or "",
            _time(dunning.given_up_at),
        ]


def cards(rows: Iterable[Expiring]) -> Iterator[Line]:
    yield ["name", "email", "last_day_of_card", "amount", "interval", "currency"]
    for row in rows:
        support = row.subscription
        yield [
            *_who(row.account),
            row.last_day.isoformat(),
            _money(support.amount_minor, support.currency),
            support.interval,
            support.currency,
        ]


def began(rows: Iterable[Began], currency: str) -> Iterator[Line]:
    yield ["name", "email", "began_at", "began_mrr", "mrr", "currency"]
    for row in rows:
        amounts = (_money(minor, currency) for minor in (row.began_minor, row.mrr_minor))
        yield [*_who(row.account), _time(row.at), *amounts, currency]


def left(rows: Iterable[Left], currency: str) -> Iterator[Line]:
    yield ["name", "email", "left_at", "how", "reason", "mrr", "currency"]
    for row in rows:
        lost = _money(row.mrr_minor, currency)
        yield [
            *_who(row.account),
            _time(row.at),
            row.end_reason,
            row.reason or "",
            lost,
            currency,
        ]


def moved(rows: Iterable[Moved], currency: str) -> Iterator[Line]:
    yield ["name", "email", "at", "movement", "mrr", "currency"]
    for row in rows:
        mrr = _money(row.amount_minor, currency)
        yield [*_who(row.account), _time(row.at), row.movement, mrr, currency]


def payments(rows: Iterable[Payment]) -> Iterator[Line]:
    yield ["name", "email", "at", "what", "amount", "currency", "fee", "fee_currency"]
    for row in rows:
        amount = _money(row.amount_minor, row.currency)
        fee = ("", "")
        if row.fee_minor is not None and row.fee_currency is not None:
            fee = _money(row.fee_minor, row.fee_currency), row.fee_currency
        yield [*_who(row.account), _time(row.at), row.kind, amount, row.currency, *fee]


def paid(rows: Iterable[Paid]) -> Iterator[Line]:
    yield ["name", "email", "paid_at", "amount", "interval", "currency"]
    for row in rows:
        page = row.checkout
        amount = _money(page.amount_minor, page.currency)
        when = _time(page.completed_at)
        yield [*_who(row.account), when, amount, page.interval, page.currency]


def words(rows: Iterable[Said]) -> Iterator[Line]:
    yield ["name", "email", "said_at", "reason", "support", "words"]
    for row in rows:
        said = row.leaving
        yield [
            *_who(row.account),
            _time(said.created_at),
            said.reason,
            row.subscription.state,
            plain_text(said.comment or ""),
        ]


def _who(account: Account) -> tuple[str, str]:
    return plain_text(account.name or ""), plain_text(account.email)


def _time(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def _money(minor: int, currency: str) -> str:
    return f"{Money(minor, currency).major:f}"
