"""What Stripe told us, and what became of it; an event can be processed again."""

from datetime import datetime
from typing import Any

from flask import flash, render_template, request
from flask_babel import gettext as _
from sqlalchemy import func, select, tuple_, update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from config.settings import settings
from membership.accounts import audit
from membership.background import wake
from membership.billing.models import EVENT_STATES, StripeEvent
from membership.db import transaction
from membership.reports import words
from membership.staff.room import FINANCE, back_to, blueprint, found, me
from membership.web import access

PAGE = 50
# A pending event is already due; a worker may be at it.
FINAL_STATES = ("processed", "ignored", "failed")


@blueprint.get("/events")
@access.staff(*FINANCE)
def events() -> str:
    state = request.args.get("state", "")
    state = state if state in EVENT_STATES else ""
    text = request.args.get("q", "").strip()[:200]
    with transaction() as session:
        rows = _events(session, state, text, request.args.get("before", ""))
    return render_template(
        "staff/events.html",
        events=rows[:PAGE],
        older=_cursor(rows[PAGE - 1]) if len(rows) > PAGE else None,
        state=state,
        text=text,
        words=words,
    )


@blueprint.get("/events/<event_id>")
@access.staff(*FINANCE)
def event(event_id: str) -> str:
    """One event, without what it says of a person."""
    with transaction() as session:
        shown: StripeEvent = found(session.get(StripeEvent, event_id))
        about = StripeEvent.object_id == shown.object_id
        object_events = session.scalar(select(func.count()).where(about))
    world = "" if settings().is_live else "/test"
    return render_template(
        "staff/event.html",
        event=shown,
        said=_said(shown.payload),
        object_events=object_events,
        url=f"https://dashboard.stripe.com{world}/events/{shown.id}",
        words=words,
    )


def _said(payload: dict[str, Any]) -> dict[str, str | None]:
    """What an event tells of itself."""
    subject = payload.get("data", {}).get("object", {})
    return {
        "kind": subject.get("object"),
        "version": payload.get("api_version"),
        "request": (payload.get("request") or {}).get("id"),
    }


@blueprint.post("/events/<event_id>/again")
@access.staff(*FINANCE)
def process_again(event_id: str) -> Response:
    """Make a finished event due once more; what it is about is read anew from Stripe."""
    # The one it stands on alone, or the list.
    values = {"event_id": event_id} if request.form.get("page") == "one" else {}
    seen_from = "staff.event" if values else "staff.events"
    with transaction() as session:
        made_due = session.scalar(
            update(StripeEvent)
            .where(StripeEvent.id == event_id, StripeEvent.state.in_(FINAL_STATES))
            .values(state="pending", attempts=0, next_attempt_at=func.now(), processed_at=None)
            .returning(StripeEvent.id)
        )
        if made_due is None:
            found(session.get(StripeEvent, event_id))
            flash(_("This event is waiting to be processed already."))
            return back_to(seen_from, **values)
        audit.record(session, "event.process_again", f"event:{event_id}", actor_id=me().id)
        wake(session, "billing.process_events")
    flash(_("The event is being processed again."), "good")
    return back_to(seen_from, **values)


def _events(session: Session, state: str, text: str, before: str) -> list[StripeEvent]:
    """One page of events and, when there are more, one beyond it; newest first."""
    place = tuple_(StripeEvent.received_at, StripeEvent.id)
    query = (
        select(StripeEvent)
        .order_by(StripeEvent.received_at.desc(), StripeEvent.id.desc())
        .limit(PAGE + 1)
    )
    if state:
        query = query.where(StripeEvent.state == state)
    if text:
        query = query.where(
            StripeEvent.id.startswith(text, autoescape=True)
            | StripeEvent.type.startswith(text, autoescape=True)
            | (StripeEvent.object_id == text)
        )
    if reached := _place(before):
        query = query.where(place < reached)
    return list(session.scalars(query))


def _cursor(event: StripeEvent) -> str:
    return f"{event.received_at.isoformat()},{event.id}"


def _place(cursor: str) -> tuple[datetime, str] | None:
    """What _cursor() wrote; None for anything else, which then shows the first page."""
    at, _comma, event_id = cursor.partition(",")
    try:
        received_at = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (received_at, event_id) if received_at.tzinfo else None
