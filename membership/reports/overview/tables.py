"""The overview's tables and what is drawn of them."""

from collections.abc import Iterable
from dataclasses import fields, replace
from types import MappingProxyType
from urllib.parse import urlencode

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.billing.comparison.models import Difference as StripeDifference
from membership.reports import pictures, stripe_words, words
from membership.reports.day_names import day_name, short_month_name
from membership.reports.figures import Figure
from membership.reports.overview.changes import Movements, rounded
from membership.reports.overview.glance import Glance, twelve_months
from membership.reports.overview.running import Difference, unbalanced
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
SHOWN_DIFFERENCES = 10


def patrons(**filters: str) -> str:
    """The address of a list of patrons, as pages of figures, which stand beside it, see it."""
    return f"patrons?{urlencode(filters)}"


def waterfall(seen: Glance, asked: Asked) -> Table:
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
    )
    tones = [TONES.get(step, "ink") for step, _amount in steps]
    return replace(table, picture=pictures.waterfall(table, "step", "amount", tones))


def years(seen: Glance, asked: Asked) -> Table:
    """The last twelve months of the days asked for beside the year before."""
    rows = []
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


def movements(seen: Glance, asked: Asked) -> Table:
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


def currencies(seen: Iterable[Glance], asked: Asked) -> Table:
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
        cell_links=tuple(_rows_behind(*row) for row in shown),
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


def _rows_behind(currency: str, figures: dict[str, Figure]) -> dict[str, str]:
    """Lists of patrons, where there are any."""
    lists = {
        "patrons": {"standing": "current"},
        "mrr": {"standing": "current"},
        "at_risk": {"state": "past_due"},
        "scheduled_churn": {"state": "cancel_scheduled"},
        "one_time": {"standing": "once"},
    }
    return {
        key: patrons(currency=currency, **filters)
        for key, filters in lists.items()
        if figures[key].value
    }


def invariant(seen: Iterable[Glance], wrong: tuple[Difference, ...]) -> Table:
    """The ledger against what runs, by currency."""
    return Table(
        key="invariant",
        title=_("The books do not agree") if wrong else _("The books agree in every currency"),
        columns=(
            Column("currency", _("Currency"), "text"),
            Column("ledger", _("Sum of the ledger"), "money"),
            Column("running", _("Worth of running support"), "money"),
            Column("difference", _("Difference"), "money"),
        ),
        rows=tuple(
            (each.currency, ledger, worth, ledger - worth)
            for each in seen
            for ledger, worth in [(each.running.minor("ledger"), each.running.mrr)]
        ),
        behind="differences",
    )


def behind_the_difference(session: Session, wrong: tuple[Difference, ...]) -> Iterable[Table]:
    """The support whose entries do not sum to its worth, where the books disagree."""
    found = unbalanced(session, [each.currency for each in wrong])
    if found:
        yield Table(
            key="unbalanced",
            title=_("Support whose ledger does not sum to its worth"),
            columns=(
                Column("subscription", _("Support"), "text"),
                Column("currency", _("Currency"), "text"),
                Column("ledger", _("Sum of the ledger"), "money"),
                Column("running", _("Worth of running support"), "money"),
            ),
            rows=tuple(
                (f"#{row['id']}", row["currency"], row["ledger_minor"], row["running_minor"])
                for row in found
            ),
            links=tuple(f"patrons/{row['account_id']}" for row in found),
        )


def differences(session: Session) -> Iterable[Table]:
    """What the nightly comparison could not repair, if anything."""
    found = session.execute(
        select(
            StripeDifference.created_at,
            StripeDifference.kind,
            StripeDifference.stripe_id,
            StripeDifference.account_id,
        )
        .where(StripeDifference.repaired_at.is_(None))
        .order_by(StripeDifference.id.desc())
        .limit(SHOWN_DIFFERENCES)
    ).all()
    if found:
        yield Table(
            key="differences",
            title=_("Differences from Stripe that could not be repaired"),
            columns=(
                Column("stripe_id", _("Id at Stripe"), "text"),
                Column("kind", _("What"), "text"),
                Column("day", _("Found"), "day"),
            ),
            rows=tuple(
                (row.stripe_id, str(stripe_words.DIFFERENCE[row.kind]), row.created_at.date())
                for row in found
            ),
            links=tuple(f"patrons/{row.account_id}" if row.account_id else "" for row in found),
            behind="differences?state=open",
        )
