"""What became of our mail: states over time and failures with their reasons; never the text.

Reminders of a vote are left out, of the counts too: who got none had voted (rules V4, V8).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from flask import render_template, request
from flask_babel import format_date
from sqlalchemy import cast, func, select, types
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import audit
from membership.db import transaction
from membership.mail.models import STATES, OutboxEmail
from membership.reports import words
from membership.staff.room import FINANCE, blueprint, me
from membership.voting.telling import shows_who_voted
from membership.web import access

PAGE = 50
SHOWN_DAYS = 14


@dataclass(frozen=True)
class Letter:
    """What staff may know of a mail."""

    id: int
    kind: str
    recipient: str
    account_id: int | None
    state: str
    attempts: int
    last_error: str | None
    created_at: object
    sent_at: object


@blueprint.get("/mail")
@access.staff(*FINANCE)
def mail() -> str:
    state = request.args.get("state", "")
    state = state if state in STATES else ""
    text = request.args.get("q", "").strip()[:200]
    with transaction() as session:
        days = _days(session)
        letters = _letters(session, state, text, request.args.get("before", type=int))
        audit.record(
            session,
            "mail.listed",
            "mail",
            actor_id=me().id,
            mails=[letter.id for letter in letters[:PAGE]],
        )
    return render_template(
        "staff/mail.html",
        days=days,
        letters=letters[:PAGE],
        older=letters[PAGE - 1].id if len(letters) > PAGE else None,
        state=state,
        text=text,
        words=words,
        name_of_day=lambda day: format_date(day, "d MMMM y", rebase=False),
    )


def _days(session: Session) -> list[tuple[date, dict[str, int]]]:
    """How many mails of each of the last days stand in each state, newest day first."""
    day = cast(func.timezone("UTC", OutboxEmail.created_at), types.Date)
    since = clock.now() - timedelta(days=SHOWN_DAYS)
    counts: dict[date, dict[str, int]] = defaultdict(dict)
    for on, state, count in session.execute(
        select(day, OutboxEmail.state, func.count())
        .where(OutboxEmail.created_at >= since, ~shows_who_voted())
        .group_by(day, OutboxEmail.state)
    ):
        counts[on][state] = count
    return sorted(counts.items(), reverse=True)


def _letters(session: Session, state: str, text: str, before: int | None) -> list[Letter]:
    """One page of mails and, when there are more, one beyond it; newest first."""
    columns = [getattr(OutboxEmail, name) for name in Letter.__dataclass_fields__]
    query = select(*columns).where(~shows_who_voted())
    query = query.order_by(OutboxEmail.id.desc()).limit(PAGE + 1)
    if state:
        query = query.where(OutboxEmail.state == state)
    if text:
        query = query.where(OutboxEmail.recipient.icontains(text, autoescape=True))
    if before is not None:
        query = query.where(OutboxEmail.id < before)
    return [Letter(*row) for row in session.execute(query)]
