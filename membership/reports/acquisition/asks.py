"""How each wording of the ask does: of those who saw it, how many went how far.

No wording is declared the better one. Each stands with the range that chance allows it, and where
two ranges overlap, we say so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.articles.models import AskExperiment, AskVariant
from membership.reports import pictures
from membership.reports.acquisition.intervals import overlap, wilson
from membership.reports.acquisition.steps import NONE, STEPS, Steps
from membership.reports.figures import SMALL, share
from membership.reports.report import Cell, Column, Table
from membership.reports.rollups.joined import ASK

COLUMNS = (
    Column("ask", _l("Wording"), "text"),
    Column("seen", _l("Asks seen")),
    Column("support_pages", _l("Support pages")),
    Column("checkouts", _l("Checkouts")),
    Column("paid", _l("Paid")),
    Column("paid_per_1000", _l("Paid, of 1,000 seen"), "per_mille"),
    Column("from", _l("at least"), "per_mille"),
    Column("to", _l("at most"), "per_mille"),
)


@dataclass(frozen=True)
class Told:
    """One wording's numbers, by step."""

    variant_id: int
    name: str
    seen: int
    support_pages: int
    checkouts: int
    paid: int

    @property
    def row(self) -> tuple[Cell, ...]:
        """Cells of COLUMNS. Of few, "1 of 3" is said, and no range."""
        low, high = self.range or (None, None)
        counts = (self.seen, self.support_pages, self.checkouts, self.paid)
        of_seen = share(self.paid, self.seen) if self.seen else None
        return (self.name, *counts, of_seen, low, high)

    @property
    def range(self) -> tuple[Decimal, Decimal] | None:
        """Of the paid among those who saw it; None for few."""
        # Who saw it before counting began, or without JavaScript, may have paid as well.
        if self.seen < SMALL or self.paid > self.seen:
            return None
        return wilson(self.paid, self.seen)


def told(steps: Steps, variant_id: int, name: str) -> Told:
    numbers = (steps.count(ASK, step, str(variant_id)).number for step in STEPS[1:])
    return Told(variant_id, name, *numbers)


def table(session: Session, steps: Steps) -> Table:
    """All wordings that were seen, of all experiments, in one query."""
    ids = {key for step in STEPS for key in steps.by_key(ASK, step)} - {NONE}
    named = session.execute(
        select(AskVariant.id, AskExperiment.name, AskVariant.name)
        .join(AskExperiment)
        .where(AskVariant.id.in_(map(int, ids)))
        .order_by(AskVariant.id)
    )
    all_told = [told(steps, key, f"{experiment}: {name}") for key, experiment, name in named]
    all_told.append(told(steps, int(NONE), str(_("No experiment"))))
    table = Table(
        key="asks",
        title=_("What became of those who saw the ask, by wording"),
        columns=COLUMNS,
        rows=tuple(each.row for each in all_told if any(each.row[1:5])),
    )
    tones = {"from": "edge", "paid_per_1000": "coffee", "to": "muted"}
    return replace(table, picture=pictures.across(table, "ask", tones))


def sentence(all_told: Sequence[Told]) -> str:
    """What may be said of the difference between wordings."""
    if len(all_told) < 2:
        return ""
    apart = [(one.name, other.name) for one, other in _pairs(all_told)]
    if not apart:
        return str(_("The ranges overlap, or too few have seen it: what differs may be chance."))
    pairs = "; ".join(f"{one} – {other}" for one, other in apart)
    return str(_("Hardly chance any more, since their ranges do not overlap: %(pairs)s.",
                 pairs=pairs))  # fmt: skip


def _pairs(all_told: Sequence[Told]) -> Iterable[tuple[Told, Told]]:
    """Those whose ranges have nothing in common."""
    for one, other in combinations(all_told, 2):
        if one.range and other.range and not overlap(one.range, other.range):
            yield one, other
