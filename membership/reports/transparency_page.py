"""The public page of where the money comes from: whether it is on, and what it begins with."""

import time
from typing import Any

from flask import current_app
from flask_babel import format_date, format_decimal
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.campaigns import writing
from membership.db import transaction
from membership.reports.models import TransparencyPage
from membership.reports.transparency import books
from membership.web.languages import current_language

ONLY = 1
KEPT = "kava.transparency_is_on"


def find(session: Session) -> TransparencyPage:
    """The one row, or one that nobody has written yet: off, without words."""
    found = session.get(TransparencyPage, ONLY, populate_existing=True)
    return found or TransparencyPage(id=ONLY, is_on=False, introductions={})


def values(session: Session, page: TransparencyPage) -> dict[str, Any]:
    """What the templates of the page see, in the language of the request."""
    text, written_in = _introduction(page, current_language())
    return {
        "books": books(session, clock.now().date()),
        "introduction": writing.html(text, settings().public_url),
        "written_in": written_in,
        "count": format_decimal,
        "quarter_name": lambda day: format_date(day, "QQQQ y", rebase=False),
    }


def _introduction(page: TransparencyPage, language: str) -> tuple[str, str]:
    """(Markdown, the language it is in): that of the site's first where theirs has no words."""
    for each in dict.fromkeys((language, settings().languages[0])):
        if text := page.introductions.get(each):
            return text, each
    return "", language


def switch(session: Session, actor: Account, *, on: bool, reason: str) -> bool:
    """Show the page to everybody, or to nobody; whether that changed anything."""
    page = _locked(session)
    if page.is_on == on:
        return False
    page.is_on = on
    deed = "transparency.shown" if on else "transparency.hidden"
    audit.record(session, deed, "transparency", actor_id=actor.id, reason=reason)
    return True


def write(session: Session, actor: Account, introductions: dict[str, str], reason: str) -> bool:
    """Have the page begin with these words; whether that changed anything."""
    page = _locked(session)
    before, after = page.introductions, {code: text for code, text in introductions.items() if text}
    if before == after:
        return False
    page.introductions = after
    audit.record(
        session,
        "transparency.written",
        "transparency",
        actor_id=actor.id,
        reason=reason,
        before=before,
        after=after,
    )
    return True


def is_on() -> bool:
    """Whether the page is there to be linked to, as of a second ago at most.

    The foot of every page asks. Kept by each process for as long as it keeps pages (rule R2).
    """
    seconds = current_app.extensions["kava.page_cache"].seconds
    known = current_app.extensions.get(KEPT)
    if known is None or time.monotonic() - known[0] >= seconds:
        with transaction() as session:
            state = bool(session.scalar(select(TransparencyPage.is_on)))
        known = current_app.extensions[KEPT] = (time.monotonic(), state)
    return bool(known[1])


def _locked(session: Session) -> TransparencyPage:
    """The row, made when there is none."""
    session.execute(
        insert(TransparencyPage)
        .values(id=ONLY, is_on=False, introductions={}, changed_at=clock.now())
        .on_conflict_do_nothing()
    )
    return session.get_one(TransparencyPage, ONLY, with_for_update=True, populate_existing=True)
