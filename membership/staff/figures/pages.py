"""Pages of figures: one way to ask, one way to show, one way to take along as CSV."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Response, abort, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.db import transaction
from membership.reports import periods
from membership.reports.definitions import DEFINITIONS
from membership.reports.models import DailyFigures
from membership.reports.periods import Period
from membership.reports.rates import EURO
from membership.reports.report import Asked, Report
from membership.staff.figures import cells
from membership.staff.room import FINANCE, blueprint, me
from membership.web import access
from membership.web.download import download
from membership.web.spreadsheet import file_of

USUAL_PERIOD = "12_months"
# What a page is asked by, beside what its own address names.
ASKED_BY = ("period", "from", "to", "shown", "currency")
# The period of days that somebody typed.
OWN = "own"
# Stands for a currency in the address of a page that converts.
IN_EURO = "in-euro"


@dataclass(frozen=True)
class Listed:
    """The people behind a figure as a file: `name` says which, the first line heads the others."""

    name: str
    lines: Iterable[Sequence[str]]


@dataclass(frozen=True)
class Page:
    """A page of figures at /staff/<name>; `build` asks a constant number of queries.

    Each of its tables is had as CSV at /staff/<name>/<key of the table>.csv. `roles` may see it
    (none named: all staff). One that `converts` also offers all currencies in euro, to those who
    see all. `beside` is what a template of its own shows beside the report; the list among it is
    had as CSV at /staff/<name>/people.csv, where `listed` makes it.
    """

    name: str
    title: Any
    lead: Any
    build: Callable[[Session, Asked], Report]
    roles: tuple[str, ...] = ()
    template: str = "staff/report.html"
    usual_period: str = USUAL_PERIOD
    converts: bool = False
    beside: Callable[[Session, Asked], Mapping[str, Any]] = lambda _session, _asked: {}
    listed: Callable[[Session, Asked], Listed] | None = None

    def report(self, session: Session, asked: Asked) -> Report:
        """What whoever asks may see of it."""
        return self.build(session, asked).seen_by(asked)


@dataclass(frozen=True)
class Question:
    """What was asked for, and what could be asked for instead; `name` is "own" for own days.

    `is_understood` is False where own days make no sense and the usual ones are shown.
    """

    asked: Asked
    name: str
    is_understood: bool
    currencies: tuple[str, ...]
    offers_euro: bool = False


def add(page: Page, rule: str = "") -> None:
    """Register a page and its CSV; the page's endpoint is staff.<name>."""

    def show() -> tuple[str, int]:
        with transaction() as session:
            question = _question(session, page)
            report = page.report(session, question.asked)
            text = render_template(
                page.template,
                page=page,
                report=report,
                question=question,
                shown=cells.shown,
                currency_of=cells.currency_of,
                definitions=DEFINITIONS,
                **page.beside(session, question.asked),
            )
        return text, 200 if question.is_understood else 400

    def csv(table: str) -> Response:
        with transaction() as session:
            asked = _question(session, page).asked
            found = [each for each in page.report(session, asked).tables if each.key == table]
            if not found:
                abort(404)
            name = f"{page.name}-{table}-{asked.period.first_day}-{asked.period.last_day}.csv"
            return download(file_of(cells.lines(found[0])), "text/csv; charset=utf-8", name)

    guard = access.staff(*page.roles)
    blueprint.add_url_rule(rule or f"/{page.name}", page.name, guard(show))
    blueprint.add_url_rule(f"/{page.name}/<table>.csv", f"{page.name}_csv", guard(csv))
    if page.listed is not None:
        _add_list(page, page.listed)


def _add_list(page: Page, listed: Callable[[Session, Asked], Listed]) -> None:
    def people() -> Response:
        with transaction() as session:
            made = listed(session, _question(session, page).asked)
            lines = list(made.lines)
            name = f"{page.name}-{made.name}"
            audit.record(session, "people.exported", name, actor_id=me().id, rows=len(lines) - 1)
        return download(file_of(lines), "text/csv; charset=utf-8", f"{name}.csv")

    guard = access.staff(*FINANCE)
    blueprint.add_url_rule(f"/{page.name}/people.csv", f"{page.name}_people", guard(people))


def csv_of(page: Page, table: str) -> str:
    """The address of a table's CSV, asked for as the page is."""
    return url_for(f"staff.{page.name}_csv", table=table, **asked_in_address())


def month_asked_for(name: str) -> Period | None:
    """A month (2026-03) that stands in the address; None when there is none, or nonsense."""
    try:
        return periods.month(request.args.get(name, ""))
    except ValueError:
        return None


def asked_in_address() -> dict[str, Any]:
    """What the page was asked for, to ask for the like; other names would be url_for()'s own."""
    return {name: request.args[name] for name in ASKED_BY if name in request.args}


blueprint.add_app_template_global(csv_of)


def _question(session: Session, page: Page) -> Question:
    """From the address of the page. What makes no sense there is left out."""
    today = clock.now().date()
    currencies, beginning = _known(session, today)
    name, period, is_understood = _period(page, today, beginning)
    currency = request.args.get("currency", "")
    sees_all = access.has_role(*FINANCE)
    # Who sees no amounts has none to convert.
    offers_euro = page.converts and sees_all
    is_converted = offers_euro and currency == IN_EURO
    chosen = EURO if is_converted else currency if currency in currencies else currencies[0]
    return Question(
        asked=Asked(today, period, chosen, sees_all, is_converted),
        name=name,
        is_understood=is_understood,
        currencies=currencies,
        offers_euro=offers_euro,
    )


def _period(page: Page, today: date, beginning: date) -> tuple[str, Period, bool]:
    """Its name, its days, and whether that is what was asked for.

    Days that somebody typed win over a name that was left standing beside them. The form says which
    days it showed; where they came back as they were, nobody typed.
    """
    own = request.args.get("from", ""), request.args.get("to", "")
    name = request.args.get("period", page.usual_period)
    if any(own) and "/".join(own) != request.args.get("shown"):
        name = OWN
    try:
        if name == OWN:
            return name, periods.between(*own).until_day(today), True
        return name, periods.named(name, today, beginning), True
    except ValueError:
        usual = page.usual_period
        return usual, periods.named(usual, today, beginning), name != OWN


def _known(session: Session, today: date) -> tuple[tuple[str, ...], date]:
    """Currencies, that with most patrons first, and the day of the first figure."""
    running = func.sum(DailyFigures.new_patrons - DailyFigures.lost_patrons)
    rows = session.execute(
        select(DailyFigures.currency, func.min(DailyFigures.day))
        .group_by(DailyFigures.currency)
        .order_by(running.desc(), DailyFigures.currency)
    ).all()
    if not rows:
        return (settings().currencies[0],), today
    return tuple(row[0] for row in rows), min(row[1] for row in rows)
