"""The weekly letter: what was published, to everyone who asked for it, each week once (rule M8)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, defer

from config.settings import settings
from membership import clock, money
from membership.accounts.models import Account
from membership.articles import ask, metadata
from membership.articles.models import Article
from membership.billing.standing import has_standing
from membership.mail import outbox
from membership.newsletter import issues, periods, readers
from membership.newsletter.models import Issue
from membership.newsletter.readers import NEWSLETTER
from membership.web.languages import address
from membership.web.pages import show_date

WEEK = timedelta(days=7)
NOT_AFTER = timedelta(days=2)
MOST = 20


def write(session: Session) -> None:
    """Write this week's letter if it is due, nobody has, and there is a story to tell of.

    The ask is for who is no patron. Patrons' letters are written last, to whoever has none yet: a
    support that begins or ends meanwhile leaves nobody without a letter.
    """
    week = periods.week_due(clock.newsroom_now())
    if week is None:
        return
    found = _stories(session)
    if not found or not issues.begin(session, NEWSLETTER, week):
        return
    not_patrons = readers.wanted(or_(Account.id.is_(None), ~has_standing(Account.id)))

    def letter(language: str) -> dict[str, Any]:
        return {
            "stories": _in_words(found, language),
            "date": show_date(clock.now()),
            "ask": None,
        }

    def letter_that_asks(language: str) -> dict[str, Any]:
        return {**letter(language), "ask": _ask(language)}

    not_after = clock.now() + NOT_AFTER
    for whom, text in ((not_patrons, letter_that_asks), (readers.wanted(), letter)):
        outbox.put_to_all(session, whom, NEWSLETTER, f"issue:{week}", text, not_after)


def _stories(session: Session) -> Sequence[Article]:
    """The newest since the last letter; one that came in after it, though dated before, as well."""
    now = clock.now()
    last = select(func.max(Issue.written_at)).where(Issue.kind == NEWSLETTER)
    since: datetime = session.scalar(last) or now - WEEK
    came_late = and_(Article.created_at > since, Article.published_at > since - WEEK)
    asked = (
        select(Article)
        .where(or_(Article.published_at > since, came_late), Article.published_at <= now)
        .order_by(Article.published_at.desc(), Article.id.desc())
        .options(defer(Article.body_html))
    )
    return session.scalars(asked.limit(MOST)).all()


def _in_words(found: Sequence[Article], language: str) -> list[dict[str, Any]]:
    """All of them, those in the reader's language first."""
    return [
        {
            "title": each.title,
            "standfirst": each.standfirst,
            "language": each.language,
            "date": show_date(each.published_at),
            "url": metadata.url(each),
        }
        for each in sorted(found, key=lambda each: each.language != language)
    ]


def _ask(language: str) -> dict[str, str]:
    """The price of a coffee a month, in the currency of the language."""
    coffee = ask.amounts(settings(), ask.preset_currency(settings(), language))[0]
    return {
        "price": money.display(coffee, language),
        "url": address("billing.support", language),
    }
