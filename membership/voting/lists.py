"""The lists of topics and results that everybody reads, a page at a time.

The newest comes first everywhere: neither votes nor supporters have a say in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, true, tuple_
from sqlalchemy.orm import Session, aliased, defer

from membership import clock
from membership.articles.models import Article
from membership.voting.models import Round, RoundOption, Topic

ON_A_PAGE = 20


@dataclass(frozen=True)
class Report:
    """A topic that became a story; `round` is the last settled one it stood in, if any."""

    topic: Topic
    article: Article
    round: Round | None

    @property
    def days(self) -> int | None:
        """From the end of the vote to the story."""
        if self.round is None or self.topic.published_at is None:
            return None
        return days_between(self.round.closes_at, self.topic.published_at)


def days_between(closed_at: datetime, published_at: datetime) -> int:
    """Days of the newsroom's calendar: 0 is the same day."""
    return (clock.newsroom_day(published_at) - clock.newsroom_day(closed_at)).days


def in_states(
    session: Session, states: Sequence[str], *, before: int | None = None, most: int = ON_A_PAGE
) -> list[Topic]:
    """Topics in these states with ids below `before`."""
    is_older = true() if before is None else Topic.id < before
    asked = select(Topic).where(Topic.state.in_(states), is_older)
    return list(session.scalars(asked.order_by(Topic.id.desc()).limit(most)))


def results(session: Session, *, before: int | None = None, most: int = ON_A_PAGE) -> list[Round]:
    """Rounds that are over; those that ended before the round `before`."""
    place = tuple_(Round.closes_at, Round.id)
    asked = select(Round).where(Round.state.in_(("settled", "void")))
    if before is not None:
        other = aliased(Round)
        edge = select(other.closes_at, other.id).where(other.id == before)
        asked = asked.where(place < edge.scalar_subquery())
    return list(
        session.scalars(asked.order_by(Round.closes_at.desc(), Round.id.desc()).limit(most))
    )


def reported(
    session: Session,
    *,
    before: int | None = None,
    most: int | None = ON_A_PAGE,
    between: tuple[datetime, datetime] | None = None,
) -> list[Report]:
    """Topics that became a story, with it and their vote; those older than the topic `before`.

    `between` names the first moment of publishing that is meant, and the one after the last.
    """
    place = tuple_(Topic.published_at, Topic.id)
    last_vote = (
        select(Round)
        .join(RoundOption, RoundOption.round_id == Round.id)
        .where(RoundOption.topic_id == Topic.id, Round.state == "settled")
        .order_by(Round.closes_at.desc(), Round.id.desc())
        .limit(1)
        .correlate(Topic)
        .lateral()
    )
    vote = aliased(Round, last_vote)
    asked = (
        select(Topic, Article, vote)
        .join(Article, Article.id == Topic.article_id)
        .outerjoin(last_vote, true())
        .where(Topic.state == "published")
        .options(defer(Article.body_html))
        .order_by(Topic.published_at.desc(), Topic.id.desc())
    )
    if before is not None:
        other = aliased(Topic)
        edge = select(other.published_at, other.id).where(other.id == before)
        asked = asked.where(place < edge.scalar_subquery())
    if between is not None:
        since, until = between
        asked = asked.where(Topic.published_at >= since, Topic.published_at < until)
    return [Report(*row) for row in session.execute(asked.limit(most))]
