"""The filters of the list of patrons as they stand in the address of a page, and in words."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _
from pydantic import ValidationError
from sqlalchemy.orm import Session

from membership.articles.models import Article
from membership.billing.elsewhere.models import PLATFORMS
from membership.billing.forms import tidy
from membership.patrons.filters import LONGEST_TEXT, Filters
from membership.patrons.models import PatronTag
from membership.reports import words
from membership.web.pages import show_date

# What an address calls them.
ARGUMENTS: Mapping[str, str] = MappingProxyType(
    {
        "q": "text",
        "standing": "standing",
        "state": "state",
        "tier": "tier",
        "interval": "interval",
        "currency": "currency",
        "platform": "platform",
        "since": "since",
        "until": "until",
        "source": "article_id",
        "votes": "votes",
        "tag": "tag_id",
    }
)


def asked(args: Mapping[str, str]) -> Filters:
    """From the address of a page. What makes no sense there is left out."""
    wanted = Filters()
    for argument, name in ARGUMENTS.items():
        typed = tidy(args.get(argument))[:LONGEST_TEXT]
        if not typed:
            continue
        try:
            wanted = Filters.model_validate(wanted.model_dump() | {name: typed})
        except ValidationError:
            continue
    return wanted


def arguments(filters: Filters) -> dict[str, Any]:
    """As asked() reads them; without what filters nothing."""
    kept = filters.as_json()
    return {argument: kept[name] for argument, name in ARGUMENTS.items() if name in kept}


def described(session: Session, filters: Filters) -> list[tuple[str, str]]:
    """As pairs of name and value; none for all patrons."""
    return list(_pairs(session, filters))


def _pairs(session: Session, filters: Filters) -> Iterator[tuple[str, str]]:
    chosen = (
        (_("Name or address"), filters.text, None),
        (_("Standing"), filters.standing, words.STANDING),
        (_("Support"), filters.state, words.SUPPORT),
        (_("Gives the price of"), filters.tier, words.TIER),
        (_("Gives"), filters.interval, words.INTERVAL),
        (_("Currency"), filters.currency, None),
        (_("Gives through"), filters.platform, PLATFORMS),
        (_("Voting"), filters.votes, words.VOTES),
    )
    for name, value, called in chosen:
        if value:
            yield name, str(called[value] if called else value)
    for name, day in (
        (_("Patron since, from"), filters.since),
        (_("Patron since, until"), filters.until),
    ):
        if day:
            yield name, show_date(day)
    if filters.article_id is not None:
        article = session.get(Article, filters.article_id)
        yield _("Came by the story"), article.title if article else _("a story that is gone")
    if filters.tag_id is not None:
        tag = session.get(PatronTag, filters.tag_id)
        yield _("Tag"), tag.name if tag else _("a tag that is gone")
