"""The votes of the demo newsroom: three that are over, one that is open, one of every month."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from random import Random
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.articles.models import Article
from membership.db import database_now
from membership.mail.models import OutboxEmail
from membership.seed import topics as ideas
from membership.seed.calendar import Span
from membership.seed.newsroom import DAY
from membership.seed.suggestions import patron_id, suggest, voters
from membership.seed.topics import Idea
from membership.voting import drafts, paper, rounds, series
from membership.voting import topics as voting
from membership.voting.models import Ballot, Round, Tally, Topic

# Hours of the day, UTC.
OPENS, CLOSES = 7, 17


def first_round(session: Session, rng: Random, span: Span, news: dict[str, Account]) -> None:
    """Its first winner was published, its second dropped."""
    length = span.now - span.start
    closed_at = _at(span.now - length * 0.4, CLOSES)
    title = "What should we look into first?"
    _round, (winner, second) = _held(
        session, rng, span, title, ideas.FIRST_ROUND, closed_at, seats=2
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
        .values(
            state="sent",
            attempts=1,
            created_at=published_at,
            sent_at=published_at,
            settled_at=published_at,
        )
    )
    session.flush()


def second_round(session: Session, rng: Random, span: Span, news: dict[str, Account]) -> None:
    """Its first winner is being written, its second waits for somebody."""
    closed_at = _at(span.now - (span.now - span.start) * 0.08, CLOSES)
    _round, (winner, _second) = _held(
        session, rng, span, "What next?", ideas.SECOND_ROUND, closed_at, seats=2
    )
    due_on = (span.now + 9 * DAY).date()
    with clock.fixed(closed_at + 2 * DAY):
        voting.assign(session, winner, news["reporter"], news["editor"], due_on=due_on)


def runoff(session: Session, rng: Random, span: Span, news: dict[str, Account]) -> None:
    """Instant-runoff; its winner is overdue, and editors took up another topic all the same."""
    closed_at = _at(span.now - (span.now - span.start) * 0.2, CLOSES)
    title = "Which one shall we follow to its end?"
    held, (winner,) = _held(
        session, rng, span, title, ideas.RUNOFF, closed_at, method="instant_runoff", max_choices=4
    )
    reporter, editor = news["reporter"], news["editor"]
    with clock.fixed(closed_at + 2 * DAY):
        voting.assign(session, winner, reporter, editor, due_on=(span.now - 3 * DAY).date())
        other = next(each for each in paper.options(session, held.id) if each.id != winner.id)
        reason = ideas.OVERRULED_REASON
        voting.assign(session, other, editor, editor, reason=reason)


def open_round(session: Session, rng: Random, span: Span) -> None:
    """Open for five more days; some have voted, the demo patron has not."""
    opened_at = _at(span.now - 3 * DAY, OPENS)
    closes_at = _at(span.now + 5 * DAY, CLOSES)
    title = "What should we ask the council?"
    held = _open(session, rng, title, ideas.OPEN_ROUND, opened_at, closes_at, seats=2)
    others = set(voters(session, rng, opened_at, span.now)) - {patron_id(session)}
    _cast(session, rng, held, sorted(others), span.now)


def monthly_series(session: Session, span: Span, news: dict[str, Account]) -> None:
    """A round of every month, of which the next opens in about two weeks."""
    day = min((span.now + 14 * DAY).day, series.LATEST_DAY)
    series.create(
        session,
        news["editor"],
        title="The question of the month",
        method="approval",
        max_choices=3,
        seats=1,
        quorum=5,
        quorum_rule="advisory",
        tie_rule="earliest",
        topics=4,
        day=day,
        opens_at=time(9),
        days=10,
    )


def _held(
    session: Session,
    rng: Random,
    span: Span,
    title: str,
    options: Sequence[Idea],
    closed_at: datetime,
    **rules: Any,
) -> tuple[Round, list[Topic]]:
    """A round that is over, counted by voting's own functions, and its winners."""
    opened_at = _at(closed_at - (span.now - span.start) * 0.03, OPENS)
    # A round cannot be made in the past: it is moved there before it closes.
    ahead = database_now(session) + DAY
    held = _open(session, rng, title, options, opened_at, ahead, **rules)
    taking_part = {patron_id(session), *voters(session, rng, opened_at, closed_at)}
    _cast(session, rng, held, sorted(taking_part), closed_at)
    held.closes_at = closed_at
    session.flush()
    with clock.fixed(closed_at):
        rounds.advance(session, held.id)
        rounds.advance(session, held.id)
    session.refresh(held)
    held.settled_at = held.closing_told_at = held.result_told_at = closed_at
    tally = session.get_one(Tally, held.id)
    tally.created_at = closed_at
    session.flush()
    return held, [session.get_one(Topic, winner) for winner in tally.result["winners"]]


def _open(
    session: Session,
    rng: Random,
    title: str,
    options: Sequence[Idea],
    opened_at: datetime,
    closes_at: datetime,
    **rules: Any,
) -> Round:
    standing = suggest(session, rng, options, opened_at - DAY)
    with clock.fixed(opened_at):
        held = drafts.create(
            session,
            title=title,
            topics=standing,
            opens_at=opened_at,
            closes_at=closes_at,
            actor=None,
            **rules,
        )
        # Nobody is told by mail of what lies behind.
        held.created_at, held.opening_told_at = opened_at - DAY, opened_at
        rounds.advance(session, held.id)
    session.refresh(held)
    return held


def _at(day: datetime, hour: int) -> datetime:
    return day.replace(hour=hour, minute=0, second=0)


def _cast(
    session: Session,
    rng: Random,
    held: Round,
    accounts: Iterable[int],
    end: datetime,
) -> None:
    """Ballots from the opening to `end`; who comes first in the list of topics is liked best."""
    options = [topic.id for topic in paper.options(session, held.id)]
    choices = _ranking if held.method == "instant_runoff" else _choices
    rows = [
        {
            "round_id": held.id,
            "account_id": account_id,
            "choices": choices(rng, options, number),
            "cast_at": held.opens_at + (end - held.opens_at) * rng.random(),
        }
        for number, account_id in enumerate(accounts)
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


def _ranking(rng: Random, options: list[int], number: int) -> list[int]:
    """Some of them in order: no topic comes first for most, so that some must drop out."""
    liked = options[(0, 1, 0, 2, 1, 3, 2, 0, 1, 0)[number % 10]]
    others = [option for option in options if option != liked]
    return [liked, *rng.sample(others, rng.randint(0, len(others)))]


def _answer_to(session: Session, topic: Topic) -> Article:
    """The story that was written because readers asked, else simply the newest."""
    wanted = select(Article).order_by(
        (Article.slug == ideas.ANSWERS.get(topic.slug, "")).desc(), Article.published_at.desc()
    )
    return session.scalars(wanted.limit(1)).one()
