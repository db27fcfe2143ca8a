"""The overview's tables and what is drawn of them."""

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from types import MappingProxyType
from urllib.parse import urlencode

from flask_babel import gettext as _

from membership.billing.models import MOVEMENTS
from membership.patrons.filters import RUNS
from membership.reports import pictures, words
from membership.reports.day_names import day_name, short_month_name
from membership.reports.figures import Figure
from membership.reports.overview.changes import Movements, rounded
from membership.reports.overview.glance import Glance, twelve_months
from membership.reports.report import Asked, Column, Table, Unit, people

TONES = MappingProxyType(
    {
        "new": "good",
        "reactivation": "coffee",
        "expansion": "chart-good",
        "contraction": "chart-doubt",
        "churn_voluntary": "bad",
        "churn_involuntary": "warning",
        "rates": "ember",
    }
)
# The address of the rows behind a figure: "moved" names a movement or all; "payments", "gifts" and
# "fees" all; of the days asked for, or of a "month" (2026-03), or in another "currency".
RowsOf = Callable[..., str]
ALL = "all"


def patrons(**filters: str) -> str:
    """The address of a list of patrons, as pages of figures, which stand beside it, see it."""
    return f"patrons?{urlencode(filters)}"


def waterfall(seen: Glance, asked: Asked, rows_of: RowsOf) -> Table:
    steps = seen.book.waterfall(asked.period)
    table = Table(
        key="waterfall",
        title=_(
            "How MRR moved from %(first)s to %(last)s",
            first=day_name(asked.period.first_day),
            last=day_name(asked.period.last_day),
        ),
        columns=(
            Column("step", _("Step"), "text"),
            Column("amount", _("MRR"), "money"),
        ),
        rows=tuple((str(words.MOVEMENT[step]), amount) for step, amount in steps),
        currency=seen.currency,
        summary=_("All steps sum to what stands at the end."),
        links=tuple(rows_of(moved=step) if step in MOVEMENTS else "" for step, _minor in steps),
    )
    tones = [TONES.get(step, "ink") for step, _amount in steps]
    return replace(table, picture=pictures.waterfall(table, "step", "amount", tones))


def years(seen: Glance, asked: Asked, rows_of: RowsOf) -> Table:
    """The last twelve months of the days asked for beside the year before."""
    rows, links = [], []
    for month, before in twelve_months(asked.period.last_day):
        now, then = seen.book.changed(month), seen.book.changed(before)
        rows.append(
            (
                month.first_day,
                seen.book.mrr(month.last_day),
                seen.book.mrr(before.last_day),
                seen.book.patrons(month.last_day),
                seen.book.patrons(before.last_day),
                rounded(now.one_time),
                rounded(then.one_time),
                rounded(now.received),
                rounded(then.received),
            )
        )
        this = f"{month.first_day:%Y-%m}"
        paid = {}
        if now.one_time_gifts:
            paid["one_time"] = rows_of(gifts=ALL, month=this)
        if now.received:
            paid["received"] = rows_of(payments=ALL, month=this)
        links.append(paid)
    table = Table(
        key="years",
        title=_("MRR of twelve months, beside the year before"),
        columns=(
            Column("month", _("Month"), "month"),
            Column("mrr", _("MRR"), "money"),
            Column("mrr_before", _("MRR the year before"), "money"),
            Column("patrons", _("Patrons")),
            Column("patrons_before", _("the year before")),
            Column("one_time", _("One-time"), "money"),
            Column("one_time_before", _("the year before"), "money"),
            Column("received", _("Received"), "money"),
            Column("received_before", _("the year before"), "money"),
        ),
        rows=tuple(rows),
        currency=seen.currency,
        summary=_("At the end of each month (UTC), or of the days asked for."),
        cell_links=tuple(links),
    )
    drawn = {"mrr": "coffee", "mrr_before": "edge"}
    return replace(table, picture=pictures.line(table, "month", drawn, short_month_name))


def patrons_of_years(seen: Glance, asked: Asked) -> Table:
    """As years(), for who does not see all: people, and no amounts."""
    table = Table(
        key="years",
        title=_("Patrons of twelve months, beside the year before"),
        columns=(
            Column("month", _("Month"), "month"),
            Column("patrons", _("Patrons")),
            Column("patrons_before", _("the year before")),
        ),
        rows=tuple(
            (
                month.first_day,
                people(seen.book.patrons(month.last_day), asked),
                people(seen.book.patrons(before.last_day), asked),
            )
            for month, before in twelve_months(asked.period.last_day)
        ),
        summary=_("At the end of each month (UTC), or of the days asked for."),
    )
    drawn = {"patrons": "coffee", "patrons_before": "edge"}
    return replace(table, picture=pictures.line(table, "month", drawn, short_month_name))


