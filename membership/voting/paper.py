"""The ballot paper: which topics stand in a round, and in which order a patron sees them."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from flask_babel import gettext as _
from sqlalchemy import Select, delete, exists, func, select
from sqlalchemy.orm import Session

from membership.db import database_now
from membership.voting import tally
from membership.voting.models import Round, RoundOption, Topic


class InvalidRoundError(ValueError):
    """What was asked for is no round that could be held; says what to change."""


def options(session: Session, round_id: int) -> list[Topic]:
    """The topics that stand in a round, by id."""
    return list(session.scalars(_options(round_id)))


def lock_options(session: Session, round_id: int) -> list[Topic]:
    """The same, locked and read anew."""
    locked = _options(round_id).with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(locked))


def shuffled(
    topics: Iterable[Topic], round_id: int, account_id: int | None, key: str
) -> list[Topic]:
    """An order of its own for each patron, the same whenever they look (rule V5).

    It depends on the round, the patron (None: not signed in) and a secret key, never on a vote.
    """

    def place(topic: Topic) -> bytes:
        message = f"{round_id}:{account_id or ''}:{topic.id}".encode()
        return hmac.digest(key.encode(), message, hashlib.sha256)

    return sorted(topics, key=place)


def put_on(session: Session, draft: Round, topics: Sequence[Topic]) -> None:
    """Let suggestions stand in a round that has not opened.

    Raises InvalidRoundError when the round has opened, or a topic is no suggestion (any more) or
    stands in another round already.
    """
    session.refresh(draft, with_for_update=True)
    if draft.state != "draft":
        raise InvalidRoundError(
            _("This round has opened: its ballot paper cannot change any more.")
        )
    for topic in sorted(topics, key=lambda row: row.id):
        session.refresh(topic, with_for_update=True)
        insist_on_free(session, topic, draft.id)
        session.merge(RoundOption(round_id=draft.id, topic_id=topic.id))
    _seal(session, draft)


def insist_on_free(session: Session, topic: Topic, draft_id: int | None) -> None:
    """Raises InvalidRoundError unless a topic is a suggestion that stands in no other draft."""
    if topic.state != "suggested":
        raise InvalidRoundError(_("“%(title)s” is no open suggestion any more.", title=topic.title))
    if _stands_elsewhere(session, topic, draft_id):
        raise InvalidRoundError(
            _("“%(title)s” stands in another round that has not opened.", title=topic.title)
        )


def lock_drafts(session: Session, topic: Topic) -> list[Round]:
    """The rounds not yet opened in which a topic stands, locked.

    Rounds are always locked before topics, so that nobody waits in a circle. Until the topic is
    locked as well, others may put it on one more paper: take_off() finds out.
    """
    drafts = _drafts(topic).with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(drafts))


def has_begun(session: Session, topic: Topic) -> bool:
    """The hour of a round with this topic has come, though beat has not opened it yet."""
    begun = _drafts(topic).where(Round.opens_at <= func.clock_timestamp())
    return session.scalar(begun.limit(1)) is not None


def take_off(session: Session, locked: Iterable[Round], topic: Topic) -> None:
    """Strike a topic, itself locked by now, off the rounds that lock_drafts() gave.

    Raises InvalidRoundError when too few would stay for a vote, when the hour of one has come,
    and when the topic has been put on another paper meanwhile.
    """
    locked = list(locked)
    for draft in session.scalars(_drafts(topic)):
        if draft not in locked:
            raise InvalidRoundError(
                _(
                    "This topic has just been put on the ballot paper of “%(title)s”. Look again.",
                    title=draft.title,
                )
            )
        if draft.opens_at <= database_now(session):
            raise InvalidRoundError(
                _(
                    "“%(title)s” is opening: its ballot paper cannot change any more.",
                    title=draft.title,
                )
            )
        session.execute(
            delete(RoundOption).where(
                RoundOption.round_id == draft.id, RoundOption.topic_id == topic.id
            )
        )
        left = len(options(session, draft.id))
        if left <= max(draft.seats, 1):
            raise InvalidRoundError(
                _("“%(title)s” is about to open and would have too few topics.", title=draft.title)
            )
        draft.max_choices = min(draft.max_choices, left)
        _seal(session, draft)


def _drafts(topic: Topic) -> Select[Round]:
    stands = exists().where(RoundOption.round_id == Round.id, RoundOption.topic_id == topic.id)
    return select(Round).where(Round.state == "draft", stands).order_by(Round.id)


def _options(round_id: int) -> Select[Topic]:
    standing = select(RoundOption.topic_id).where(RoundOption.round_id == round_id)
    return select(Topic).where(Topic.id.in_(standing)).order_by(Topic.id)


def _stands_elsewhere(session: Session, topic: Topic, draft_id: int | None) -> bool:
    elsewhere = exists().where(
        RoundOption.topic_id == topic.id,
        RoundOption.round_id == Round.id,
        Round.id.is_distinct_from(draft_id),
        Round.state == "draft",
    )
    return bool(session.scalar(select(elsewhere)))


def _seal(session: Session, draft: Round) -> None:
    """The tie seed follows from the round and its paper (rule V6); it is fixed by the opening."""
    session.flush()
    draft.tie_seed = tally.tie_seed(draft.id, (topic.id for topic in options(session, draft.id)))
    session.flush()
