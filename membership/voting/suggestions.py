"""Suggestions: what patrons would like us to look into, and who else would (rule V13)."""

import re
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, exists, func, insert, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.db import lock
from membership.voting.eligibility import insist_on_eligible
from membership.voting.models import Round, RoundOption, Topic, TopicChange, TopicSupport

MOST_A_MONTH = 5
MONTH = timedelta(days=30)
# A new suggestion is compared with every topic that may still become, or became, a story.
ALIVE = ("suggested", "on_ballot", "selected", "not_selected", "assigned", "published")


class TooManySuggestionsError(Exception):
    """The patron has made as many suggestions as fit into a month."""


class NotASuggestionError(Exception):
    """The topic has moved on: there is nothing to support any more."""


@dataclass(frozen=True)
class Suggestion:
    """A topic still waiting, and how many patrons want it on a ballot."""

    topic: Topic
    supporters: int


def suggest(session: Session, account_id: int, title: str, why: str, language: str) -> Topic:
    """A new suggestion, supported by who made it; an editor decides about it later.

    Raises NotEligibleError or TooManySuggestionsError.
    """
    insist_on_eligible(session, account_id)
    lock(session, f"suggestions:{account_id}")
    recent = select(func.count()).where(
        Topic.suggested_by_id == account_id, Topic.created_at > func.now() - MONTH
    )
    if (session.scalar(recent) or 0) >= MOST_A_MONTH:
        raise TooManySuggestionsError
    topic = Topic(
        slug=_free_slug(session, title),
        language=language,
        title=title,
        why=why,
        suggested_by_id=account_id,
    )
    session.add(topic)
    session.flush()
    session.execute(
        insert(TopicChange).values(topic_id=topic.id, actor_id=account_id, to_state="suggested")
    )
    session.execute(insert(TopicSupport).values(topic_id=topic.id, account_id=account_id))
    audit.record(session, "topic.suggested", f"topic:{topic.id}", actor_id=account_id)
    return topic


def look_alikes(session: Session, title: str, most: int = 5) -> list[Topic]:
    """Topics whose titles share much with `title` (pg_trgm), the most alike first."""
    likeness = func.similarity(Topic.title, title)
    alike = (
        select(Topic)
        .where(Topic.title.op("%")(literal(title)), Topic.state.in_(ALIVE))
        .order_by(likeness.desc(), Topic.id)
        .limit(most)
    )
    return list(session.scalars(alike))


def support(session: Session, topic: Topic, account_id: int) -> None:
    """Once or more often, it is one support. Raises NotEligibleError or NotASuggestionError."""
    insist_on_eligible(session, account_id)
    _insist_on_suggestion(session, topic)
    session.execute(
        upsert(TopicSupport)
        .values(topic_id=topic.id, account_id=account_id)
        .on_conflict_do_nothing()
    )


def unsupport(session: Session, topic: Topic, account_id: int) -> None:
    """Raises NotASuggestionError."""
    _insist_on_suggestion(session, topic)
    session.execute(
        delete(TopicSupport).where(
            TopicSupport.topic_id == topic.id, TopicSupport.account_id == account_id
        )
    )


def supports(session: Session, topic: Topic, account_id: int) -> bool:
    theirs = exists().where(
        TopicSupport.topic_id == topic.id, TopicSupport.account_id == account_id
    )
    return bool(session.scalar(select(theirs)))


def waiting(session: Session, most: int = 100) -> list[Suggestion]:
    """Topics in the state `suggested`, the newest first; for patrons and the back office.

    Nothing here tells about a topic on a ballot: its supporters are nobody's business while
    others vote (rule V13).
    """
    supporters = select(func.count()).where(TopicSupport.topic_id == Topic.id).scalar_subquery()
    rows = session.execute(
        select(Topic, supporters)
        .where(Topic.state == "suggested")
        .order_by(Topic.id.desc())
        .limit(most)
    )
    return [Suggestion(topic, number) for topic, number in rows]


def best_supported(session: Session, most: int) -> list[Suggestion]:
    """Approved suggestions that stand in no draft, those with most supporters first, then the
    oldest: what a recurring round takes.
    """
    supporters = select(func.count()).where(TopicSupport.topic_id == Topic.id).scalar_subquery()
    stands = exists().where(
        RoundOption.topic_id == Topic.id, RoundOption.round_id == Round.id, Round.state == "draft"
    )
    rows = session.execute(
        select(Topic, supporters)
        .where(Topic.state == "suggested", Topic.approved_at.is_not(None), ~stands)
        .order_by(supporters.desc(), Topic.id)
        .limit(most)
    )
    return [Suggestion(topic, number) for topic, number in rows]


def made_by(session: Session, account_id: int, most: int = 50) -> list[Topic]:
    """What a patron has suggested, whatever became of it; the newest first."""
    own = select(Topic).where(Topic.suggested_by_id == account_id).order_by(Topic.id.desc())
    return list(session.scalars(own.limit(most)))


def _insist_on_suggestion(session: Session, topic: Topic) -> None:
    session.refresh(topic, with_for_update={"read": True})
    if topic.state != "suggested":
        raise NotASuggestionError


def _free_slug(session: Session, title: str) -> str:
    """Words of the title, with a number when another topic has them already."""
    words = re.sub(r"\W+", "-", title.lower()).strip("-")[:60].rstrip("-") or "topic"
    lock(session, f"slug:{words}")
    alike = select(Topic.slug).where(Topic.slug.startswith(words, autoescape=True))
    # /topics/suggest is the form.
    taken = {"suggest", *session.scalars(alike)}
    if words not in taken:
        return words
    return next(
        slug for number in range(2, len(taken) + 3) if (slug := f"{words}-{number}") not in taken
    )
