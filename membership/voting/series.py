"""Recurring rounds: one a month for each series, built from the suggestions with most supporters.

A draft is built three days before it opens, so that everybody can see what will stand; until then
and until it opens editors may change it or take it back. A beat that slept builds it late, and
nothing once the opening is past: rules must be known before they count (rules V6, V7).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from babel.dates import format_date
from flask_babel import gettext as _
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.background import wake
from membership.db import database_now, transaction
from membership.voting import drafts, suggestions
from membership.voting.drafts import InvalidRoundError
from membership.voting.models import Round, RoundSeries
from membership.voting.suggestions import Suggestion

AHEAD = timedelta(days=3)
# The rounds of a series never overlap.
LATEST_DAY = LONGEST_DAYS = 28
FEWEST_TOPICS = 2
RULES = ("method", "max_choices", "seats", "quorum", "quorum_rule", "tie_rule")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Next:
    """The next round of a series as it would be built now; its times are UTC."""

    title: str
    opens_at: datetime
    closes_at: datetime
    builds_at: datetime
    suggestions: list[Suggestion]
    is_short: bool


def build_due() -> list[int]:
    """One draft for each active series whose next opening is at most three days away: their ids.

    Of two that build at once the second finds it built. With too few topics nothing is built; the
    audit log says so once, and topics that are approved before the opening are still taken. Each
    has a transaction of its own: what fails is logged and stops no other.
    """
    with transaction() as session:
        now = database_now(session)
        active = select(RoundSeries).where(RoundSeries.is_active).order_by(RoundSeries.id)
        due = [series.id for series in session.scalars(active) if _is_due(series, now)]
    return [round_id for series_id in due if (round_id := _build_one(series_id)) is not None]


def upcoming(session: Session, series: RoundSeries) -> Next:
    """What the next round of a series would be, were it built now."""
    return _next(session, series, database_now(session))


def opening(series: RoundSeries, after: datetime) -> datetime:
    """When the next round opens that is not built yet, in UTC: the first after `after`.

    The day and time are those of the newsroom's zone. A time that the clock jumps over in spring
    opens as much later; one that comes twice in autumn opens the first time.
    """
    zone = clock.newsroom_zone()
    for month in _months(after.astimezone(zone).date()):
        local = datetime.combine(month.replace(day=series.day), series.opens_at, zone)
        opens_at = local.astimezone(UTC)
        if opens_at > after and (series.built_for is None or month > series.built_for):
            return opens_at
    raise AssertionError("months do not end")


def next_opening(session: Session) -> datetime | None:
    """When the next round opens that is not built yet; None when none recurs."""
    now = database_now(session)
    active = session.scalars(select(RoundSeries).where(RoundSeries.is_active))
    return min((opening(series, now) for series in active), default=None)


def create(session: Session, actor: Account, **values: Any) -> RoundSeries:
    """Set up a series; `values` are the columns of RoundSeries. Raises InvalidRoundError."""
    series = RoundSeries(**values)
    _check(series)
    session.add(series)
    session.flush()
    audit.record(session, "series.created", f"series:{series.id}", actor_id=actor.id)
    wake(session, "voting.advance_rounds")
    return series


def change(session: Session, series: RoundSeries, actor: Account, **values: Any) -> None:
    """Give a series other values, also `is_active`; rounds that are built stay as they are.

    Raises InvalidRoundError, and changes nothing.
    """
    session.refresh(series, with_for_update=True)
    changed = sorted(name for name, value in values.items() if getattr(series, name) != value)
    with session.begin_nested():
        for name in changed:
            setattr(series, name, values[name])
        _check(series)
    audit.record(
        session, "series.changed", f"series:{series.id}", actor_id=actor.id, changed=changed
    )
    wake(session, "voting.advance_rounds")


def _build_one(series_id: int) -> int | None:
    try:
        with transaction() as session:
            draft = _build(session, series_id)
            return draft.id if draft else None
    # Whatever is wrong with one series must not stop the others.
    except Exception:
        log.exception("series_stuck", series=series_id)
        return None


def _build(session: Session, series_id: int) -> Round | None:
    held = select(RoundSeries).where(RoundSeries.id == series_id, RoundSeries.is_active)
    series = session.scalar(held.with_for_update(skip_locked=True))
    now = database_now(session)
    if series is None or not _is_due(series, now):
        return None
    meant = _next(session, series, now)
    month = _month_of(meant.opens_at)
    if _has_round(session, series, meant.opens_at):
        series.built_for = month
        return None
    if meant.is_short:
        _say_short(session, series, meant, month)
        return None
    try:
        draft = drafts.create(
            session,
            title=meant.title,
            topics=[each.topic for each in meant.suggestions],
            opens_at=meant.opens_at,
            closes_at=meant.closes_at,
            actor=None,
            series=series,
            **_rules(series, len(meant.suggestions)),
        )
    except InvalidRoundError as error:
        # A topic has moved on while we looked: the next beat looks again.
        log.warning("series_not_built", series=series.id, why=str(error))
        return None
    series.built_for = month
    return draft


def _has_round(session: Session, series: RoundSeries, opens_at: datetime) -> bool:
    """An editor has moved an earlier round of the series to this time."""
    there = exists().where(Round.series_id == series.id, Round.opens_at == opens_at)
    return bool(session.scalar(select(there)))


def _next(session: Session, series: RoundSeries, now: datetime) -> Next:
    zone = clock.newsroom_zone()
    opens_at = opening(series, now)
    local = opens_at.astimezone(zone)
    best = suggestions.best_supported(session, series.topics)
    return Next(
        title=f"{series.title}, {_month_name(local.date())}",
        opens_at=opens_at,
        # Days of the newsroom's clock: it closes at the time of day at which it opened.
        closes_at=(local + timedelta(days=series.days)).astimezone(UTC),
        builds_at=opens_at - AHEAD,
        suggestions=best,
        is_short=len(best) < max(FEWEST_TOPICS, series.seats + 1),
    )


def _is_due(series: RoundSeries, now: datetime) -> bool:
    return opening(series, now) - AHEAD <= now


def _rules(series: RoundSeries, topics: int) -> dict[str, Any]:
    """With fewer topics than the series hoped for, patrons can choose at most those."""
    rules = {name: getattr(series, name) for name in RULES}
    return rules | {"max_choices": min(series.max_choices, topics)}


def _say_short(session: Session, series: RoundSeries, meant: Next, month: date) -> None:
    if series.short_for == month:
        return
    series.short_for = month
    audit.record(
        session,
        "round.not_built",
        f"series:{series.id}",
        opens_at=meant.opens_at.isoformat(),
        topics=len(meant.suggestions),
    )


def _months(first: date) -> Iterator[date]:
    """The first days of the month of `first` and of those that follow."""
    month = first.replace(day=1)
    while True:
        yield month
        month = (month + timedelta(days=31)).replace(day=1)


def _month_of(at: datetime) -> date:
    return clock.newsroom_day(at).replace(day=1)


def _month_name(day: date) -> str:
    """In the newsroom's first language, such as "March 2027"."""
    return format_date(day, "LLLL y", locale=settings().languages[0])


def _check(series: RoundSeries) -> None:
    """Raises InvalidRoundError with a sentence about the first thing that cannot be."""
    if not series.title.strip():
        raise InvalidRoundError(_("A recurring round needs a title."))
    if not 1 <= series.day <= LATEST_DAY:
        raise InvalidRoundError(_("Choose a day that every month has: from 1 to 28."))
    if not 1 <= series.days <= LONGEST_DAYS:
        raise InvalidRoundError(_("A recurring round is open for 1 to 28 days."))
    if series.topics < FEWEST_TOPICS:
        raise InvalidRoundError(_("A round needs at least two topics to choose from."))
    drafts.check_counting(series, series.topics)
