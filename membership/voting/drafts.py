"""Drafts: rounds before they open, whose topics, rules and times staff may still change.

Everybody sees a draft and its tie seed; from its opening on nothing of it changes (rules V6, V7).
Rows are locked in one order everywhere: the series, the round, its topics, the audit log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.background import wake
from membership.db import database_now
from membership.voting import paper
from membership.voting.models import (
    METHODS,
    QUORUM_RULES,
    TIE_RULES,
    Round,
    RoundOption,
    RoundSeries,
    Topic,
)
from membership.voting.paper import InvalidRoundError as InvalidRoundError

FARTHEST = timedelta(days=10 * 365)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is fixed by the opening, beside the topics: how votes are cast, counted and when."""

    title: str
    opens_at: datetime
    closes_at: datetime
    method: str = "approval"
    max_choices: int = 3
    # So many topics win, if at least `quorum` valid ballots are cast.
    seats: int = 1
    quorum: int = 1
    quorum_rule: str = "void"
    tie_rule: str = "lot"


def check(
    session: Session, topics: Sequence[Topic], draft_id: int | None = None, **rules: Any
) -> Rules:
    """What a round over these topics by these rules would be; nothing is written or locked.

    Raises InvalidRoundError with a sentence about the first thing that cannot be.
    """
    meant = Rules(**rules | {"title": rules["title"].strip()})
    if not meant.title:
        raise InvalidRoundError(_("A round needs a title."))
    _check_times(session, meant.opens_at, meant.closes_at)
    _insist_on_one_at_a_time(session, meant.opens_at, draft_id)
    _check_topics(topics)
    check_counting(meant, len(topics))
    for topic in topics:
        paper.insist_on_free(session, topic, draft_id)
    return meant


def create(
    session: Session,
    *,
    topics: Sequence[Topic],
    actor: Account | None,
    series: RoundSeries | None = None,
    **rules: Any,
) -> Round:
    """A draft that opens by itself; `rules` are those of Rules by their names.

    `actor` is None when its series built it. What stands on a ballot is approved by that.
    Raises InvalidRoundError, and nothing is created.
    """
    meant = check(session, topics, **rules)
    draft = Round(**vars(meant), series_id=series.id if series else None, tie_seed="")
    with session.begin_nested():
        session.add(draft)
        session.flush()
        _put_on(session, draft, topics, actor)
    standing = {"topics": [topic.id for topic in topics]}
    built_by = {"series": series.id} if series else {}
    _record(session, "round.created", draft, actor, **standing, **built_by)
    wake(session, "voting.advance_rounds")
    return draft


def change(
    session: Session, draft: Round, actor: Account, *, topics: Sequence[Topic], **rules: Any
) -> Round:
    """Give a draft other topics, rules or times; its tie seed is sealed anew.

    Raises InvalidRoundError, also once the time of its opening has come; nothing is changed then.
    """
    _lock(session, draft)
    if draft.opens_at <= database_now(session):
        raise _has_opened()
    meant = check(session, topics, draft.id, **rules)
    changed = [name for name, value in vars(meant).items() if getattr(draft, name) != value]
    before = {topic.id for topic in paper.options(session, draft.id)}
    with session.begin_nested():
        for name in changed:
            setattr(draft, name, getattr(meant, name))
        session.execute(delete(RoundOption).where(RoundOption.round_id == draft.id))
        _put_on(session, draft, topics, actor)
    standing = {}
    if before != {topic.id for topic in topics}:
        changed.append("topics")
        standing = {"topics": [topic.id for topic in topics]}
    _record(session, "round.changed", draft, actor, changed=changed, **standing)
    wake(session, "voting.advance_rounds")
    return draft


def cancel(session: Session, draft: Round, actor: Account) -> None:
    """Take a draft back before it opens: its topics stay suggestions, and approved.

    Its hour may have come: before the first vote the round is opened, so nobody has voted. What
    cannot open is not stuck for good. Raises InvalidRoundError once it has opened.
    """
    _lock(session, draft)
    _record(session, "round.cancelled", draft, actor, title=draft.title)
    session.delete(draft)
    session.flush()


