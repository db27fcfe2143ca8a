"""The public way of a topic, step by step: from suggestion to story (rule V10)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.voting.models import Round, Topic, TopicChange


@dataclass(frozen=True)
class Step:
    """What happened, or is about to, and when.

    `to` is a topic's state, `approved` or `upcoming` (a round that has not opened). `round` is the
    vote that the step belongs to, `reason` is public.
    """

    at: datetime
    to: str
    round: Round | None = None
    reason: str | None = None


def of(session: Session, topic: Topic, stood_in: Sequence[Round]) -> list[Step]:
    """The steps of a topic, the first one first; `stood_in` are the rounds of rounds.of_topic()."""
    changes = select(TopicChange).where(TopicChange.topic_id == topic.id).order_by(TopicChange.id)
    in_order = sorted(stood_in, key=lambda round_: (round_.opens_at, round_.id))
    steps = [Step(topic.created_at, "suggested")]
    if topic.approved_at is not None:
        steps.append(Step(topic.approved_at, "approved"))
    steps += _changes(session.scalars(changes), [each for each in in_order if _has_opened(each)])
    steps.sort(key=lambda step: step.at)
    return steps + [
        Step(each.opens_at, "upcoming", each) for each in in_order if not _has_opened(each)
    ]


def _changes(changes: Iterable[TopicChange], votes: Sequence[Round]) -> list[Step]:
    """Each time a topic came on a ballot, and left it, it was that of its next round."""
    to_come = iter(votes)
    vote: Round | None = None
    steps = []
    for change in changes:
        came_from, to = change.from_state, change.to_state
        if came_from is None:
            continue
        if "on_ballot" in (came_from, to):
            vote = vote or next(to_come, None)
        steps.append(Step(change.created_at, to, vote, change.reason))
        if came_from == "on_ballot":
            vote = None
    return steps


def _has_opened(round_: Round) -> bool:
    return round_.state != "draft"
