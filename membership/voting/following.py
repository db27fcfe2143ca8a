"""Following: who wants to hear what becomes of a topic. It needs no vote, and keeps no time."""

from collections.abc import Iterable

from sqlalchemy import delete, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from membership.voting import lifecycle
from membership.voting.models import Topic, TopicFollow

SHOWN = 100
# Of what is over there is nothing to hear any more.
GOES_ON = frozenset(state for state, following in lifecycle.TOPIC.items() if following)


def follow(session: Session, topic_ids: Iterable[int], account_id: int) -> set[int]:
    """Once or more often, it is one following; the ids of those topics that go on.

    They are share-locked by id: a topic that is being merged is waited for, and then left out.
    """
    going_on = (
        select(Topic.id)
        .where(Topic.id.in_(list(topic_ids)), Topic.state.in_(GOES_ON))
        .order_by(Topic.id)
        .with_for_update(read=True, key_share=True)
    )
    found = list(session.scalars(going_on))
    if found:
        rows = [{"topic_id": topic_id, "account_id": account_id} for topic_id in found]
        session.execute(upsert(TopicFollow).values(rows).on_conflict_do_nothing())
    return set(found)


def unfollow(session: Session, topic_id: int, account_id: int) -> None:
    session.execute(
        delete(TopicFollow).where(
            TopicFollow.topic_id == topic_id, TopicFollow.account_id == account_id
        )
    )


def followed(session: Session, account_id: int, topic_ids: Iterable[int]) -> set[int]:
    """Which of these topics the account follows."""
    theirs = select(TopicFollow.topic_id).where(
        TopicFollow.account_id == account_id, TopicFollow.topic_id.in_(list(topic_ids))
    )
    return set(session.scalars(theirs))


def followed_by(session: Session, account_id: int) -> list[Topic]:
    """What an account follows, whatever became of it; the newest topics come first."""
    theirs = (
        select(Topic)
        .join(TopicFollow, TopicFollow.topic_id == Topic.id)
        .where(TopicFollow.account_id == account_id)
        .order_by(Topic.id.desc())
        .limit(SHOWN)
    )
    return list(session.scalars(theirs))


def move(session: Session, from_id: int, to_id: int) -> None:
    """Whoever follows one topic follows the other instead, once; both are locked by the caller."""
    theirs = select(literal(to_id), TopicFollow.account_id).where(TopicFollow.topic_id == from_id)
    session.execute(
        upsert(TopicFollow).from_select(["topic_id", "account_id"], theirs).on_conflict_do_nothing()
    )
    session.execute(delete(TopicFollow).where(TopicFollow.topic_id == from_id))
