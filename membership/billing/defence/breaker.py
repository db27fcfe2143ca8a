"""When card testing begins and ends (rule B16). It stands in rows; nothing else remembers it."""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.billing.defence import rules
from membership.billing.defence.attempts import count
from membership.billing.defence.models import CardFailure, CardTesting, GivingAttempt
from membership.db import after_commit

log = structlog.get_logger(__name__)


def judge(session: Session) -> bool:
    """Begin or end card testing by what was seen lately; whether it goes on."""
    last = session.scalar(
        select(CardTesting)
        .order_by(CardTesting.started_at.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    is_running = last is not None and last.ended_at is None
    # What was seen before the last end does not begin it again.
    seen = _seen(session, since=last.ended_at if last is not None else None)
    if is_running:
        return not rules.is_calm(seen) or not _end(session, seen)
    return rules.begins(seen) and _begin(session, seen)


def _seen(session: Session, since: datetime | None) -> tuple[rules.Seen, ...]:
    given: dict[str, Any] = {"spans": rules.SPANS, "since": since}
    declined = count(session, CardFailure.created_at, CardFailure.checkout_id.is_not(None), **given)
    opened = count(session, GivingAttempt.created_at, **given)
    paid = count(session, GivingAttempt.completed_at, **given)
    return tuple(rules.Seen(span, declined[span], opened[span], paid[span]) for span in rules.SPANS)


def _begin(session: Session, seen: tuple[rules.Seen, ...]) -> bool:
    begun = session.scalar(
        insert(CardTesting)
        .values(started_at=clock.now())
        .on_conflict_do_nothing()
        .returning(CardTesting.id)
    )
    if begun is not None:
        after_commit(session, lambda: log.warning("card_testing_began", **_said(seen)))
    return True


def _end(session: Session, seen: tuple[rules.Seen, ...]) -> bool:
    ended = session.scalar(
        update(CardTesting)
        .where(CardTesting.ended_at.is_(None))
        .values(ended_at=clock.now())
        .returning(CardTesting.started_at)
    )
    if ended is not None:
        minutes = round((clock.now() - ended).total_seconds() / 60)
        after_commit(session, lambda: log.warning("card_testing_ended", minutes=minutes))
    return True


def _said(seen: tuple[rules.Seen, ...]) -> dict[str, int]:
    (lately,) = (each for each in seen if each.span == rules.CALM_SPAN)
    return {"declined": lately.declined, "opened": lately.opened, "paid": lately.paid}
