"""Moderation: what editors do to a suggestion's words, and to who writes the story.

Declining and merging are steps of a topic's way; they stand with the others in topics.py.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session, aliased

from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.voting import lifecycle, paper
from membership.voting.models import Topic, TopicEdit
from membership.voting.suggestions import ALIVE

# No vote has been opened on these, so nobody chose a topic by the words it has.
REWRITABLE = frozenset({"suggested", "rejected", "merged"})


class WordsStandError(ValueError):
    """Readers voted, or vote, on these words: they stay as they are; nothing was changed."""


def fingerprint(topic: Topic) -> str:
    """Of what an editor sees of a topic before deciding about it: 16 hexadecimal digits.

    A form that carries it is refused when somebody has decided, or edited, in the meantime.
    """
    seen = [
        topic.state,
        topic.approved_at is not None,
        topic.title,
        topic.why,
        topic.links,
        topic.assigned_to_id,
        str(topic.due_on),
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]


def approve(session: Session, topic: Topic, actor: Account) -> None:
    """An editor has read a suggestion: everybody may read it now, and it may stand in a round.

    It still waits in the state `suggested`. Raises lifecycle.ForbiddenTransitionError, and
    changes nothing, when it is no suggestion any more or was approved before.
    """
    session.refresh(topic, with_for_update=True)
    if topic.state != "suggested" or topic.approved_at is not None:
        raise lifecycle.ForbiddenTransitionError("Only a suggestion nobody has read is approved.")
    topic.approved_at = clock.now()
    session.flush()
    audit.record(session, "topic.approved", f"topic:{topic.id}", actor_id=actor.id)


def edit(
    session: Session, topic: Topic, actor: Account, *, title: str, why: str, links: Sequence[str]
) -> bool:
    """Give a topic other words and keep the ones it had; False when they are the same.

    Its address stays. Raises WordsStandError, and changes nothing, once the hour of a round with
    the topic has come: voters must find what they read, and the result what they chose. The
    audit entry says which fields changed, never what they said: it cannot forget.
    """
    session.refresh(topic, with_for_update=True)
    if topic.state not in REWRITABLE or paper.has_begun(session, topic):
        raise WordsStandError
    words = {"title": title, "why": why, "links": list(links)}
    before = {name: getattr(topic, name) for name in words}
    changed = [name for name in words if words[name] != before[name]]
    if not changed:
        return False
    session.add(TopicEdit(topic_id=topic.id, actor_id=actor.id, created_at=clock.now(), **before))
    topic.title, topic.why, topic.links = title, why, list(links)
    session.flush()
    audit.record(session, "topic.edited", f"topic:{topic.id}", actor_id=actor.id, fields=changed)
    return True


def reassign(
    session: Session, topic: Topic, to: Account, actor: Account, *, due_on: date | None
) -> None:
    """Give a story that is being written to somebody else, or another day.

    Raises lifecycle.ForbiddenTransitionError, and changes nothing, when nobody writes it (any
    more): assign() is how it begins.
    """
    session.refresh(topic, with_for_update=True)
    if topic.state != "assigned":
        raise lifecycle.ForbiddenTransitionError("Only a story that is being written moves on.")
    topic.assigned_to_id, topic.due_on = to.id, due_on
    session.flush()
    audit.record(
        session,
        "topic.reassigned",
        f"topic:{topic.id}",
        actor_id=actor.id,
        to=to.id,
        due_on=due_on and due_on.isoformat(),
    )


def alike(session: Session, topics: Sequence[Topic], most: int = 3) -> dict[int, list[Topic]]:
    """For each topic's id others whose titles share much with its own (pg_trgm), in one query."""
    twin = aliased(Topic)
    nearest = (
        select(twin)
        .where(twin.title.op("%")(Topic.title), twin.id != Topic.id, twin.state.in_(ALIVE))
        .order_by(func.similarity(twin.title, Topic.title).desc(), twin.id)
        .limit(most)
        .correlate(Topic)
        .lateral()
    )
    found = aliased(Topic, nearest)
    rows = session.execute(
        select(Topic.id, found)
        .join(nearest, true())
        .where(Topic.id.in_([topic.id for topic in topics]))
        .order_by(Topic.id, func.similarity(found.title, Topic.title).desc(), found.id)
    )
    twins: dict[int, list[Topic]] = defaultdict(list)
    for topic_id, each in rows:
        twins[topic_id].append(each)
    return twins
