"""One topic's page: what it says, what became of it, and what may be done next."""

from collections.abc import Iterable

from flask import render_template, request
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.articles.models import Article
from membership.db import transaction
from membership.reports import words
from membership.staff.room import EDITORS, FINANCE, REPORTERS, blueprint, found
from membership.staff.topics.topic_story import names, story
from membership.staff.topics.topics import supporters
from membership.voting import lifecycle, moderation, rounds, topics
from membership.voting.models import Topic
from membership.web import access

SHOWN_ARTICLES = 8


@blueprint.get("/topics/<int:topic_id>")
@access.staff(*EDITORS, *REPORTERS)
def topic(topic_id: int) -> str:
    """Field `article`: words of the story to publish the topic with. Reporters only read."""
    with transaction() as session:
        return page(session, the_topic(session, topic_id))


def page(session: Session, topic: Topic, refused: str = "") -> str:
    wanted = request.args.get("article", "").strip()[:200]
    may_act = access.has_role(*EDITORS)
    steps = lifecycle.TOPIC[topic.state] if may_act else frozenset()
    chapters = story(session, topic)
    return render_template(
        "staff/topic.html",
        topic=topic,
        steps=steps,
        may_act=may_act,
        may_edit=may_act and topic.state in moderation.REWRITABLE,
        seen=moderation.fingerprint(topic),
        refused=refused,
        typed=request.form,
        today=clock.newsroom_day(),
        # Who suggests gives: that is for those who may see givers (rule S10).
        suggested_by=_account(session, topic.suggested_by_id)
        if access.has_role(*FINANCE)
        else None,
        assigned_to=_account(session, topic.assigned_to_id),
        original=session.get(Topic, topic.merged_into_id) if topic.merged_into_id else None,
        article=session.get(Article, topic.article_id) if topic.article_id else None,
        supporters=supporters(session, [topic]).get(topic.id),
        rounds=[(each, rounds.phase(session, each)) for each in rounds.of_topic(session, topic)],
        chapters=chapters,
        names=names(session, chapters),
        alike=moderation.alike(session, [topic], 6).get(topic.id, []) if "merged" in steps else [],
        writers=writers(session) if steps & {"assigned", "published"} else [],
        advised=topics.was_advised(session, topic),
        overrules=(topic.state, "assigned") in lifecycle.NEEDS_REASON,
        articles=_articles(session, wanted) if "published" in steps else [],
        wanted=wanted,
        words=words,
    )


def the_topic(session: Session, topic_id: int) -> Topic:
    row: Topic = found(session.get(Topic, topic_id))
    return row


def _account(session: Session, account_id: int | None) -> Account | None:
    return session.get(Account, account_id) if account_id is not None else None


def writers(session: Session) -> list[Account]:
    """Staff who can be given a story."""
    writing = or_(Account.role == "reporter", Account.role == "editor")
    return list(session.scalars(select(Account).where(writing).order_by(Account.name, Account.id)))


def names_of_writers(session: Session, topics: Iterable[Topic]) -> dict[int, str]:
    """What those are called who were given the topics, by account."""
    ids = {topic.assigned_to_id for topic in topics} - {None}
    rows = session.scalars(select(Account).where(Account.id.in_(ids)))
    return {account.id: account.name or account.email for account in rows}


def _articles(session: Session, wanted: str) -> list[Article]:
    """Stories whose title or address has these words, or simply the newest ones; those that answer
    a topic already are left out.
    """
    free = select(Article).where(Article.asked_topic_slug.is_(None))
    query = free.order_by(Article.published_at.desc(), Article.id).limit(SHOWN_ARTICLES)
    if wanted:
        slug = wanted.rstrip("/").rpartition("/")[2]
        query = query.where(
            or_(Article.title.icontains(wanted, autoescape=True), Article.slug == slug)
        )
    return list(session.scalars(query))
