"""Mail about rounds: opened, about to end, decided. Each once, to whom it concerns (rule V11).

The round's row says what has been told. By the database's clock: what is past its time is not
told any more. Nothing here tells how an open round stands (rule V4).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import structlog
from flask_babel import format_decimal
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, func, literal, not_, select, union_all, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from membership.accounts.models import Account
from membership.db import lock, transaction
from membership.mail import kinds, outbox
from membership.mail.models import OutboxEmail
from membership.voting import audience, news, paper, result
from membership.voting.eligibility import may_take_part
from membership.voting.models import Round
from membership.web.languages import address
from membership.web.pages import show_date, show_time

log = structlog.get_logger(__name__)

OPENED = kinds.bulk(
    "round_opened",
    _l("A vote begins"),
    _l("When you may choose what we look into next."),
    group="votes",
)
CLOSING = kinds.bulk(
    "round_closing",
    _l("A vote is about to end"),
    _l("On the last day of a vote that lasts three days or more, if you have not voted yet."),
    group="votes",
)
RESULT = kinds.bulk(
    "round_result",
    _l("What a vote decided"),
    _l("When a vote is counted that you took part in, or in which a topic you follow stood."),
    group="votes",
)

LAST_DAY = timedelta(days=1)
LONG = timedelta(days=3)
NEWS_FOR = timedelta(days=2)

_clock = func.clock_timestamp()
_is_open = and_(Round.state == "open", Round.opens_at <= _clock, _clock < Round.closes_at)
_is_ending = and_(Round.closes_at - Round.opens_at >= LONG, Round.closes_at - LAST_DAY <= _clock)


@dataclass(frozen=True)
class _Mail:
    """When it is due, the column that says it was told, and what writes it to whom."""

    is_due: ColumnElement[bool]
    told_at: InstrumentedAttribute[Any]
    write: Callable[[Session, Round], None]


def tell_due() -> None:
    """Write the mails that are due, each round's in a transaction of their own.

    One that cannot be written is logged and stops no other.
    """
    with transaction() as session:
        waiting = due(session)
    for round_id, kind in waiting:
        try:
            with transaction() as session:
                tell(session, round_id, kind)
        except Exception:
            log.exception("round_not_told", round=round_id, kind=kind)


def due(session: Session) -> list[tuple[int, str]]:
    """Ids of rounds, each with the kind of mail that is due about it."""
    asked = (
        select(Round.id, literal(kind)).where(mail.is_due, mail.told_at.is_(None))
        for kind, mail in MAILS.items()
    )
    return [(round_id, kind) for round_id, kind in session.execute(union_all(*asked))]


def tell(session: Session, round_id: int, kind: str) -> None:
    """Write the mails of `kind` about a round, unless somebody has, or their time is over.

    The round's own row is written last: voters hold it for a moment each, and must not wait for
    fifty thousand letters.
    """
    mail = MAILS[kind]
    lock(session, f"{kind}:{round_id}")
    round_ = session.scalar(
        select(Round)
        .where(Round.id == round_id, mail.is_due, mail.told_at.is_(None))
        .execution_options(populate_existing=True)
    )
    if round_ is None:
        return
    mail.write(session, round_)
    session.execute(update(Round).where(Round.id == round_id).values({mail.told_at: _clock}))


def shows_who_voted() -> ColumnElement[bool]:
    """SQL: a mail of the outbox reminds of a round's end, so whoever got it had not voted then.

    Nobody sees or counts these: until the end they tell the turnout (rule V4), and afterwards,
    beside the turnout roll, who voted on the last day (rule V8).
    """
    return OutboxEmail.kind == CLOSING


def _opened(session: Session, round_: Round) -> None:
    """To everyone who may vote; followers who may not hear of their topics."""
    _invite(session, OPENED, round_, may_take_part(Account.id, opened_at=round_.opens_at))
    for topic in paper.options(session, round_.id):
        news.tell_of_vote(session, topic, round_.closes_at)


def _closing(session: Session, round_: Round) -> None:
    """To everyone who may vote and has not."""
    not_yet = not_(audience.has_ballot(round_.id))
    may_vote = may_take_part(Account.id, opened_at=round_.opens_at)
    _invite(session, CLOSING, round_, may_vote & not_yet)


def _invite(session: Session, kind: str, round_: Round, who: ColumnElement[bool]) -> None:
    """The same words for everyone: neither topics in an order nor anything of votes (V4, V5)."""
    topics = len(paper.options(session, round_.id))

    def letter(language: str) -> dict[str, Any]:
        return {
            "title": round_.title,
            "method": round_.method,
            "topics": topics,
            "most": round_.max_choices,
            "until": show_time(round_.closes_at),
            "last_day": show_date(round_.closes_at),
            "url": address("voting.ballot", language, round_id=round_.id),
        }

    _put(session, kind, round_, who, letter, not_after=round_.closes_at)


def _decided(session: Session, round_: Round) -> None:
    """To the turnout roll and the followers of the round's topics."""
    topic_ids = [topic.id for topic in paper.options(session, round_.id)]
    who = audience.took_part(round_.id) | audience.follows(topic_ids)
    published = result.published(session, round_)
    ahead = [winner.topic for winner in published.winners] or published.advice
    counted = published.counted

    def letter(language: str) -> dict[str, Any]:
        return {
            "title": round_.title,
            "outcome": published.outcome,
            "ahead": [topic.title for topic in ahead],
            "ballots": counted and format_decimal(counted.ballots),
            "electorate": counted and counted.electorate and format_decimal(counted.electorate),
            "url": address("voting.result", language, round_id=round_.id),
        }

    _put(session, RESULT, round_, who, letter)


def _put(
    session: Session,
    kind: str,
    round_: Round,
    who: ColumnElement[bool],
    letter: Callable[[str], dict[str, Any]],
    not_after: datetime | None = None,
) -> None:
    readers = audience.readers(who)
    outbox.put_to_all(session, readers, kind, f"round:{round_.id}", letter, not_after)


MAILS: Mapping[str, _Mail] = MappingProxyType(
    {
        # On its last day a long round is told of as ending, if it was not told of before.
        OPENED: _Mail(and_(_is_open, not_(_is_ending)), Round.opening_told_at, _opened),
        CLOSING: _Mail(and_(_is_open, _is_ending), Round.closing_told_at, _closing),
        RESULT: _Mail(Round.settled_at > _clock - NEWS_FOR, Round.result_told_at, _decided),
    }
)
