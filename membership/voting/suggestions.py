"""Suggestions: what patrons would like us to look into, and who else would (rule V13)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.db import lock
from membership.voting.eligibility import insist_on_eligible
from membership.voting.models import Round, RoundOption, Topic, TopicChange, TopicSupport

MOST_A_MONTH = 5
SHOWN_ALIKE = 5
SHOWN_OWN = 50
MONTH = timedelta(days=30)
# A new suggestion is compared with what may still become, or became, a story. What was not chosen
# or was dropped is over, and may be suggested anew.
ALIVE = ("suggested", "on_ballot", "selected", "assigned", "published")
# Addresses under /topics/ that are no topic's.
RESERVED_SLUGS = frozenset({"suggest", "alike", "reported"})


class TooManySuggestionsError(Exception):
    """The patron has made as many suggestions as fit into a month."""


class NotASuggestionError(Exception):
    """The topic has moved on: there is nothing to support any more."""


@dataclass(frozen=True)
class Suggestion:
    """A topic, and how many patrons want it; None while that is nobody's business (rule V13)."""

    topic: Topic
    supporters: int | None


def suggest(
    session: Session,
    account_id: int,
    title: str,
    why: str,
    language: str,
    links: Sequence[str] = (),
) -> Topic:
    """A new suggestion, supported by who made it; an editor decides about it later.

    Sent twice, it is one. `links` are those that links.parse() let through. Raises
    NotEligibleError or TooManySuggestionsError.
    """
    insist_on_eligible(session, account_id)
    lock(session, f"suggestions:{account_id}")
    if made := made_before(session, account_id, title, why, links):
        return made
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
        links=list(links),
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


def made_before(
    session: Session, account_id: int, title: str, why: str, links: Sequence[str] = ()
) -> Topic | None:
    """The same suggestion by the same patron of the last month, still waiting."""
    same = select(Topic).where(
        Topic.suggested_by_id == account_id,
        Topic.created_at > func.now() - MONTH,
        Topic.state == "suggested",
        Topic.title == title,
        Topic.why == why,
        Topic.links == list(links),
    )
    return session.scalar(same.order_by(Topic.id).limit(1))


def look_alikes(session: Session, title: str) -> list[Suggestion]:
    """Topics whose titles share much with `title` (pg_trgm), the most alike first."""
    likeness = func.similarity(Topic.title, title)
    alike = (
        select(Topic, _supporters())
        .where(Topic.title.op("%")(literal(title)), Topic.state.in_(ALIVE))
        .order_by(likeness.desc(), Topic.id)
        .limit(SHOWN_ALIKE)
    )
    return [Suggestion(topic, number) for topic, number in session.execute(alike)]


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


def supported(session: Session, account_id: int, topic_ids: Iterable[int]) -> set[int]:
    """Which of these topics the account supports."""
    theirs = select(TopicSupport.topic_id).where(
        TopicSupport.account_id == account_id, TopicSupport.topic_id.in_(list(topic_ids))
    )
    return set(session.scalars(theirs))


def supporters(session: Session, topic_ids: Iterable[int]) -> dict[int, int]:
    """How many want each of these topics; those are left out of which nothing is told (V13)."""
    counted = select(Topic.id, _supporters()).where(Topic.id.in_(list(topic_ids)))
    return {id_: number for id_, number in session.execute(counted) if number is not None}


def waiting(
    session: Session, *, unread: bool = True, before: int | None = None, most: int = 100
) -> list[Suggestion]:
    """Topics in the state `suggested`, the newest first, with ids below `before`.

    Without `unread` only those that an editor has read and let through, or put on a ballot.
    """
    rows = session.execute(
        select(Topic, _supporters())
        .where(
            Topic.state == "suggested",
            true() if unread else or_(Topic.approved_at.is_not(None), _stands_on_paper()),
            true() if before is None else Topic.id < before,
        )
        .order_by(Topic.id.desc())
        .limit(most)
    )
    return [Suggestion(topic, number) for topic, number in rows]


def best_supported(session: Session, most: int) -> list[Suggestion]:
    """Approved suggestions that stand on no ballot yet: most wanted first, then the oldest."""
    number = func.count(TopicSupport.account_id)
    rows = session.execute(
        select(Topic, number)
        .outerjoin(TopicSupport, TopicSupport.topic_id == Topic.id)
        .where(Topic.state == "suggested", Topic.approved_at.is_not(None), ~_stands_on_paper())
        .group_by(Topic.id)
        .order_by(number.desc(), Topic.created_at, Topic.id)
        .limit(most)
    )
    return [Suggestion(topic, number) for topic, number in rows]


def made_by(session: Session, account_id: int) -> list[Topic]:
    """What a patron has suggested, whatever became of it; the newest first."""
    own = select(Topic).where(Topic.suggested_by_id == account_id).order_by(Topic.id.desc())
    return list(session.scalars(own.limit(SHOWN_OWN)))


def _stands_on_paper() -> ColumnElement[bool]:
    """SQL: a round with this topic is to come, open or being counted."""
    papers = exists().where(
        RoundOption.topic_id == Topic.id,
        RoundOption.round_id == Round.id,
        Round.state.in_(("draft", "open", "closed")),
    )
    return papers.correlate(Topic)


def _supporters() -> ScalarSelect[int | None]:
    """SQL: how many want this topic; NULL from its first ballot paper until that is settled.

    A paper is public before its round opens, and whoever votes must not know (rule V13).
    """
    return (
        select(func.count())
        .where(TopicSupport.topic_id == Topic.id)
        .having(and_(Topic.state != "on_ballot", ~_stands_on_paper()))
        .correlate(Topic)
        .scalar_subquery()
    )


def _insist_on_suggestion(session: Session, topic: Topic) -> None:
    session.refresh(topic, with_for_update={"read": True})
    if topic.state != "suggested":
        raise NotASuggestionError


def _free_slug(session: Session, title: str) -> str:
    """Words of the title, with a number when another topic has them already."""
    words = re.sub(r"\W+", "-", title.lower()).strip("-")[:60].rstrip("-") or "topic"
    lock(session, f"slug:{words}")
    alike = select(Topic.slug).where(Topic.slug.startswith(words, autoescape=True))
    taken = {*RESERVED_SLUGS, *session.scalars(alike)}
    if words not in taken:
        return words
    return next(
        slug for number in range(2, len(taken) + 3) if (slug := f"{words}-{number}") not in taken
    )
