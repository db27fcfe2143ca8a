"""The page on payments that fail (rule D3), in four queries however many there are.

Everything but what fails now is told by the day of the failure, so that what was recovered is a
part of what failed.
"""

from bisect import bisect
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import accumulate

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.billing.dunning.models import Dunning
from membership.billing.models import Subscription
from membership.billing.revenue import monthly_value
from membership.reports import daily, pictures, rollups, stripe_words
from membership.reports.daily import Count, Counts
from membership.reports.day_names import short_month_name
from membership.reports.figures import SMALL, Figure, share
from membership.reports.recovery.cards import SOON, expiring
from membership.reports.report import (
    Asked,
    Behind,
    Cell,
    Column,
    Report,
    Table,
    Tile,
    discreet,
    people,
    people_of,
)
from membership.reports.retention.cohorts import ratio
from membership.web.pages import show_number

NAMES = ("failed", "recovered", "given_up", "recovered_by", "recovery_days")
# Where a figure stands month by month, and by what brought the money.
BY_MONTH, BY_MEANS = "#recovery", "#recovered_by"


def median(counts: Mapping[int, int]) -> Decimal | None:
    """The middle of as many values as `counts` says of each, or between the two; None of none."""
    values = sorted(value for value, count in counts.items() if count)
    if not values:
        return None
    upto = list(accumulate(counts[value] for value in values))
    low, high = (values[bisect(upto, place)] for place in ((upto[-1] - 1) // 2, upto[-1] // 2))
    return Decimal(low + high) / 2


def report(session: Session, asked: Asked, behind: Behind = lambda _name, _value: "") -> Report:
    """`behind` is where the payments behind a row stand: those that failed in a "month" (2026-03),
    "all" that "failed" in the days asked for, those with a "code", those that some "means" brought;
    "cards" that expire within so many days; and with none of them, the payments that fail now."""
    found = daily.counts(session, asked, *NAMES)
    failing = _failing(session, asked)
    cards = _cards(session, asked)
    if not found.found and not failing.number and not any(each.number for each in cards):
        nothing = _("No payment failed in these days, none fails now, and no card expires soon")
        return Report((), (), rollups.rebuilt_at(session), nothing=nothing)
    return Report(
        tiles=_tiles(found, failing, asked, behind),
        tables=(
            _by_month(found, asked, behind),
            _by_code(found, asked, behind),
            _by_means(found, asked, behind),
            _of_cards(cards, asked, behind),
        ),
        as_of=rollups.rebuilt_at(session),
    )


def _failing(session: Session, asked: Asked) -> Count:
    """What fails now in the currency."""
    number, minor = session.execute(
        select(func.count(), func.coalesce(func.sum(Dunning.amount_minor), 0)).where(
            Dunning.is_open, Dunning.currency == asked.currency
        )
    ).one()
    return Count(number, int(minor))


def _cards(session: Session, asked: Asked) -> tuple[Count, ...]:
    """Live support whose card is over within each of SOON days, and what it gives in a month."""
    terms = (Subscription.card_expires_on, Subscription.interval, Subscription.amount_minor)
    rows = session.execute(
        select(*terms, func.count())
        .where(*expiring(asked.currency, asked.today, SOON[-1]))
        .group_by(*terms)
    )
    counts = [Count()] * len(SOON)
    for last_day, interval, amount, number in rows:
        worth = monthly_value(amount, interval, "active", collection_paused=False)
        for place, days in enumerate(SOON):
            if last_day and last_day <= asked.today + timedelta(days=days):
                counts[place] += Count(number, worth * number)
    return tuple(counts)


def _tiles(found: Counts, failing: Count, asked: Asked, behind: Behind) -> tuple[Tile, ...]:
    now, in_days = behind("", ""), behind("failed", "all")
    failed, recovered = found.total("failed"), found.total("recovered")
    still = failed.number - recovered.number - found.total("given_up").number
    days = {int(part): count.number for part, count in found.by_part("recovery_days").items()}
    middle = median(days)
    return (
        Tile("failed", Figure(failed.number), behind=in_days),
        Tile(
            "recovered",
            discreet(share(recovered.number, failed.number), asked),
            "share",
            note=_tried(still) if still else "",
            behind=BY_MONTH,
        ),
        Tile("recovery_days", Figure(middle, middle is not None), "days", behind=BY_MEANS),
        Tile("failing", Figure(failing.number), behind=now),
        Tile("failed_value", Figure(failed.minor), "money", behind=in_days),
        Tile(
            "recovered_value",
            ratio(recovered.minor, failed.minor),
            "share",
            behind=BY_MONTH,
            of_amounts=True,
        ),
        Tile("failing_value", Figure(failing.minor), "money", behind=now),
    )


def _tried(number: int) -> str:
    shown = show_number(number)
    said = ngettext(
        "%(number)s is still being tried",
        "%(number)s are still being tried",
        number,
        number=shown,
    )
    return str(said)


def _by_month(found: Counts, asked: Asked, behind: Behind) -> Table:
    columns = (
        Column("month", _("Month of the failure"), "month"),
        Column("failed", _("Failed payments")),
        Column("recovered", _("Came after all")),
        Column("given_up", _("Given up")),
        Column("open", _("Still being tried")),
        Column("share", _("Came, of those that failed"), "share"),
        *_of_money(),
    )
    months = [each for each in asked.period.months if each <= asked.today]
    rows = []
    for month in months:
        failed, recovered, given_up = (found.total(name, month) for name in NAMES[:3])
        left = failed.number - recovered.number - given_up.number
        cells: tuple[Cell, ...] = (
            month,
            failed.number,
            recovered.number,
            given_up.number,
            left,
            discreet(share(recovered.number, failed.number), asked),
        )
        rows.append(cells + _money(failed, recovered))
    table = Table(
        "recovery",
        _title(found),
        columns,
        tuple(rows),
        currency=asked.currency,
        links=tuple(behind("month", f"{each:%Y-%m}") for each in months),
    )
    tones = {"recovered": "good", "given_up": "ember", "open": "muted"}
    return replace(table, picture=pictures.stacked(table, "month", tones, short_month_name))


def _title(found: Counts) -> str:
    failed = found.total("failed").number
    if failed < SMALL:
        return str(_("What became of the payments that failed"))
    recovered = found.total("recovered").number
    return str(
        _(
            "Of every 100 payments that failed, %(number)d came after all",
            number=round(100 * recovered / failed),
        )
    )


def _by_code(found: Counts, asked: Asked, behind: Behind) -> Table:
    columns = (
        Column("reason", _("What the bank said"), "text"),
        Column("code", _("Its code"), "text"),
        Column("failed", _("Failed payments")),
        Column("recovered", _("Came after all")),
        Column("share", _("Came, of those that failed"), "share"),
        *_of_money(),
    )
    rows = []
    for code, failed in found.by_part("failed").items():
        recovered = found.total("recovered", part=code)
        cells: tuple[Cell, ...] = (
            str(stripe_words.DECLINE.get(code, _("another reason"))),
            code,
            *_came(failed.number, recovered.number, asked),
        )
        rows.append(cells + _money(failed, recovered))
    title = str(_("Why payments failed"))
    if rows:
        title = str(_("Most payments failed because of this: %(reason)s", reason=rows[0][0]))
    table = Table(
        "decline_codes",
        title,
        columns,
        tuple(rows),
        currency=asked.currency,
        links=tuple(behind("code", str(row[1])) for row in rows),
    )
    tones = {"failed": "muted", "recovered": "good"}
    return replace(table, picture=pictures.bars(table, "reason", tones))


def _came(failed: int, recovered: int, asked: Asked) -> tuple[Cell, ...]:
    """Of payments of one kind: how many failed, how many came, and their share."""
    number = people(failed, asked)
    if isinstance(number, Figure):
        return (number,) * 3
    return (number, recovered, share(recovered, failed))


def _of_money() -> list[Column]:
    return [
        Column("failed_value", _("Failed, in money"), "money"),
        Column("recovered_value", _("Came, in money"), "money"),
        Column("share_value", _("Came, by value"), "share", of_amounts=True),
    ]


def _money(failed: Count, recovered: Count) -> tuple[Cell, ...]:
    """The cells below _of_money()."""
    return (failed.minor, recovered.minor, ratio(recovered.minor, failed.minor))


def _by_means(found: Counts, asked: Asked, behind: Behind) -> Table:
    columns = (
        Column("means", _("What brought it"), "text"),
        Column("recovered", _("Came after all")),
        Column("share", _("Of all that came"), "share"),
        Column("recovered_value", _("Came, in money"), "money"),
    )
    all_of_them = found.total("recovered_by").number
    rows = []
    for means, word in stripe_words.RECOVERED_BY.items():
        count = found.total("recovered_by", part=means)
        rows.append((str(word), *people_of(count.number, all_of_them, asked), count.minor))
    table = Table(
        "recovered_by",
        _("What brought the payments that came after all"),
        columns,
        tuple(rows),
        currency=asked.currency,
        links=tuple(behind("means", means) for means in stripe_words.RECOVERED_BY),
    )
    return replace(table, picture=pictures.bars(table, "means", {"recovered": "good"}))


def _of_cards(cards: tuple[Count, ...], asked: Asked, behind: Behind) -> Table:
    columns = (
        Column("days", _("Within so many days"), "count"),
        Column("cards", _("Cards")),
        Column("mrr", _("What they bring in a month"), "money"),
    )
    table = Table(
        "cards",
        _cards_title(cards[0].number, asked),
        columns,
        tuple(
            (days, people(count.number, asked), count.minor)
            for days, count in zip(SOON, cards, strict=True)
        ),
        currency=asked.currency,
        links=tuple(behind("cards", str(days)) for days in SOON),
    )
    return replace(table, picture=pictures.bars(table, "days", {"cards": "coffee"}, _within))


def _cards_title(number: int, asked: Asked) -> str:
    if isinstance(people(number, asked), Figure):
        return str(_("How many cards expire soon"))
    return str(
        ngettext(
            "%(number)s card expires within %(days)d days",
            "%(number)s cards expire within %(days)d days",
            number,
            number=show_number(number),
            days=SOON[0],
        )
    )


def _within(days: int) -> str:
    return str(_("within %(days)d days", days=days))
