"""Who votes: settled rounds with their frozen groups, and the tables of them (rule D5).

Nothing here tells of one person, nor of a round that is open (rules V4, V8, S10).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.discretion import SMALLEST_GROUP
from membership.money import from_major
from membership.reports import pictures
from membership.reports.figures import Figure, share
from membership.reports.models import RoundGroup
from membership.reports.participation.groups import AMOUNTS, HORIZONS, TENURES, Group, shown
from membership.reports.periods import Period
from membership.reports.report import Asked, Cell, Column, Table
from membership.reports.rollups.rounds import name_of
from membership.voting.models import Round
from membership.web.languages import address, current_language
from membership.web.pages import show_money

Key = tuple[str, str]  # currency and part

# What is withheld from everybody: about 1 to 4 people.
HIDDEN = Figure(None, computable=False, denominator=1)


@dataclass(frozen=True)
class Counted:
    """A settled round with its frozen groups, by their names."""

    round_id: int
    title: str
    closed_on: date
    groups: Mapping[str, Mapping[Key, Group]] = field(default_factory=dict)

    def whole(self, name: str = "all") -> Group:
        return self.groups.get(name, {}).get(("", ""), Group())


def settled(session: Session, period: Period) -> list[Counted]:
    """Rounds that closed in these days and have been counted, in their order.

    Groups come in theirs: of two that are as large, the same one is hidden whenever it is asked.
    """
    rows = session.execute(
        select(Round.id, Round.title, Round.closes_at, RoundGroup)
        .join(RoundGroup, RoundGroup.round_id == Round.id)
        .where(Round.closes_at >= period.since, Round.closes_at < period.until)
        .order_by(Round.closes_at, Round.id, RoundGroup.name, RoundGroup.currency, RoundGroup.part)
    )
    found: dict[int, Counted] = {}
    groups: dict[int, dict[str, dict[Key, Group]]] = defaultdict(lambda: defaultdict(dict))
    for round_id, title, closes_at, row in rows:
        closed_on = clock.newsroom_day(closes_at)
        found.setdefault(round_id, Counted(round_id, title, closed_on, groups[round_id]))
        groups[round_id][row.name][row.currency, row.part] = Group(row.patrons, row.voters)
    return list(found.values())


def tables(rounds: Sequence[Counted], asked: Asked) -> tuple[Table, ...]:
    by_amount = _by_amount(rounds, asked.currency)
    return (_turnout(rounds), _by_tenure(rounds), by_amount, _kept(rounds))


def turned_out(whole: Group) -> Figure:
    """The turnout; of fewer than 5 voters the result page does not tell it either (rule V8)."""
    return HIDDEN if 0 < whole.voters < SMALLEST_GROUP else share(whole.voters, whole.patrons)


def people(number: int) -> Figure:
    """How many; hidden from everybody where they are fewer than 5."""
    return HIDDEN if 0 < number < SMALLEST_GROUP else Figure(number)


def page_of(each: Counted) -> str:
    return address("voting.result", current_language(), round_id=each.round_id)


def _turnout(rounds: Sequence[Counted]) -> Table:
    table = Table(
        "turnout_of_rounds",
        _turnout_title(rounds),
        (
            Column("round", _("Round"), "text"),
            Column("closed", _("Ended on"), "day"),
            Column("voters", _("Voted")),
            Column("electorate", _("Might have voted")),
            Column("turnout", _("Turnout"), "share"),
        ),
        tuple(
            (
                each.title,
                each.closed_on,
                people(each.whole().voters),
                each.whole().patrons,
                turned_out(each.whole()),
            )
            for each in rounds
        ),
        links=tuple(page_of(each) for each in rounds),
    )
    if len(rounds) < 2:
        return table
    return replace(table, picture=pictures.line(table, "round", {"turnout": "coffee"}))


def _turnout_title(rounds: Sequence[Counted]) -> str:
    seen = [each.whole() for each in rounds if turned_out(each.whole()).value is not None]
    whole = sum(seen, Group())
    if not whole.patrons:
        return str(_("How many voted, vote by vote"))
    return str(_("Of every 100 who might have voted, %(number)d did", number=_of_100(whole)))


def _by_tenure(rounds: Sequence[Counted]) -> Table:
    keys: list[Key] = [("", str(months)) for months in TENURES]
    sums = _sums(rounds, "tenure", keys)
    names = dict(zip(keys, _tenures(), strict=True))
    table = Table(
        "voters_by_tenure",
        _("Who votes, by how long they have given"),
        _columns(_("Given for")),
        tuple(_row(names[key], *sums[key]) for key in keys),
    )
    return _drawn(table)


def _tenures() -> list[str]:
    return [
        _("less than 3 months"),
        _("3 to 12 months"),
        _("one to two years"),
        _("two years and more"),
    ]


def _by_amount(rounds: Sequence[Counted], currency: str) -> Table:
    """Of one currency, and of those who gave nothing at the time."""
    present = {key for each in rounds for key in each.groups.get("amount", {})}
    edges = [edge for edge in AMOUNTS if (currency, str(edge)) in present]
    keys: list[Key] = [(currency, str(edge)) for edge in edges]
    names = {(currency, str(edge)): _amounts(edge, currency) for edge in edges}
    if ("", "") in present:
        keys.append(("", ""))
        names["", ""] = _("nothing then: paused, or a gift")
    sums = _sums(rounds, "amount", keys)
    table = Table(
        "voters_by_amount",
        _("Who votes, by what they give in a month"),
        _columns(_("In a month")),
        tuple(_row(names[key], *sums[key]) for key in keys),
        currency=currency,
        of_amounts=True,
    )
    return _drawn(table)


def _drawn(table: Table) -> Table:
    """With the turnout of each group; what is withheld is not drawn."""
    return replace(table, picture=pictures.bars(table, "group", {"turnout": "coffee"}))


def _amounts(edge: int, currency: str) -> str:
    def said(major: int) -> str:
        return show_money(from_major(major, currency))

    place = AMOUNTS.index(edge)
    if place + 1 == len(AMOUNTS):
        return str(_("%(amount)s and more", amount=said(edge)))
    if not edge:
        return str(_("less than %(amount)s", amount=said(AMOUNTS[1])))
    return str(_("%(low)s to less than %(high)s", low=said(edge), high=said(AMOUNTS[place + 1])))


def _columns(first: str) -> tuple[Column, ...]:
    return (
        Column("group", first, "text"),
        Column("rounds", _("Rounds counted")),
        Column("patrons", _("Might have voted")),
        Column("voters", _("Voted")),
        Column("turnout", _("Turnout"), "share"),
    )


def _row(name: str, whole: Group, rounds: int, was_hidden: bool) -> tuple[Cell, ...]:
    if not rounds and was_hidden:
        return (name, 0, HIDDEN, HIDDEN, HIDDEN)
    return (name, rounds, whole.patrons, whole.voters, share(whole.voters, whole.patrons))


def _sums(
    rounds: Sequence[Counted], name: str, keys: Sequence[Key]
) -> dict[Key, tuple[Group, int, bool]]:
    """Each group over all rounds in which it may be shown, how many those are, and whether it was
    hidden in another.

    Hidden round by round: two periods that differ by one round tell no more than each of them.
    """
    sums: dict[Key, tuple[Group, int, bool]] = dict.fromkeys(keys, (Group(), 0, False))
    for each in rounds:
        groups = each.groups.get(name, {})
        visible = shown(groups)
        for key in groups.keys() & sums.keys():
            whole, number, was_hidden = sums[key]
            if key in visible:
                sums[key] = (whole + visible[key], number + 1, was_hidden)
            else:
                sums[key] = (whole, number, True)
    return sums


def _kept(rounds: Sequence[Counted]) -> Table:
    table = Table(
        "kept_by_voting",
        _("Who still gives after a vote: those who voted, and the others"),
        (
            Column("after", _("After"), "text"),
            Column("rounds", _("Rounds counted")),
            Column("voters", _("Voted")),
            Column("voters_kept", _("Of voters still give"), "share"),
            Column("others", _("Did not vote")),
            Column("others_kept", _("Of the others still give"), "share"),
        ),
        tuple(_kept_row(rounds, months) for months in HORIZONS),
    )
    tones = {"voters_kept": "coffee", "others_kept": "muted"}
    return replace(table, picture=pictures.bars(table, "after", tones))


def _kept_row(rounds: Sequence[Counted], months: int) -> tuple[Cell, ...]:
    """Over all rounds that are old enough and whose groups are large enough."""
    name = name_of(months)
    old = [each for each in rounds if name in each.groups]
    clear = [(each.whole(), each.whole(name)) for each in old]
    clear = [(all_, kept) for all_, kept in clear if not (all_.is_small or kept.is_small)]
    after = ngettext("%(num)d month", "%(num)d months", months)
    if old and not clear:
        return (after, 0, HIDDEN, HIDDEN, HIDDEN, HIDDEN)
    all_ = sum((each for each, _kept in clear), Group())
    kept = sum((each for _all, each in clear), Group())
    return (
        after,
        len(clear),
        all_.voters,
        share(kept.voters, all_.voters),
        all_.others,
        share(kept.others, all_.others),
    )


def _of_100(whole: Group) -> int:
    return round(100 * whole.voters / whole.patrons)
