"""Topics on their way from suggestion to story: every step, its history and its audit entry.

Rows are locked in one order everywhere (rounds, topics by id, the audit log last), so that no two
workers ever wait for one another.
"""

from datetime import date
from typing import Any

from sqlalchemy import delete, exists, func, insert, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.articles.models import Article
from membership.voting import following, lifecycle, news, paper
from membership.voting.models import (
    Round,
    RoundOption,
    Tally,
    Topic,
    TopicChange,
    TopicSupport,
)
from membership.voting.suggestions import ALIVE
from membership.voting.tally import ADVISORY


class TopicNotFoundError(LookupError):
    """There is no such topic."""


class ArticleTakenError(ValueError):
    """The article answers another topic already; nothing was changed."""


def get(session: Session, slug: str) -> Topic:
    """Raises TopicNotFoundError."""
    found = session.scalar(select(Topic).where(Topic.slug == slug))
    if found is None:
        raise TopicNotFoundError
    return found


def change_state(
    session: Session, topic: Topic, to: str, actor: Account | None, *, reason: str | None = None
) -> None:
    """Take `topic` one step further; `actor` is None when a round's opening or end does it.

    Raises a lifecycle error, and changes nothing, for a step that rule V10 does not know, or
    that lacks its reason, article or original (publish() and merge() bring the latter two).
    """
    drafts = paper.lock_drafts(session, topic) if to == "rejected" else []
    _lock(session, topic)
    _step(session, topic, to, actor, reason)
    paper.take_off(session, drafts, topic)


def assign(
    session: Session,
    topic: Topic,
    to: Account,
    actor: Account,
    *,
    due_on: date | None = None,
    reason: str | None = None,
) -> None:
    """Commission the story from a member of staff; overruling a result needs a public reason."""
    _lock(session, topic)
    _step(session, topic, "assigned", actor, reason, assigned_to=to.id)
    topic.assigned_to_id, topic.due_on = to.id, due_on


def merge(session: Session, topic: Topic, original: Topic, actor: Account) -> None:
    """Close `topic` in favour of `original`, which then has the supporters and followers of both.

    Raises MissingOriginalError when the original is itself, or has come to nothing.
    """
    drafts = paper.lock_drafts(session, topic)
    for each in sorted((topic, original), key=lambda row: row.id):
        _lock(session, each)
    if topic.id == original.id or original.state not in ALIVE:
        raise lifecycle.MissingOriginalError("Choose another topic that is still alive.")
    lifecycle.check_topic(topic.state, "merged", has_original=True)
    topic.merged_into_id = original.id
    _step(session, topic, "merged", actor, None, into=original.id)
    paper.take_off(session, drafts, topic)
    supporters = select(literal(original.id), TopicSupport.account_id).where(
        TopicSupport.topic_id == topic.id
    )
    session.execute(
        upsert(TopicSupport)
        .from_select(["topic_id", "account_id"], supporters)
        .on_conflict_do_nothing()
    )
    session.execute(delete(TopicSupport).where(TopicSupport.topic_id == topic.id))
    following.move(session, topic.id, original.id)


def publish(session: Session, topic: Topic, article: Article, actor: Account) -> None:
    """The story is out: link both, and tell voters and followers; nobody is told twice.

    The article says on which round's ballot it stood: the last one that was settled. Raises
    ArticleTakenError when it answers another topic.
    """
    _lock(session, topic)
    lifecycle.check_topic(topic.state, "published", has_article=True)
    session.refresh(article, with_for_update=True)
    if article.asked_topic_slug not in (None, topic.slug):
        raise ArticleTakenError
    article.asked_topic_slug, article.asked_topic_title = topic.slug, topic.title
    asked = _last_settled(session, topic)
    article.asked_round_id, article.asked_round_title = asked or (None, None)
    topic.article_id = article.id
    topic.published_at = session.scalar(select(func.now()))
    news.tell_of_story(session, topic, article)
    _step(session, topic, "published", actor, None, article=article.id)


def was_advised(session: Session, topic: Topic) -> bool:
    """It was ahead in a round whose result is advice: taking it up follows the vote."""
    advice = exists().where(
        RoundOption.topic_id == topic.id,
        RoundOption.round_id == Tally.round_id,
        Tally.result["outcome"].astext == ADVISORY,
        Tally.result["winners"].contains([topic.id]),
    )
    return bool(session.scalar(select(advice)))


def _last_settled(session: Session, topic: Topic) -> Any:
    """Id and title of a round; None when the topic stood in none."""
    return session.execute(
        select(Round.id, Round.title)
        .join(RoundOption, RoundOption.round_id == Round.id)
        .where(RoundOption.topic_id == topic.id, Round.state == "settled")
        .order_by(Round.settled_at.desc(), Round.id.desc())
        .limit(1)
    ).one_or_none()


def _lock(session: Session, topic: Topic) -> None:
    session.refresh(topic, with_for_update=True)


def _step(
    session: Session,
    topic: Topic,
    to: str,
    actor: Account | None,
    reason: str | None,
    **detail: Any,
) -> None:
    """One step of a locked topic, with its history row, its news and its audit entry."""
    lifecycle.check_topic(
        topic.state,
        to,
        reason=reason,
        has_article=topic.article_id is not None,
        has_original=topic.merged_into_id is not None,
    )
    came_from, topic.state = topic.state, to
    if reason is not None:
        topic.public_reason = reason.strip()
    actor_id = actor.id if actor else None
    session.flush()
    session.execute(
        insert(TopicChange).values(
            topic_id=topic.id,
            actor_id=actor_id,
            from_state=came_from,
            to_state=to,
            reason=topic.public_reason if reason is not None else None,
            created_at=clock.now(),
        )
    )
    advised = came_from == "not_selected" and was_advised(session, topic)
    news.tell_followers(session, topic, came_from, advised=advised)
    audit.record(
        session,
        f"topic.{to}",
        f"topic:{topic.id}",
        actor_id=actor_id,
        **{"from": came_from},
        **detail,
    )