def movements(seen: Glance, asked: Asked, rows_of: RowsOf) -> Table:
    names = [each.name for each in fields(Movements)]
    months = [month for month, _before in twelve_months(asked.period.last_day)]
    changed = [seen.book.changed(month).movements for month in months]
    table = Table(
        key="movements",
        title=_("What moved MRR, month by month"),
        columns=(
            Column("month", _("Month"), "month"),
            *(Column(name, words.MOVEMENT[name], "money") for name in names),
        ),
        rows=tuple(
            (month.first_day, *(rounded(getattr(each, name)) for name in names))
            for month, each in zip(months, changed, strict=True)
        ),
        currency=seen.currency,
        links=tuple(rows_of(moved=ALL, month=f"{each.first_day:%Y-%m}") for each in months),
        cell_links=tuple(
            {
                name: rows_of(moved=name, month=f"{month.first_day:%Y-%m}")
                for name in names
                if getattr(each, name)
            }
            for month, each in zip(months, changed, strict=True)
        ),
    )
    drawn = {name: TONES[name] for name in names}
    return replace(table, picture=pictures.stacked(table, "month", drawn, short_month_name))


def _of_currencies() -> tuple[Column, ...]:
    """The figures by their keys, after the currency."""
    named: tuple[tuple[str, str, Unit], ...] = (
        ("currency", _("Currency"), "text"),
        ("patrons", _("Patrons"), "count"),
        ("mrr", _("MRR"), "money"),
        ("arr", _("ARR"), "money"),
        ("arpu", _("MRR per patron"), "money"),
        ("net_new_mrr", _("Net new MRR"), "money"),
        ("at_risk", _("MRR at risk"), "money"),
        ("scheduled_churn", _("MRR about to end"), "money"),
        ("one_time", _("One-time"), "money"),
        ("received", _("Received"), "money"),
        ("fees", _("Fees"), "money"),
        ("cash", _("Next month"), "money"),
    )
    return tuple(Column(*each) for each in named)


def currencies(seen: Iterable[Glance], asked: Asked, rows_of: RowsOf) -> Table:
    """Side by side, never added up; in their order."""
    columns = _of_currencies()
    shown = [(each.currency, each.figures(asked.period)) for each in seen]
    return Table(
        key="currencies",
        title=_("All currencies, side by side"),
        columns=columns,
        rows=tuple(
            (currency, *(figures[column.key] for column in columns[1:]))
            for currency, figures in shown
        ),
        summary=_("Currencies are never added up."),
        cell_links=tuple(_rows_behind(*row, rows_of) for row in shown),
    )


def counts(seen: Iterable[Glance], asked: Asked) -> Table:
    """As currencies(), for who does not see all: people, and no amounts."""
    columns = (
        Column("currency", _("Currency"), "text"),
        Column("patrons", _("Patrons")),
        Column("came", _("Came")),
        Column("went", _("Left or paused")),
        Column("gifts", _("One-time gifts")),
        Column("failing_patrons", _("Patrons at risk")),
        Column("leaving_patrons", _("Patrons about to leave")),
    )
    shown = [(each.currency, each.counts(asked)) for each in seen]
    return Table(
        key="currencies",
        title=_("All currencies, side by side"),
        columns=columns,
        rows=tuple(
            (currency, *(figures[column.key] for column in columns[1:]))
            for currency, figures in shown
        ),
    )


def _rows_behind(currency: str, figures: dict[str, Figure], rows_of: RowsOf) -> dict[str, str]:
    """Lists of patrons, of movements and of gifts, where there are any."""
    lists = {
        "patrons": {"state": RUNS},
        "mrr": {"state": RUNS},
        "at_risk": {"state": "past_due"},
        "scheduled_churn": {"state": "cancel_scheduled"},
    }
    links = {key: patrons(currency=currency, **filters) for key, filters in lists.items()}
    links["net_new_mrr"] = rows_of(moved=ALL, currency=currency)
    links["one_time"] = rows_of(gifts=ALL, currency=currency)
    links["received"] = rows_of(payments=ALL, currency=currency)
    links["fees"] = rows_of(fees=ALL, currency=currency)
    return {
        key: link
        for key, link in links.items()
        if link and (figures[key].denominator or figures[key].value)
    }
