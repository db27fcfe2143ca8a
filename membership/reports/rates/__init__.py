"""Daily exchange rates of the euro: bringing them in, and asking for those of a day.

A day without a rate, such as a Sunday, has that of the last day before it that has one; days
before a currency's first rate have the first.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Date, Numeric, String, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.reports.models import ExchangeRate, RunningFigures
from membership.reports.rates.files import NotRatesError, Rate, read

EURO = "EUR"


@dataclass(frozen=True)
class Kept:
    """What bringing a file in did: `written` of its `rates` were new or differed."""

    rates: int
    written: int
    currencies: tuple[str, ...]
    newest: date


@dataclass(frozen=True)
class Rates:
    """Rates of some currencies on some days; `newest` is each currency's newest day with one."""

    per_euro: Mapping[tuple[str, date], Decimal]
    newest: Mapping[str, date]

    def has(self, currency: str) -> bool:
        return currency == EURO or currency in self.newest

    def on(self, currency: str, day: date) -> Decimal:
        """KeyError for a currency or day that was not asked for, or has no rate."""
        return Decimal(1) if currency == EURO else self.per_euro[currency, day]


def bring_in(session: Session, content: bytes, name: str, actor_id: int | None = None) -> Kept:
    """Keep a file's rates of our currencies; those that stand here already stay. May run twice.

    Raises NotRatesError when it is none, has no currency of ours, or tells of days to come;
    nothing is changed then.
    """
    wanted = ours(session)
    found = {(each.currency, each.day): each for each in read(content) if each.currency in wanted}
    if not found:
        raise NotRatesError(
            _("It has no rate of our currencies: %(codes)s.", codes=", ".join(wanted))
        )
    newest = max(day for _currency, day in found)
    if newest > clock.now().date():
        raise NotRatesError(_("It tells of %(day)s, which is still to come.", day=newest))
    written = _write(session, list(found.values()))
    kept = Kept(len(found), written, tuple(sorted({code for code, _day in found})), newest)
    audit.record(
        session,
        "rates.imported",
        "rates",
        actor_id=actor_id,
        file=name[:200],
        rates=kept.rates,
        written=kept.written,
        currencies=list(kept.currencies),
    )
    return kept


def ours(session: Session) -> list[str]:
    """Currencies that have a rate: those we take or took, but the euro."""
    took = session.scalars(select(RunningFigures.currency).distinct())
    return sorted({*settings().currencies, *took} - {EURO, ""})


def _write(session: Session, rates: Sequence[Rate]) -> int:
    columns = (
        ("currency", String, [each.currency for each in rates]),
        ("day", Date, [each.day for each in rates]),
        ("per_euro", Numeric, [each.per_euro for each in rates]),
    )
    lists = func.unnest(*(cast(values, ARRAY(kind)) for _name, kind, values in columns))
    named = (column(name, kind) for name, kind, _values in columns)
    given = lists.table_valued(*named).render_derived()
    new = insert(ExchangeRate).from_select(
        [name for name, _kind, _values in columns], select(given)
    )
    written = new.on_conflict_do_update(
        index_elements=[ExchangeRate.currency, ExchangeRate.day],
        set_={"per_euro": new.excluded.per_euro},
        where=ExchangeRate.per_euro != new.excluded.per_euro,
    ).returning(ExchangeRate.day)
    return session.scalars(select(func.count()).select_from(written.cte())).one()


def rates(
    session: Session, currencies: Collection[str], days: Iterable[date], today: date
) -> Rates:
    """Those of `currencies` on `days` and today, in one query."""
    codes, asked = _listed(sorted(currencies), String), _listed(sorted({*days, today}), Date)
    newest = select(func.max(ExchangeRate.day)).where(ExchangeRate.currency == codes.c.value)
    rows = session.execute(
        select(
            codes.c.value,
            asked.c.value,
            rate_on(codes.c.value, asked.c.value),
            newest.scalar_subquery(),
        ).select_from(codes.join(asked, true()))
    ).all()
    return Rates(
        per_euro={(row[0], row[1]): row[2] for row in rows if row[3]},
        newest={row[0]: row[3] for row in rows if row[3]},
    )


def _listed(values: Sequence[Any], kind: Any) -> Any:
    """SQL: `values` as rows of a column, "value"."""
    return (
        func.unnest(cast(values, ARRAY(kind))).table_valued(column("value", kind)).render_derived()
    )


def rate_on(currency: Any, day: Any) -> Any:
    """SQL: how much of a currency one euro was worth on a day; 1 for what has no rate at all."""
    own = select(ExchangeRate.per_euro).where(ExchangeRate.currency == currency)
    last = own.where(ExchangeRate.day <= day).order_by(ExchangeRate.day.desc()).limit(1)
    first = own.order_by(ExchangeRate.day).limit(1)
    return func.coalesce(last.scalar_subquery(), first.scalar_subquery(), 1)
