"""The votes of the demo newsroom: two that are over, one that is open, and what waits."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.articles.models import Article
from membership.billing.models import Donation, Subscription
from membership.db import database_now
from membership.mail.models import OutboxEmail
from membership.seed import topics as ideas
from membership.seed.lives import Span
from membership.seed.newsroom import DAY, PATRON
from membership.seed.topics import Idea
from membership.voting import drafts, paper, rounds
from membership.voting import topics as voting
from membership.voting.models import Ballot, Round, Tally, Topic, TopicChange, TopicSupport

TURNOUT = 0.35
MOST_VOTERS = 1_500
# Hours of the day, UTC.
OPENS, CLOSES = 7, 17


def suggestions(session: Session, rng: Random, span: Span, news: dict[str, Account]) -> None:
    """Topics that wait, one declined and one merged."""
    waiting = _suggest(session, rng, ideas.SUGGESTED, span.now - 9 * DAY)
    (rejected, merged) = _suggest(session, rng, (ideas.REJECTED, ideas.MERGED), span.now - 12 * DAY)
    editor = news["editor"]
    with clock.fixed(span.now - 11 * DAY):
        voting.change_state(session, rejected, "rejected", editor, reason=ideas.REJECTED_REASON)
    with clock.fixed(span.now - 8 * DAY):
        original = next(topic for topic in waiting if topic.slug == ideas.MERGED_INTO)
        voting.merge(session, merged, original, editor)


def first_round(session: Session, rng: Random, span: Span, news: dict[str, Account]) -> None:
    """Its first winner was published, its second dropped."""
    length = span.now - span.start
    closed_at = _at(span.now - length * 0.4, CLOSES)
    winner, second = _held(
        session, rng, span, "What should we look into first?", ideas.FIRST_ROUND, closed_at
    )
    reporter, editor = news["reporter"], news["editor"]
    with clock.fixed(closed_at + 2 * DAY):
        voting.assign(session, winner, reporter, editor)
        voting.assign(session, second, reporter, editor)
    with clock.fixed(closed_at + 2 * DAY + length * 0.05):
        voting.change_state(session, second, "dropped", editor, reason=ideas.DROPPED_REASON)
    article = _answer_to(session, winner)
    # The story has its own date; it came after the vote, and is out by now.
    published_at = min(max(article.published_at, closed_at + 3 * DAY), span.now)
    with clock.fixed(published_at):
        voting.publish(session, winner, article, editor)
    winner.published_at = published_at
    session.execute(
        update(OutboxEmail)
        .where(OutboxEmail.subject == f"topic:{winner.id}")
        .values(state="sent", attempts=1, created_at=published_at, sent_at=published_at)
    )
    session.flush()


def second_round(session: Session, rng: Random, span: Span, news: dict[str, Account]) -> None:
    """Its first winner is being written, its second waits for somebody."""
    closed_at = _at(span.now - (span.now - span.start) * 0.08, CLOSES)
    winner, _second = _held(session, rng, span, "What next?", ideas.SECOND_ROUND, closed_at)
    with clock.fixed(closed_at + 2 * DAY):
        voting.assign(session, winner, news["reporter"], news["editor"])


def open_round(session: Session, rng: Random, span: Span) -> None:
    """Open for five more days; some have voted, the demo patron has not."""
    opened_at = _at(span.now - 3 * DAY, OPENS)
    closes_at = _at(span.now + 5 * DAY, CLOSES)
    held = _open(
        session, rng, "What should we ask the council?", ideas.OPEN_ROUND, opened_at, closes_at
    )
    voters = _voters(session, rng, opened_at, span.now)
    _cast(session, rng, held, sorted(set(voters) - {_patron_id(session)}), span.now)


def _held(
    session: Session,
    rng: Random,
    span: Span,
    title: str,
    options: Sequence[Idea],
    closed_at: datetime,
) -> tuple[Topic, Topic]:
    """A round that is over, counted by voting's own functions; its two winners."""
    opened_at = _at(closed_at - (span.now - span.start) * 0.03, OPENS)
    # A round cannot be made in the past: it is moved there before it closes.
    held = _open(session, rng, title, options, opened_at, database_now(session) + DAY)
    voters = {_patron_id(session), *_voters(session, rng, opened_at, closed_at)}
    _cast(session, rng, held, sorted(voters), closed_at)
    held.closes_at = closed_at
    session.flush()
    with clock.fixed(closed_at):
        rounds.advance(session, held.id)
        rounds.advance(session, held.id)
    session.refresh(held)
    held.settled_at = closed_at
    tally = session.get_one(Tally, held.id)
    tally.created_at = closed_at
    session.flush()
    first, second = (session.get_one(Topic, winner) for winner in tally.result["winners"])
    return first, second


def _open(
    session: Session,
    rng: Random,
    title: str,
    options: Sequence[Idea],
    opened_at: datetime,
    closes_at: datetime,
) -> Round:
    standing = _suggest(session, rng, options, opened_at - DAY)
    with clock.fixed(opened_at):
        held = drafts.create(
            session,
            title=title,
            topics=standing,
            opens_at=opened_at,
            closes_at=closes_at,
            actor=None,
            seats=2,
        )
        held.created_at = opened_at - DAY
        rounds.advance(session, held.id)
    session.refresh(held)
    return held


def _suggest(
    session: Session, rng: Random, options: Iterable[Idea], until: datetime
) -> list[Topic]:
    """Suggestions of the weeks before `until`, with their supporters."""
    givers = _voters(session, rng, until, until)
    found = []
    for number, idea in enumerate(options):
        at = until - timedelta(days=2 * number + 1, hours=rng.randint(0, 20))
        by = rng.choice(givers) if givers else None
        topic = Topic(
            slug=idea.slug,
            language=idea.language,
            title=idea.title,
            why=idea.why,
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


def _voters(session: Session, rng: Random, start: datetime, end: datetime) -> list[int]:
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


def _at(day: datetime, hour: int) -> datetime:
    return day.replace(hour=hour, minute=0, second=0)


def _patron_id(session: Session) -> int:
    return session.scalars(select(Account.id).where(Account.email == PATRON.email)).one()


def _cast(
    session: Session,
    rng: Random,
    held: Round,
    voters: Iterable[int],
    end: datetime,
) -> None:
    """Ballots from the opening to `end`; who comes first in the list of topics is liked best."""
    options = [topic.id for topic in paper.options(session, held.id)]
    rows = [
        {
            "round_id": held.id,
            "account_id": account_id,
            "choices": _choices(rng, options, number),
            "cast_at": held.opens_at + (end - held.opens_at) * rng.random(),
        }
        for number, account_id in enumerate(voters)
    ]
    if rows:
        session.execute(insert(Ballot), rows)


def _choices(rng: Random, options: list[int], number: int) -> list[int]:
    """Up to three: the first stands in most ballots, the second in half, so that these win."""
    first, second, *others = options
    chosen = {first} if number % 4 < 3 else {second}
    if number % 3 == 0:
        chosen.add(second)
    if rng.random() < 0.6:
        chosen.add(rng.choice(others))
    return sorted(chosen)


def _answer_to(session: Session, topic: Topic) -> Article:
    """The story that was written because readers asked, else simply the newest."""
    wanted = select(Article).order_by(
        (Article.slug == ideas.ANSWERS.get(topic.slug, "")).desc(), Article.published_at.desc()
    )
    return session.scalars(wanted.limit(1)).one()
