"""The page on why people come (rule D4): stories and asks that brought patrons.

Six queries however many patrons there are.
"""

from collections.abc import Iterator
from dataclasses import replace

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.articles.models import Article
from membership.reports import pictures, rollups
from membership.reports.acquisition import asks, came, countries, steps
from membership.reports.acquisition.came import ALL, RowsOf
from membership.reports.acquisition.steps import NONE, STEPS, Steps
from membership.reports.figures import Figure, share
from membership.reports.report import Asked, Cell, Column, Report, Table, Tile
from membership.reports.rollups.joined import ARTICLE
from membership.web.pages import show_number

# The stories that brought most stand in the table.
SHOWN = 100
DRAWN = 10
# Where most of the figures stand story by story.
STORIES = "#stories"
STEP_NAMES = {
    "read": _l("A story read"),
    "ask_seen": _l("The ask seen"),
    "support_page": _l("The support page opened"),
    "checkout": _l("A payment page asked for"),
    "paid": _l("Paid"),
}
STORY_COLUMNS = (
    Column("story", _l("Story"), "text"),
    Column("reads", _l("Reads")),
    Column("asks_seen", _l("Asks seen")),
    Column("direct", _l("Patrons, direct")),
    Column("influenced", _l("Patrons, influenced")),
    Column("direct_per_1000", _l("Direct, of 1,000 reads"), "per_mille"),
    Column("influenced_per_1000", _l("Influenced, of 1,000 reads"), "per_mille"),
    Column("mrr", _l("MRR they brought"), "money"),
)


def report(session: Session, asked: Asked, rows_of: RowsOf = lambda **_wanted: "") -> Report:
    """`rows_of` is the address of the patrons whom a "story" brought (an id), or of payments."""
    found = steps.of_period(session, asked.period)
    as_of = rollups.rebuilt_at(session)
    if not found.found:
        nothing = _("Nobody read a story, saw an ask or came in these days")
        return Report((), (), as_of, nothing=nothing)
    return Report(
        tiles=_tiles(found, asked),
        tables=(
            _funnel(found, rows_of),
            _stories(session, found, asked, rows_of),
            asks.table(session, found),
            *came.tables(found, asked, rows_of),
            countries.table(session, asked),
        ),
        as_of=as_of,
    )


def _tiles(found: Steps, asked: Asked) -> tuple[Tile, ...]:
    joined = found.count(ARTICLE, "direct").number
    by_itself = found.count(ARTICLE, "direct", NONE).number
    brought = found.count(ARTICLE, "direct", currency=asked.currency)
    mrr = Figure(brought.minor, denominator=brought.number)
    return (
        Tile("reads", Figure(found.count(ARTICLE, "read").number), behind=STORIES),
        Tile("asks_seen", Figure(found.count(ARTICLE, "ask_seen").number), behind=STORIES),
        Tile("joined", Figure(joined), behind=STORIES),
        Tile("joined_by_stories", share(joined - by_itself, joined), "share", behind=STORIES),
        Tile("joined_mrr", mrr, "money", behind=STORIES),
    )


def _funnel(found: Steps, rows_of: RowsOf) -> Table:
    """Of what came from a story; what came by itself stands beside it."""
    rows: list[tuple[Cell, ...]] = []
    before = None
    for step, name in STEP_NAMES.items():
        alone = found.count(ARTICLE, step, NONE).number
        number = found.count(ARTICLE, step).number - alone
        rows.append((str(name), number, None if before is None else share(number, before), alone))
        before = number
    columns = (
        Column("step", _("Step"), "text"),
        Column("from_stories", _("From a story")),
        Column("of_the_step_before", _("Of the step before"), "share"),
        Column("by_itself", _("Without a story")),
    )
    # Of who did not pay nobody knows who it was.
    links = tuple(rows_of(paid=ALL) if step == "paid" else "" for step in STEP_NAMES)
    title = _("From reading a story to giving")
    table = Table("funnel", title, columns, tuple(rows), links=links)
    return replace(table, picture=pictures.bars(table, "step", {"from_stories": "coffee"}))


def _stories(session: Session, found: Steps, asked: Asked, rows_of: RowsOf) -> Table:
    keys = _by_what_they_brought(found)
    titles = _titles(session, keys[:SHOWN])
    rows = [_story(titles[key], found, key, asked) for key in keys[:SHOWN] if key in titles]
    rest = _story(str(_("Without a story")), found, NONE, asked)
    links = [rows_of(story=key) for key in keys[:SHOWN] if key in titles]
    table = Table(
        key="stories",
        title=_("Stories that brought patrons"),
        columns=STORY_COLUMNS,
        rows=(*rows, rest),
        currency=asked.currency if asked.sees_all else "",
        summary=" ".join(_of_stories(len(rows), len(keys), asked)),
        links=(*links, ""),
    )
    drawn = replace(table, rows=tuple(rows[:DRAWN]))
    tones = {"direct": "coffee", "influenced": "ember"}
    return replace(table, picture=pictures.across(drawn, "story", tones) if rows else None)


def _of_stories(shown: int, number: int, asked: Asked) -> Iterator[str]:
    """What has to be known of their table."""
    if number > SHOWN:
        yield str(
            _(
                "The %(shown)s that brought most, of %(all)s.",
                shown=show_number(shown),
                all=show_number(number),
            )
        )
    if asked.sees_all:
        yield str(
            _(
                "Patrons are those of all currencies, MRR is in %(code)s. A story leads to all "
                "whose first gift it brought since, those who gave once among them.",
                code=asked.currency,
            )
        )


def _by_what_they_brought(found: Steps) -> list[str]:
    """Stories' ids: most patrons first, directly and then by influence, then most reads."""
    direct, influenced, reads = (
        found.by_key(ARTICLE, step) for step in ("direct", "influenced", "read")
    )
    keys = {*direct, *influenced, *reads} - {NONE}

    def rank(key: str) -> tuple[int, int, int, int]:
        counts = (each[key].number if key in each else 0 for each in (direct, influenced, reads))
        first, second, third = counts
        return -first, -second, -third, int(key)

    return sorted(keys, key=rank)


def _titles(session: Session, keys: list[str]) -> dict[str, str]:
    rows = session.execute(select(Article.id, Article.title).where(Article.id.in_(map(int, keys))))
    return {str(key): title for key, title in rows}


def _story(name: str, found: Steps, key: str, asked: Asked) -> tuple[Cell, ...]:
    counts = {
        step: found.count(ARTICLE, step, key).number for step in (*STEPS, "direct", "influenced")
    }
    reads = counts["read"]
    shares = (share(counts[each], reads) if reads else None for each in ("direct", "influenced"))
    return (
        name,
        reads,
        counts["ask_seen"],
        counts["direct"],
        counts["influenced"],
        *shares,
        found.count(ARTICLE, "direct", key, asked.currency).minor,
    )
