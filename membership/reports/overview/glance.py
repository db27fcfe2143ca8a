"""What the overview looks at: each currency's book and what runs in it, and all of them in euro."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Session

from membership.reports.figures import Figure, average
from membership.reports.overview import cash
from membership.reports.overview.books import Cuts, converted, read, scale
from membership.reports.overview.changes import Book, rounded
from membership.reports.overview.running import NOTHING, Running, running
from membership.reports.periods import DAY, MONTHS_OF_YEAR, Period, months_later
from membership.reports.rates import EURO, Rates, rates
from membership.reports.report import Asked, discreet

EVERYONE = ""


@dataclass(frozen=True)
class Glance:
    """One currency, or all that have a rate; `success` is the share of renewals paid lately, and
    `cash` what is expected of those of next month."""

    currency: str
    book: Book
    running: Running
    success: Figure
    cash: Figure

    def figures(self, period: Period) -> dict[str, Figure]:
        """By key of the definitions: at the end of a period, in it, or now."""
        changed = self.book.changed(period)
        mrr, patrons = self.book.mrr(period.last_day), self.book.patrons(period.last_day)
        return {
            "patrons": Figure(self.running.number("patrons")),
            "mrr": Figure(mrr, denominator=patrons),
            "arr": Figure(mrr * MONTHS_OF_YEAR, denominator=patrons),
            "arpu": average(mrr, patrons),
            "net_new_mrr": Figure(
                rounded(changed.movements.net),
                denominator=changed.new_patrons + changed.lost_patrons,
            ),
            "one_time": Figure(rounded(changed.one_time), denominator=changed.one_time_gifts),
            "received": Figure(
                rounded(changed.received), denominator=patrons + changed.one_time_gifts
            ),
            "fees": Figure(rounded(changed.fee), denominator=changed.fees),
            "at_risk": self._of_state("past_due"),
            "scheduled_churn": self._of_state("cancel_scheduled"),
            "cash": self.cash,
        }

    def counts(self, asked: Asked) -> dict[str, Figure]:
        """By key of the definitions, for who does not see all: now, or in the days asked for."""
        changed, now = self.book.changed(asked.period), self.running
        groups = {
            "patrons": now.number("patrons"),
            "failing_patrons": now.number("past_due"),
            "leaving_patrons": now.number("cancel_scheduled"),
        }
        events = {
            "came": changed.new_patrons,
            "went": changed.lost_patrons,
            "gifts": changed.one_time_gifts,
        }
        hidden = {
            key: discreet(Figure(count, denominator=count), asked) for key, count in groups.items()
        }
        return hidden | {key: Figure(count) for key, count in events.items()}

    def _of_state(self, state: str) -> Figure:
        return Figure(self.running.minor(state), denominator=self.running.number(state))


@dataclass(frozen=True)
class Glances:
    """`chosen` is what was asked for, `currencies` are all, that with most patrons first; `rates`
    only where amounts are converted. `patrons` are those of all currencies, each counted once."""

    chosen: Glance
    currencies: tuple[Glance, ...]
    patrons: int
    rates: Rates | None

    @property
    def without_rate(self) -> tuple[str, ...]:
        """Currencies that are not in what was converted."""
        if self.rates is None:
            return ()
        return tuple(each.currency for each in self.currencies if not self.rates.has(each.currency))

    @property
    def newest_rate(self) -> date | None:
        return max(self.rates.newest.values(), default=None) if self.rates else None


def look(session: Session, asked: Asked) -> Glances:
    """Everything in three queries, two more where amounts are converted."""
    measured = cash.measured(asked.today)
    since_yesterday = Period(asked.today - DAY, asked.today)
    cuts = Cuts(
        asked.today, (asked.period, asked.period.a_year_before(), since_yesterday, measured)
    )
    books, runs = read(session, cuts), running(session)
    failures = cash.given_up(session, measured)
    found = [
        _glance(
            currency,
            books.get(currency, Book()),
            runs.get(currency, NOTHING),
            failures.get(currency, 0),
            asked.today,
        )
        for currency in (books.keys() | runs.keys()) - {EVERYONE}
    ]
    found.sort(key=lambda each: (-each.running.number("patrons"), each.currency))
    known = None
    if asked.is_converted:
        days = (*days_of(asked), asked.today - 2 * DAY)
        known = rates(session, books.keys(), days, asked.today)
        book = converted(session, cuts, books, known, {*days, asked.today})
        rated = [each for each in found if known.has(each.currency)]
        chosen = Glance(
            EURO,
            book,
            _in_euro(runs, known, asked.today),
            cash.together(each.success for each in rated),
            _expected_in_euro(rated, known, asked.today),
        )
    else:
        mine = [each for each in found if each.currency == asked.currency]
        nothing = _glance(asked.currency, Book(), NOTHING, 0, asked.today)
        chosen = mine[0] if mine else nothing
    return Glances(chosen, tuple(found), runs.get(EVERYONE, NOTHING).number("patrons"), known)


def _glance(currency: str, book: Book, runs: Running, failures: int, today: date) -> Glance:
    success = cash.success(book.changed(cash.measured(today)).renewals, failures)
    expected = cash.expected(runs.renews(months_later(today, 1)), success)
    return Glance(currency, book, runs, success, expected)


def twelve_months(last_day: date) -> tuple[tuple[Period, Period], ...]:
    """The months until a day, each beside its own days of the year before, ascending."""
    pairs = []
    for back in range(1 - MONTHS_OF_YEAR, 1):
        first = months_later(last_day, back)
        month_end = months_later(first, 1) - DAY
        month = Period(first, min(month_end, last_day))
        before = month.a_year_before()
        if month.last_day == month_end:
            # A February may be longer than that of the year after.
            before = Period(before.first_day, months_later(before.first_day, 1) - DAY)
        pairs.append((month, before))
    return tuple(pairs)


def days_of(asked: Asked) -> tuple[date, ...]:
    """At whose ends the overview says what MRR was."""
    period = asked.period
    spans = [span for pair in twelve_months(period.last_day) for span in pair]
    spans += [period, period.a_year_before()]
    return (period.first_day - DAY, *(each.last_day for each in spans))


def _expected_in_euro(found: Iterable[Glance], known: Rates, today: date) -> Figure:
    """The sum of what each currency expects, as it is shown, at the rate of today."""
    told = [each for each in found if each.cash.value is not None]
    total = sum(
        (
            (each.cash.value or 0) * scale(each.currency) / known.on(each.currency, today)
            for each in told
        ),
        Decimal(0),
    )
    payments = sum(each.cash.denominator or 0 for each in told)
    return Figure(rounded(total) if told else None, bool(told), payments)


def _in_euro(runs: Mapping[str, Running], known: Rates, today: date) -> Running:
    """The sum of what runs in all currencies that have a rate, at that of today."""
    numbers: dict[str, int] = {}
    amounts: dict[str, Decimal] = {}
    for currency, each in runs.items():
        if currency == EVERYONE or not known.has(currency):
            continue
        euro = scale(currency) / known.on(currency, today)
        for part in each.numbers:
            numbers[part] = numbers.get(part, 0) + each.number(part)
            amounts[part] = amounts.get(part, Decimal(0)) + each.minor(part) * euro
    if all(known.has(currency) for currency in runs if currency != EVERYONE):
        # Whoever gives in two currencies is one patron.
        numbers["patrons"] = runs.get(EVERYONE, NOTHING).number("patrons")
    return Running(numbers, {part: rounded(amount) for part, amount in amounts.items()})
