"""The monthly digest for patrons: what they helped publish, open votes, the month in figures (M8).

The words about an open vote are the same for everyone, voted or not (rule V4). What somebody
helped publish follows from turnout rolls, follows and suggestions, never from a ballot (rule V8).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flask_babel import format_date, format_decimal
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    and_,
    column,
    distinct,
    func,
    literal,
    select,
    true,
    union,
    values,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.articles import metadata
from membership.articles.models import Article
from membership.billing.models import LedgerEntry, Subscription
from membership.billing.standing import has_standing
from membership.discretion import SMALLEST_GROUP
from membership.mail import outbox
from membership.newsletter import issues, periods
from membership.newsletter.periods import Month
from membership.newsletter.readers import DIGEST
from membership.newsletter.weekly import NOT_AFTER
from membership.voting import audience
from membership.voting.models import Round, RoundOption, Topic, TopicFollow, Turnout
from membership.web.languages import address
from membership.web.pages import show_time


@dataclass(frozen=True)
class Figures:
    """Of one month; `patrons` is None for a group so small that it is hidden."""

    stories: int
    topics: int
    patrons: int | None


def write(session: Session) -> None:
    """Write last month's digest if it is due and nobody has; to patrons, unless it is empty."""
    month = periods.month_due(clock.newsroom_now())
    if month is None or not issues.begin(session, DIGEST, month.name):
        return
    told = _published(session, month)
    figures = _figures(session, month, len(told))
    rounds = _open_rounds(session)
    helped = _helped(told)

    def letter(language: str) -> dict[str, Any]:
        return {
            "month": format_date(month.first_day, "LLLL y"),
            "rounds": [_round_in_words(each, language) for each in rounds],
            "figures": {
                name: format_decimal(count)
                for name, count in asdict(figures).items()
                if count is not None
            },
        }

    has_news = rounds or figures.stories
    has_own = true() if has_news else helped.c.stories.is_not(None)
    own = func.jsonb_build_object("stories", func.coalesce(helped.c.stories, literal([], JSONB)))
    patrons = (
        audience.readers(and_(has_standing(Account.id), has_own))
        .outerjoin(helped, helped.c.account_id == Account.id)
        .add_columns(own)
    )
    not_after = clock.now() + NOT_AFTER
    outbox.put_to_all(session, patrons, DIGEST, f"issue:{month.name}", letter, not_after)


def _published(session: Session, month: Month) -> dict[int, dict[str, str]]:
    """By topic, the stories that readers asked for and that came out in the month."""
    asked = (
        select(Topic, Article)
        .join(Article, Article.id == Topic.article_id)
        .where(Topic.state == "published", _in(month, Topic.published_at))
        .order_by(Topic.published_at, Topic.id)
    )
    return {
        topic.id: {
            "topic": topic.title,
            "title": article.title,
            "language": article.language,
            "url": metadata.url(article),
        }
        for topic, article in session.execute(asked)
    }


def _helped(told: Mapping[int, dict[str, str]]) -> FromClause:
    """SQL: of each account that helped with one of these stories, a JSON list of them."""
    ids = list(told)
    story = values(column("topic_id", BigInteger), column("story", JSONB), name="story").data(
        [(topic_id, each) for topic_id, each in told.items()] or [(0, {})]
    )
    voted = (
        select(Turnout.account_id, RoundOption.topic_id)
        .join(RoundOption, RoundOption.round_id == Turnout.round_id)
        .where(RoundOption.topic_id.in_(ids))
    )
    followed = select(TopicFollow.account_id, TopicFollow.topic_id).where(
        TopicFollow.topic_id.in_(ids)
    )
    suggested = select(Topic.suggested_by_id, Topic.id).where(Topic.id.in_(ids))
    each = union(voted, followed, suggested).subquery("each")
    in_order = aggregate_order_by(story.c.story, story.c.topic_id)
    return (
        select(each.c.account_id, func.jsonb_agg(in_order).label("stories"))
        .join(story, story.c.topic_id == each.c.topic_id)
        .group_by(each.c.account_id)
        .subquery("helped")
    )


def _figures(session: Session, month: Month, topics: int) -> Figures:
    stories = select(func.count()).where(_in(month, Article.published_at))
    began = (
        select(func.count(distinct(Subscription.account_id)))
        .join(LedgerEntry, LedgerEntry.subscription_id == Subscription.id)
        .where(LedgerEntry.movement == "new", _in(month, LedgerEntry.occurred_at))
    )
    patrons = session.scalars(began).one()
    return Figures(
        stories=session.scalars(stories).one(),
        topics=topics,
        patrons=patrons if patrons >= SMALLEST_GROUP else None,
    )


def _open_rounds(session: Session) -> list[Round]:
    """By the database's clock, as voters find them (rule V1)."""
    now = func.clock_timestamp()
    is_open = and_(Round.state == "open", Round.opens_at <= now, now < Round.closes_at)
    return list(session.scalars(select(Round).where(is_open).order_by(Round.closes_at, Round.id)))


def _round_in_words(round_: Round, language: str) -> dict[str, str]:
    return {
        "title": round_.title,
        "until": show_time(round_.closes_at),
        "url": address("voting.ballot", language, round_id=round_.id),
    }


def _in(month: Month, at: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = and_(at >= month.begins_at, at < month.ends_at)
    return found
