"""Participation (rule D5): who votes, whether voters stay, how long a story takes after its vote.

Of settled rounds alone, from groups that were counted and frozen: nothing here changes with what
happens in a round that is open (rule V4), and nothing tells of one person (rules V8 and S10). What
voters give is for those who see all.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from membership import clock
from membership.discretion import SMALLEST_GROUP
from membership.reports import rollups
from membership.reports.figures import Figure, share
from membership.reports.participation import voters
from membership.reports.participation.voters import Counted
from membership.reports.periods import Period
from membership.reports.report import Asked, Column, Report, Table, Tile
from membership.voting import lists
from membership.voting.models import Round, RoundOption, Topic, TopicFollow
from membership.web.languages import address, current_language

# Topics of rounds in these states: who follows them may tell what was voted (rule V4).
UNDER_WAY = ("draft", "open", "closed")
AT_WORK = ("selected", "assigned")


def participation(session: Session, asked: Asked) -> Report:
    """The whole page, in four queries however many patrons there are."""
    rounds = voters.settled(session, asked.period)
    stories = lists.reported(session, most=None, between=(asked.period.since, asked.period.until))
    follows = _follows(session, asked.period)
    return Report(
        tiles=_tiles(rounds, stories, follows),
        tables=(
            *voters.tables(rounds, asked),
            _stories(stories, follows),
        ),
        as_of=rollups.rebuilt_at(session),
    )


def _follows(session: Session, period: Period) -> dict[int, int]:
    """How many follow each topic at work, and each that was published in these days."""
    is_under_way = exists().where(
        RoundOption.topic_id == Topic.id,
        RoundOption.round_id == Round.id,
        Round.state.in_(UNDER_WAY),
    )
    came_out = and_(Topic.published_at >= period.since, Topic.published_at < period.until)
    asked = (
        select(TopicFollow.topic_id, func.count())
        .join(Topic, Topic.id == TopicFollow.topic_id)
        .where(or_(Topic.state.in_(AT_WORK), came_out), ~is_under_way)
        .group_by(TopicFollow.topic_id)
    )
    return {row[0]: row[1] for row in session.execute(asked)}


def _tiles(
    rounds: Sequence[Counted], stories: Sequence[lists.Report], follows: Mapping[int, int]
) -> tuple[Tile, ...]:
    days = [each.days for each in stories if each.days is not None]
    middle = Figure(Decimal(median(days)), denominator=len(days)) if days else share(0, 0)
    last = rounds[-1] if rounds else None
    return (
        Tile(
            "last_turnout",
            voters.turned_out(last.whole()) if last else share(0, 0),
            "share",
            note=last.title if last else "",
            behind=voters.page_of(last) if last else "",
        ),
        Tile("settled_rounds", Figure(len(rounds)), behind="#turnout_of_rounds"),
        Tile(
            "days_to_story",
            middle,
            "days",
            note=_of_stories(len(days)),
            behind="#asked_and_reported",
        ),
        # With few among them, two periods would tell how few they are.
        Tile("followers", Figure(sum(each for each in follows.values() if each >= SMALLEST_GROUP))),
    )


def _of_stories(number: int) -> str:
    return ngettext("of %(num)d story", "of %(num)d stories", number) if number else ""


def _stories(stories: Sequence[lists.Report], follows: Mapping[int, int]) -> Table:
    return Table(
        "asked_and_reported",
        ngettext(
            "%(num)d story that readers asked for",
            "%(num)d stories that readers asked for",
            len(stories),
        ),
        (
            Column("topic", _("Topic"), "text"),
            Column("story", _("Story"), "text"),
            Column("published", _("Out on"), "day"),
            Column("round", _("Round"), "text"),
            Column("days", _("After"), "days"),
            Column("followers", _("Followers")),
        ),
        tuple(
            (
                each.topic.title,
                each.article.title,
                _day(each.topic.published_at),
                each.round.title if each.round else None,
                each.days,
                voters.people(follows.get(each.topic.id, 0)),
            )
            for each in stories
        ),
        links=tuple(
            address("voting.topic", current_language(), slug=each.topic.slug) for each in stories
        ),
    )


def _day(at: Any) -> date | None:
    return clock.newsroom_day(at) if at else None
