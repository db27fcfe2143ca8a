"""What the readers of the demo newsroom suggest, support and follow."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import insert, or_, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.models import Donation, Subscription
from membership.seed import topics as ideas
from membership.seed.calendar import Span
from membership.seed.newsroom import DAY, PATRON
from membership.seed.topics import Idea
from membership.voting import moderation
from membership.voting import topics as voting
from membership.voting.following import GOES_ON
from membership.voting.models import Topic, TopicChange, TopicFollow, TopicSupport

TURNOUT = 0.35
MOST_VOTERS = 1_500
MOST_FOLLOWERS = 40


def suggestions(session: Session, rng: Random, span: Span, news: dict[str, Account]) -> None:
    """Topics that wait, approved or not read yet; one edited, one declined and one merged."""
    waiting = suggest(session, rng, ideas.SUGGESTED, span.now - 9 * DAY)
    (rejected, merged) = suggest(session, rng, (ideas.REJECTED, ideas.MERGED), span.now - 12 * DAY)
    suggest(session, rng, ideas.UNREAD, span.now - DAY / 4)
    editor = news["editor"]
    with clock.fixed(span.now - 11 * DAY):
        voting.change_state(session, rejected, "rejected", editor, reason=ideas.REJECTED_REASON)
    with clock.fixed(span.now - 8 * DAY):
        original = next(topic for topic in waiting if topic.slug == ideas.MERGED_INTO)
        voting.merge(session, merged, original, editor)
    with clock.fixed(span.now - 7 * DAY):
        for topic in waiting:
            if topic.slug == ideas.EDITED:
                title, why = ideas.EDITED_TITLE, topic.why
                moderation.edit(session, topic, editor, title=title, why=why, links=topic.links)
            moderation.approve(session, topic, editor)


def followers(session: Session, rng: Random, span: Span) -> None:
    """Who wants to hear what becomes of the topics that go on; the demo patron of two of them.

    After all else: of what lies behind nobody is told.
    """
    demo, readers = patron_id(session), voters(session, rng, span.now, span.now)
    going_on = session.scalars(select(Topic).where(Topic.state.in_(GOES_ON)).order_by(Topic.id))
    rows = []
    for topic in going_on:
        following = set(readers[: rng.randint(0, MOST_FOLLOWERS)]) - {demo}
        if topic.slug in ideas.FOLLOWED:
            following.add(demo)
        rows += [{"topic_id": topic.id, "account_id": each} for each in sorted(following)]
    session.execute(insert(TopicFollow), rows)


def suggest(session: Session, rng: Random, options: Sequence[Idea], until: datetime) -> list[Topic]:
    """Suggestions of the weeks before `until`, with their supporters."""
    givers = voters(session, rng, until, until)
    found = []
    for number, idea in enumerate(options):
        at = until - timedelta(days=2 * (len(options) - number) - 1, hours=rng.randint(0, 20))
        by = rng.choice(givers) if givers else None
        topic = Topic(
            slug=idea.slug,
            language=idea.language,
            title=idea.title,
            why=idea.why,
            links=list(idea.links),
            suggested_by_id=by,
            created_at=at,
        )
        session.add(topic)
        session.flush()
        session.add(
            TopicChange(topic_id=topic.id, actor_id=by, to_state="suggested", created_at=at)
        )
        supporters = set(givers[: rng.randint(0, min(len(givers), 60))]) | ({by} if by else set())
        session.add_all(
            TopicSupport(topic_id=topic.id, account_id=account_id, created_at=at)
            for account_id in sorted(supporters)
        )
        found.append(topic)
    session.flush()
    return found


def voters(session: Session, rng: Random, start: datetime, end: datetime) -> list[int]:
    """About a third of those who might have voted from start to end, in any order."""
    gave = select(Donation.subscription_id).where(
        Donation.paid_at < start, Donation.refunded_at.is_(None)
    )
    patrons = session.scalars(
        select(Subscription.account_id)
        .where(
            Subscription.id.in_(gave),
            or_(Subscription.ended_at.is_(None), Subscription.ended_at > end),
        )
        .order_by(Subscription.account_id)
        .distinct()
    ).all()
    return rng.sample(patrons, min(round(len(patrons) * TURNOUT), MOST_VOTERS))


def patron_id(session: Session) -> int:
    return session.scalars(select(Account.id).where(Account.email == PATRON.email)).one()
