"""Where those who came live, as coarse as rule S10 allows; the same to everybody.

Of each whole quarter that is over, how many of a country in steps of five, whatever days are asked
for: no two questions differ by the one person who came on a day.
"""

from collections import Counter
from dataclasses import replace

from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.discretion import SMALLEST_GROUP
from membership.reports import pictures
from membership.reports.figures import Figure, hide_small_group
from membership.reports.models import DailyCount
from membership.reports.periods import quarter_end, quarters
from membership.reports.report import Asked, Cell, Column, Table
from membership.reports.rollups.joined import JOINED
from membership.reports.rollups.rollup import in_months

COUNTRY = "country:"


def table(session: Session, asked: Asked) -> Table:
    """Of the quarters that the days asked for touch, in one query."""
    told, rest = _told(session, asked)
    names = get_locale().territories
    shown = sorted(told.items(), key=lambda item: (-item[1], item[0]))
    rows: list[tuple[Cell, ...]] = [
        (code, str(names.get(code, code)), number) for code, number in shown
    ]
    if rest:
        others = hide_small_group(Figure(rest, denominator=rest))
        rows.append(("", str(_("Elsewhere, or not known")), others))
    table = Table(
        "joined_countries",
        _("Where the cards of those who came are at home"),
        (
            Column("code", _("Code"), "text"),
            Column("country", _("Country"), "text"),
            Column("paid", _("Paid, in steps of five")),
        ),
        tuple(rows),
        summary=_summary(asked),
    )
    return replace(table, picture=pictures.bars(table, "country", {"paid": "coffee"}))


def _told(session: Session, asked: Asked) -> tuple[Counter[str], int]:
    """How many of each country, and how many are left."""
    told: Counter[str] = Counter()
    over = quarters(asked.period, asked.today)
    if not over:
        return told, 0
    counted = session.execute(
        select(DailyCount.part, func.sum(DailyCount.number))
        .where(
            DailyCount.name == in_months(JOINED),
            DailyCount.part.startswith(COUNTRY),
            DailyCount.day >= over[0],
            DailyCount.day <= quarter_end(over[-1]),
        )
        .group_by(func.date_trunc("quarter", DailyCount.day), DailyCount.part)
    )
    everybody = 0
    for part, number in counted:
        everybody += int(number)
        if code := part.removeprefix(COUNTRY):
            told[code] += int(number) // SMALLEST_GROUP * SMALLEST_GROUP
    return +told, everybody - told.total()


def _summary(asked: Asked) -> str:
    over = quarters(asked.period, asked.today)
    if not over:
        return str(_("Of whole quarters that are over; there is none in these days."))
    names = [f"{day.year} Q{day.month // 3 + 1}" for day in (over[0], over[-1])]
    if len(over) == 1:
        return str(_("Of the whole quarter %(quarter)s, in steps of five.", quarter=names[0]))
    return str(
        _(
            "Of whole quarters that are over, from %(first)s to %(last)s, each in steps of five.",
            first=names[0],
            last=names[1],
        )
    )
