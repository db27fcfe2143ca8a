"""What became of a topic so far: its steps, edits and reasons, by whom and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.voting.models import Topic, TopicChange, TopicEdit

# What an editor does without a step from state to state stands in the audit log alone.
DEEDS = ("topic.approved", "topic.reassigned")


@dataclass(frozen=True)
class Rewrite:
    """One part of a topic (`title`, `why` or `links`) before and after an edit."""

    part: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Chapter:
    """`what` is the state a topic went to, "edited", or a deed such as "topic.approved"."""

    at: datetime
    what: str
    actor_id: int | None
    reason: str | None = None
    rewrites: tuple[Rewrite, ...] = ()
    to_id: int | None = None
    due_on: date | None = None


def story(session: Session, topic: Topic) -> list[Chapter]:
    """Oldest first."""
    chapters = [*_steps(session, topic), *_edits(session, topic), *_deeds(session, topic)]
    return sorted(chapters, key=lambda chapter: chapter.at)


def names(session: Session, chapters: list[Chapter]) -> dict[int, str]:
    """What the members of staff in a story are called; who suggested a topic is not told."""
    ids = {chapter.actor_id for chapter in chapters} | {chapter.to_id for chapter in chapters}
    staff = select(Account).where(Account.id.in_(ids - {None}), Account.role.is_not(None))
    return {account.id: account.name or account.email for account in session.scalars(staff)}


def _steps(session: Session, topic: Topic) -> Iterator[Chapter]:
    rows = select(TopicChange).where(TopicChange.topic_id == topic.id).order_by(TopicChange.id)
    for step in session.scalars(rows):
        yield Chapter(step.created_at, step.to_state, step.actor_id, step.reason)


def _edits(session: Session, topic: Topic) -> Iterator[Chapter]:
    """Each row holds what was said before; what came after is the next one's, or stands now."""
    rows = select(TopicEdit).where(TopicEdit.topic_id == topic.id).order_by(TopicEdit.id)
    edits: list[TopicEdit] = list(session.scalars(rows))
    for edit, later in zip(edits, [*edits, topic][1:], strict=True):
        changed = tuple(
            Rewrite(part, before, after)
            for part in ("title", "why", "links")
            if (before := getattr(edit, part)) != (after := getattr(later, part))
        )
        yield Chapter(edit.created_at, "edited", edit.actor_id, rewrites=changed)


def _deeds(session: Session, topic: Topic) -> Iterator[Chapter]:
    entries = select(AuditEntry).where(
        AuditEntry.subject == f"topic:{topic.id}", AuditEntry.action.in_(DEEDS)
    )
    for entry in session.scalars(entries.order_by(AuditEntry.id)):
        due_on = entry.detail.get("due_on")
        yield Chapter(
            entry.created_at,
            entry.action,
            entry.actor_id,
            to_id=entry.detail.get("to"),
            due_on=date.fromisoformat(due_on) if due_on else None,
        )
