"""What became of our mail, in figures and one by one, with their reasons; never the text.

Reminders of a vote are left out, of the counts too: who got none had voted (rules V4, V8).
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import render_template, request
from flask_babel import format_date
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.db import transaction
from membership.mail import hidden, kinds
from membership.mail.models import STATES, OutboxEmail
from membership.reports import words
from membership.staff.mail import mail_figures
from membership.staff.room import FINANCE, blueprint, me
from membership.voting.telling import CLOSING, shows_who_voted
from membership.web import access

PAGE = 50
# For a part of an address so many are looked at, the newest first: it has no index.
LOOKED_AT = 50_000
# What hides where a page of mails ends.
_PAGES = "pages of mails"


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
    created_at: datetime
    sent_at: datetime | None
    bounced_at: datetime | None


@dataclass(frozen=True)
class Asked:
    """The filter of the list; "" where it asks for nothing."""

    state: str
    kind: str
    text: str

    @property
    def is_address(self) -> bool:
        """A whole address is looked up among all mails, a part of one among the newest."""
        return re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", self.text, re.IGNORECASE) is not None

    def __bool__(self) -> bool:
        return bool(self.state or self.kind or self.text)


@blueprint.get("/mail")
@access.staff(*FINANCE)
def mail() -> str:
    asked = _asked()
    with transaction() as session:
        settled = mail_figures.settled(session)
        waiting = mail_figures.waiting(session)
        failures = mail_figures.failures(session)
        provider = mail_figures.provider(session)
        letters = _letters(session, asked, hidden.reveal(request.args.get("before", ""), _PAGES))
        _note(session, asked, letters[:PAGE])
    return render_template(
        "staff/mail.html",
        settled=settled,
        picture=mail_figures.picture(settled, _short_day) if settled else None,
        waiting=waiting,
        failures=failures,
        meaning=mail_figures.meaning,
        why=mail_figures.why,
        provider=provider,
        is_paused=_is_ahead(provider.paused_until_at if provider else None),
        rate=settings().mail_rate,
        letters=letters[:PAGE],
        older=hidden.hide(letters[PAGE - 1].id, _PAGES) if len(letters) > PAGE else None,
        asked=asked,
        looked_at=LOOKED_AT,
        words=words,
        kinds=_shown_kinds(),
        final=mail_figures.FINAL,
        columns=[(words.MAIL[state], "number") for state in mail_figures.FINAL],
        short_day=_short_day,
    )


def _note(session: Session, asked: Asked, shown: list[Letter]) -> None:
    """Whose mails were looked at, and what was asked for; an address that was, only that it was.

    The mails' own numbers would tell how many reminders of a vote lie between them.
    """
    audit.record(
        session,
        "mail.listed",
        "mail",
        actor_id=me().id,
        mails=len(shown),
        accounts=sorted({letter.account_id for letter in shown if letter.account_id is not None}),
        state=asked.state,
        kind=asked.kind,
        by_address=bool(asked.text),
    )


def _asked() -> Asked:
    """What the filter holds; what there is not is as good as nothing."""
    state, kind = request.args.get("state", ""), request.args.get("kind", "")
    return Asked(
        state=state if state in STATES else "",
        kind=kind if kind in _shown_kinds() else "",
        text=request.args.get("q", "").strip()[:200],
    )


def _shown_kinds() -> dict[str, Any]:
    return {kind: said for kind, said in words.KIND.items() if kind != CLOSING}


def _short_day(day: date) -> str:
    return str(format_date(day, "d MMM", rebase=False))


def _is_ahead(at: datetime | None) -> bool:
    return at is not None and at > clock.now()


def _letters(session: Session, asked: Asked, before: int | None) -> list[Letter]:
    """One page of mails and, when there are more, one beyond it; newest first."""
    columns = [getattr(OutboxEmail, name) for name in Letter.__dataclass_fields__]
    query = select(*columns).where(~shows_who_voted())
    query = query.order_by(OutboxEmail.id.desc()).limit(PAGE + 1)
    if asked.state:
        query = query.where(OutboxEmail.state == asked.state)
    if asked.kind:
        query = query.where(OutboxEmail.kind == asked.kind)
    if asked.is_address:
        # The index begins with the kind.
        everything = OutboxEmail.kind.in_(sorted(kinds.names()))
        query = query.where(everything, OutboxEmail.recipient == asked.text)
    elif asked.text:
        newest = select(OutboxEmail.id).order_by(OutboxEmail.id.desc()).limit(LOOKED_AT)
        if before is not None:
            newest = newest.where(OutboxEmail.id < before)
        first = select(func.min(newest.subquery().c.id)).scalar_subquery()
        query = query.where(
            OutboxEmail.id >= first, OutboxEmail.recipient.icontains(asked.text, autoescape=True)
        )
    if before is not None:
        query = query.where(OutboxEmail.id < before)
    return [Letter(*row) for row in session.execute(query)]