def check_counting(rules: Rules | RoundSeries, topics: int) -> None:
    """Raises InvalidRoundError unless `topics` topics can be voted on by these rules."""
    if rules.method not in METHODS:
        raise InvalidRoundError(_("A vote is counted by approval or by instant-runoff."))
    if not 1 <= rules.max_choices <= topics:
        raise InvalidRoundError(
            _("Patrons choose at least one topic, and no more than stand: %(most)s.", most=topics)
        )
    if not 1 <= rules.seats < topics:
        raise InvalidRoundError(_("At least one topic wins, and fewer win than stand."))
    if rules.method == "instant_runoff" and rules.seats != 1:
        raise InvalidRoundError(_("Instant-runoff chooses exactly one topic."))
    if rules.quorum < 1:
        raise InvalidRoundError(_("A result needs at least one ballot."))
    if rules.quorum_rule not in QUORUM_RULES:
        raise InvalidRoundError(_("With too few ballots a round is void, or its result is advice."))
    if rules.tie_rule not in TIE_RULES:
        raise InvalidRoundError(
            _("Level topics are ordered by lot, or by which was suggested first.")
        )


def _has_opened() -> InvalidRoundError:
    return InvalidRoundError(_("This round has opened: nothing about it can be changed any more."))


def _lock(session: Session, draft: Round) -> None:
    """The opening waits for us, or has come before us."""
    held = select(Round).where(Round.id == draft.id).with_for_update()
    if session.scalar(held.execution_options(populate_existing=True)) is None:
        raise InvalidRoundError(_("This draft has been taken back meanwhile."))
    if draft.state != "draft":
        raise _has_opened()


def _put_on(session: Session, draft: Round, topics: Sequence[Topic], actor: Account | None) -> None:
    paper.put_on(session, draft, topics)
    actor_id = actor.id if actor else None
    for topic in topics:
        if topic.approved_at is None:
            topic.approved_at = clock.now()
            subject = f"topic:{topic.id}"
            audit.record(session, "topic.approved", subject, actor_id=actor_id, round=draft.id)
    session.flush()


def _check_times(session: Session, opens_at: datetime, closes_at: datetime) -> None:
    if opens_at.tzinfo is None or closes_at.tzinfo is None:
        raise InvalidRoundError(_("The times of a round need their zone."))
    now = database_now(session)
    if closes_at <= now:
        raise InvalidRoundError(_("A round cannot close in the past."))
    if opens_at >= closes_at:
        raise InvalidRoundError(_("A round closes after it opens."))
    if opens_at < now - FARTHEST or closes_at > now + FARTHEST:
        raise InvalidRoundError(_("A round opens and closes within ten years of today."))


def _insist_on_one_at_a_time(session: Session, opens_at: datetime, draft_id: int | None) -> None:
    """Of the rounds that a series has built no two open at the same time."""
    own = select(Round.series_id).where(Round.id == draft_id).scalar_subquery()
    taken = exists().where(Round.series_id == own, Round.opens_at == opens_at, Round.id != draft_id)
    if session.scalar(select(taken)):
        raise InvalidRoundError(
            _("Another round of the same series opens at this time already. Choose another.")
        )


def _check_topics(topics: Sequence[Topic]) -> None:
    seen: set[int] = set()
    for topic in topics:
        if topic.id in seen:
            raise InvalidRoundError(
                _("“%(title)s” can stand on the ballot only once.", title=topic.title)
            )
        seen.add(topic.id)
    if len(seen) < 2:
        raise InvalidRoundError(_("A round needs at least two topics to choose from."))


def _record(
    session: Session, action: str, draft: Round, actor: Account | None, **detail: Any
) -> None:
    actor_id = actor.id if actor else None
    audit.record(session, action, f"round:{draft.id}", actor_id=actor_id, **detail)
