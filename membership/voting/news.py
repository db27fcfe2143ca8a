"""Mail about topics: what becomes of one, to its followers; the story, to its voters as well.

It is written in the transaction of the step that it tells of (rule M1), each step once.
"""

from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.articles.models import Article
from membership.mail import kinds, outbox
from membership.voting import audience
from membership.voting.audience import follows, voted_on
from membership.voting.eligibility import may_take_part
from membership.voting.models import Topic
from membership.web.languages import address
from membership.web.pages import show_time

TOPIC_NEWS = kinds.bulk(
    "topic_news",
    _l("Topics you follow"),
    _l("When one of them moves on: it stands in a vote, we take it up, or we say why not."),
    group="votes",
)
PUBLISHED = kinds.bulk(
    "published",
    _l("You asked, we reported"),
    _l("When a story is out on a topic that you follow, or that stood in a vote you took part in."),
    group="votes",
)
# What a vote decides of a topic stands in the mail about its round.
TOLD = frozenset({"rejected", "merged", "assigned", "dropped"})


def tell_followers(session: Session, topic: Topic, came_from: str, *, advised: bool) -> None:
    """Tell of the step that `topic`, locked, has just taken; before those of a merged one move.

    `advised`: it was not chosen, but ahead in a vote whose result is advice.
    """
    if topic.state not in TOLD:
        return
    step = topic.state
    # Editors who take up what was not chosen owe a reason (rule V12).
    if came_from == "not_selected":
        step = "advised" if advised else "overruled"
    reason = None if step == "assigned" else topic.public_reason
    original = session.get_one(Topic, topic.merged_into_id) if step == "merged" else None
    if original and original.state == "published":
        step = "reported"
    _put(session, topic, follows([topic.id]), step=step, reason=reason, original=original)


def tell_of_vote(session: Session, topic: Topic, closes_at: datetime) -> None:
    """Tell followers who may not vote that `topic` stands in a round; all others hear of that."""
    others = follows([topic.id]) & ~may_take_part(Account.id)
    _put(session, topic, others, step="on_ballot", closes_at=closes_at)


def tell_of_story(session: Session, topic: Topic, article: Article) -> None:
    """Tell the turnout rolls of the topic's rounds (rule V8) and its followers, everyone once.

    An editor may overrule a result (rule V12), so the topic need not have won.
    """

    def letter(language: str) -> dict[str, Any]:
        return {
            "topic": topic.title,
            "title": article.title,
            "standfirst": article.standfirst,
            "url": address("articles.show", language, slug=article.slug),
        }

    readers = audience.readers(follows([topic.id]) | voted_on(topic.id))
    outbox.put_to_all(session, readers, PUBLISHED, f"topic:{topic.id}", letter)


def _put(
    session: Session,
    topic: Topic,
    who: ColumnElement[bool],
    *,
    step: str,
    reason: str | None = None,
    original: Topic | None = None,
    closes_at: datetime | None = None,
) -> None:
    shown = original or topic

    def letter(language: str) -> dict[str, Any]:
        return {
            "step": step,
            "topic": topic.title,
            "reason": reason,
            "original": original.title if original else None,
            "until": show_time(closes_at) if closes_at else None,
            "url": address("voting.topic", language, slug=shown.slug),
        }

    readers = audience.readers(who)
    subject = f"topic:{topic.id}:{topic.state}"
    outbox.put_to_all(session, readers, TOPIC_NEWS, subject, letter, closes_at)
