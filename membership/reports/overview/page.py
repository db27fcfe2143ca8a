"""The newsroom at a glance: one currency, or all of them converted into euro (D1, D6, D7).

Built in a constant number of queries, from daily rollups and what was counted with them.
"""

from dataclasses import dataclass
from datetime import date

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from membership.patrons.filters import RUNS
from membership.reports import rollups
from membership.reports.day_names import day_name
from membership.reports.figures import Figure, part_of
from membership.reports.overview import agreement, tables
from membership.reports.overview.changes import Changes, rounded
from membership.reports.overview.glance import Glance, Glances, look
from membership.reports.overview.running import Difference, disagreements
from membership.reports.periods import DAY, Period
from membership.reports.report import Asked, Report, Table, Tile
from membership.web.pages import show_money, show_number

# In the order of the page.
TILES = (
    "patrons",
    "mrr",
    "arr",
    "net_new_mrr",
    "arpu",
    "one_time",
    "received",
    "fees",
    "at_risk",
    "scheduled_churn",
    "cash",
)
# For who does not see all; they are in no amount.
COUNTS = ("patrons", "came", "went", "gifts", "failing_patrons", "leaving_patrons")
# Flows are compared with the year before, what stands with the day before the period.
_FLOWS = ("net_new_mrr", "one_time", "received", "fees")
_STANDS = ("mrr", "arr", "arpu")
# What is counted as it is today, whatever the days.
_NOW = ("patrons", "at_risk", "scheduled_churn", "failing_patrons", "leaving_patrons")


@dataclass(frozen=True, kw_only=True)
class Overview(Report):
    """The report, and what its page says above it.

    `disagreements` are currencies whose books do not agree, `without_rate` those that are not in
    converted figures; `newest_rate` is the day of the newest rate in them.
    """

    disagreements: tuple[Difference, ...]
    without_rate: tuple[str, ...] = ()
    newest_rate: date | None = None


def _nowhere(**_what: str) -> str:
    return ""


def build(session: Session, asked: Asked, rows_of: tables.RowsOf = _nowhere) -> Overview:
    """Who does not see all gets how many gave, and no amount of anything (rules S8, S10).

    `rows_of` is where the rows behind a figure stand, for who sees all: see overview.tables.
    """
    seen = look(session, asked)
    wrong = tuple(disagreements({each.currency: each.running for each in seen.currencies}))
    return Overview(
        tiles=_tiles(seen, asked, rows_of) if seen.currencies else (),
        tables=_tables(session, seen, asked, wrong, rows_of) if seen.currencies else (),
        as_of=rollups.rebuilt_at(session),
        sentence=_sentence(seen.chosen, asked) if seen.currencies else "",
        disagreements=wrong,
        without_rate=seen.without_rate,
        newest_rate=seen.newest_rate,
    )


def _tables(
    session: Session,
    seen: Glances,
    asked: Asked,
    wrong: tuple[Difference, ...],
    rows_of: tables.RowsOf,
) -> tuple[Table, ...]:
    if not asked.sees_all:
        return (tables.patrons_of_years(seen.chosen, asked), tables.counts(seen.currencies, asked))
    # No row is in another currency than its own.
    of_chosen = _nowhere if asked.is_converted else rows_of
    return (
        *agreement.unbalanced_support(session, wrong),
        *agreement.differences(session),
        tables.waterfall(seen.chosen, asked, of_chosen),
        tables.years(seen.chosen, asked, of_chosen),
        tables.movements(seen.chosen, asked, of_chosen),
        tables.currencies(seen.currencies, asked, rows_of),
        agreement.invariant(seen.currencies, wrong),
    )


def _tiles(seen: Glances, asked: Asked, rows_of: tables.RowsOf) -> tuple[Tile, ...]:
    notes = _notes(seen, asked)
    if not asked.sees_all:
        counts = seen.chosen.counts(asked)
        return tuple(Tile(key, counts[key], note=notes.get(key, "")) for key in COUNTS)
    figures = seen.chosen.figures(asked.period)
    changes, behind = _changes(seen.chosen, asked), _behind(seen, asked, rows_of)
    return tuple(
        Tile(
            key=key,
            figure=figures[key],
            unit="count" if key == "patrons" else "money",
            change=changes.get(key),
            note=notes.get(key, ""),
            behind=behind.get(key, ""),
        )
        for key in TILES
    )


