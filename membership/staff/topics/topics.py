"""Topics: the queue of suggestions, the oldest first, and every topic by state."""

import re
from dataclasses import dataclass
from typing import Any

from flask import flash, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from membership import clock
from membership.db import lock, transaction
from membership.staff.room import EDITORS, back_to, blueprint, me
from membership.voting import lifecycle, moderation, suggestions
from membership.voting.models import Topic
from membership.web import access

PAGE = 20
# A suggestion that nobody has read and one that an editor let through wait in the same state.
QUEUES = ("unread", "approved")
VIEWS = (
    *QUEUES,
    "on_ballot",
    "selected",
    "assigned",
    "published",
    "not_selected",
    "dropped",
    "rejected",
    "merged",
    "all",
)


@dataclass(frozen=True)
class Page:
    """Some topics in the order they are shown in, and where the ones beside them begin."""

    topics: list[Topic]
    older: int | None
    newer: int | None


@blueprint.get("/topics")
@access.staff(*EDITORS)
def topics() -> str:
    """Fields `state` (one of VIEWS), `q`, and `before` or `after`, the id of a topic."""
    view = request.args.get("state", "")
    view = view if view in VIEWS else "unread"
    words = request.args.get("q", "").strip()[:200]
    before, after = request.args.get("before", type=int), request.args.get("after", type=int)
    with transaction() as session:
        page = _page(session, view, words, before, after)
        return render_template(
            "staff/topics.html",
            page=page,
            view=view,
            views=VIEWS,
            words=words,
            counts=_counts(session),
            supporters=supporters(session, page.topics),
            alike=moderation.alike(session, page.topics) if view in QUEUES else {},
            fingerprint=moderation.fingerprint,
            today=clock.newsroom_day(),
        )


@blueprint.post("/topics/approve")
@access.staff(*EDITORS)
def approve_ticked() -> Response:
    """Field `topic`, repeated: the id and the fingerprint of what was read, like 12-0123abcd."""
    approved = left = 0
    ticked = _ticked()
    with transaction() as session:
        topics = _locked(session, {topic_id for topic_id, _seen in ticked})
        for topic_id, seen in sorted(ticked):
            topic = topics.get(topic_id)
            try:
                if topic is None or moderation.fingerprint(topic) != seen:
                    raise lifecycle.ForbiddenTransitionError("This is not what was read.")
                moderation.approve(session, topic, me())
            except lifecycle.ForbiddenTransitionError:
                left += 1
            else:
                approved += 1
    _tell(approved, left)
    return back_to("staff.topics")


def supporters(session: Session, topics: list[Topic]) -> dict[int, int]:
    """How many want each suggestion; of what has left the queue, or stands on a ballot paper,
    nothing is told (rule V13).
    """
    waiting = [topic.id for topic in topics if topic.state == "suggested"]
    return suggestions.supporters(session, waiting)


def in_view(view: str) -> ColumnElement[bool]:
    """SQL: the topics that stand in one of VIEWS."""
    match view:
        case "unread":
            return and_(Topic.state == "suggested", Topic.approved_at.is_(None))
        case "approved":
            return and_(Topic.state == "suggested", Topic.approved_at.is_not(None))
        case "all":
            return true()
    return Topic.state == view


def _page(session: Session, view: str, words: str, before: int | None, after: int | None) -> Page:
    """Queues begin with the oldest, the others with the newest; a page is found by its edge."""
    oldest_first = view in QUEUES
    upward = after is not None or (before is None and oldest_first)
    query = select(Topic).where(in_view(view), _has(words))
    if upward:
        query = query.where(Topic.id > (after or 0)).order_by(Topic.id)
    else:
        query = query.order_by(Topic.id.desc())
        query = query.where(Topic.id < before) if before is not None else query
    rows = list(session.scalars(query.limit(PAGE + 1)))
    shown, goes_on = rows[:PAGE], len(rows) > PAGE
    ids = sorted(topic.id for topic in shown)
    is_older = ids and (after is not None if upward else goes_on)
    is_newer = ids and (goes_on if upward else before is not None)
    return Page(
        sorted(shown, key=lambda topic: topic.id if oldest_first else -topic.id),
        ids[0] if is_older else None,
        ids[-1] if is_newer else None,
    )


def _has(words: str) -> ColumnElement[bool]:
    """SQL: these words stand in a topic, or they are its address."""
    if not words:
        return true()
    return or_(
        Topic.title.icontains(words, autoescape=True),
        Topic.why.icontains(words, autoescape=True),
        Topic.slug == words.rstrip("/").rpartition("/")[2],
    )


def _counts(session: Session) -> dict[str, int]:
    """How many topics stand in each view."""
    is_approved = and_(Topic.state == "suggested", Topic.approved_at.is_not(None))
    rows = session.execute(
        select(Topic.state, is_approved, func.count()).group_by(Topic.state, is_approved)
    )
    counts: dict[str, int] = dict.fromkeys(VIEWS, 0)
    for state, approved, number in rows:
        view = ("approved" if approved else "unread") if state == "suggested" else state
        counts[view] += number
        counts["all"] += number
    return counts


def _ticked() -> set[tuple[int, str]]:
    """What was ticked, without what no page of ours has sent."""
    found = (
        re.fullmatch(r"([0-9]{1,18})-([0-9a-f]+)", each) for each in request.form.getlist("topic")
    )
    return {(int(each[1]), each[2]) for each in found if each}


def _locked(session: Session, topic_ids: set[int]) -> dict[int, Topic]:
    """All of them at once, by id: whoever writes to the audit log must not wait for a topic."""
    for topic_id in sorted(topic_ids):
        lock(session, f"topic:{topic_id}")
    rows = select(Topic).where(Topic.id.in_(topic_ids)).order_by(Topic.id).with_for_update()
    return {topic.id: topic for topic in session.scalars(rows)}


def _tell(approved: int, left: int) -> None:
    if approved:
        said: Any = ngettext(
            "%(num)d suggestion has been approved.",
            "%(num)d suggestions have been approved.",
            approved,
        )
        flash(said, "good")
    if left:
        said = ngettext(
            "%(num)d has changed since you read it and was left as it is.",
            "%(num)d have changed since you read them and were left as they are.",
            left,
        )
        flash(said, "warning")
    if not approved and not left:
        flash(_("Tick what you have read and want to approve."), "info")