def _changes(glance: Glance, asked: Asked) -> dict[str, Figure]:
    """By how much a figure is more than it was: see _FLOWS and _STANDS."""
    now = glance.figures(asked.period)
    eve = asked.period.first_day - DAY
    then = glance.figures(Period(eve, eve))
    year_before = glance.figures(asked.period.a_year_before())
    then |= {key: year_before[key] for key in _FLOWS}
    changed = glance.book.changed(asked.period)
    came = changed.new_patrons - changed.lost_patrons
    # Patrons are those of today, whatever the days.
    is_now = asked.period.last_day == asked.today
    return ({"patrons": Figure(came)} if is_now else {}) | {
        key: Figure(now[key].value - then[key].value)  # type: ignore[operator]
        for key in (*_STANDS, *_FLOWS)
        if now[key].computable and then[key].computable
    }


def _notes(seen: Glances, asked: Asked) -> dict[str, str]:
    """A few words beside each figure; none of them has an amount."""
    glance, day = seen.chosen, asked.period.last_day
    changed = glance.book.changed(asked.period)
    success, now = glance.success, glance.running
    notes = {
        "one_time": ngettext(
            "%(number)s gift",
            "%(number)s gifts",
            changed.one_time_gifts,
            number=show_number(changed.one_time_gifts),
        ),
        "fees": ngettext(
            "known of %(known)s of %(number)s payment",
            "known of %(known)s of %(number)s payments",
            changed.payments,
            known=show_number(changed.payments_with_fee),
            number=show_number(changed.payments),
        ),
        "at_risk": _patrons(now.number("past_due")),
        "scheduled_churn": _patrons(now.number("cancel_scheduled")),
        "cash": _("no renewal yet to measure by"),
    }
    if not asked.is_converted:
        notes["patrons"] = _("%(number)s in all currencies", number=show_number(seen.patrons))
    if day < asked.today:
        notes |= {key: _today(notes.get(key)) for key in _NOW}
        notes["mrr"] = _("at the end of %(day)s", day=day_name(day))
    if success.denominator:
        notes["cash"] = ngettext(
            "%(paid)s of %(number)s renewal was paid in three months",
            "%(paid)s of %(number)s renewals were paid in three months",
            success.denominator,
            paid=show_number(part_of(success)),
            number=show_number(success.denominator),
        )
    return notes


def _today(note: str | None) -> str:
    return _("today; %(note)s", note=note) if note else str(_("today"))


def _patrons(number: int) -> str:
    said = ngettext("%(number)s patron", "%(number)s patrons", number, number=show_number(number))
    return str(said)


def _behind(seen: Glances, asked: Asked, rows_of: tables.RowsOf) -> dict[str, str]:
    """The rows behind a figure, where there is a list of them; else the table it stands in."""
    one = {} if asked.is_converted else {"currency": seen.chosen.currency}
    return {
        "patrons": tables.patrons(state=RUNS, **one),
        "mrr": "#years",
        "arr": "#years",
        "arpu": "#currencies",
        "net_new_mrr": "#waterfall",
        "received": "#years" if asked.is_converted else rows_of(payments=tables.ALL),
        "fees": "#currencies" if asked.is_converted else rows_of(fees=tables.ALL),
        "cash": "#currencies",
        "at_risk": tables.patrons(state="past_due", **one),
        "scheduled_churn": tables.patrons(state="cancel_scheduled", **one),
        "one_time": "#years" if asked.is_converted else rows_of(gifts=tables.ALL),
    }


def _sentence(glance: Glance, asked: Asked) -> str:
    """What changed since yesterday began."""
    yesterday = asked.today - DAY
    changed = glance.book.changed(Period(yesterday, asked.today))
    if changed == Changes():
        return str(_("Nothing has changed since yesterday."))
    came = ngettext(
        "%(number)s patron came",
        "%(number)s patrons came",
        changed.new_patrons,
        number=show_number(changed.new_patrons),
    )
    gone = changed.lost_patrons
    left = ngettext(
        "%(number)s left or paused",
        "%(number)s left or paused",
        gone,
        number=show_number(gone),
    )
    if not asked.sees_all:
        return str(_("Since yesterday began, %(came)s and %(left)s.", came=came, left=left))
    before, now = glance.book.mrr(yesterday - DAY), glance.book.mrr(asked.today)
    return str(
        _(
            "Since yesterday began, %(came)s and %(left)s; MRR went from %(before)s to %(now)s, "
            "and %(received)s were received.",
            came=came,
            left=left,
            before=show_money(before, glance.currency),
            now=show_money(now, glance.currency),
            received=show_money(rounded(changed.received), glance.currency),
        )
    )
