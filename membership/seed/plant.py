"""Planting the demo newsroom into an empty database; nothing of it is ever mailed."""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from sqlalchemy import Table, func, select, text, update
from sqlalchemy.orm import Session

from config.settings import Settings
from membership import clock
from membership.accounts.models import Account
from membership.articles import importing
from membership.articles.models import Article
from membership.billing.fees import card_fee
from membership.billing.models import Donation
from membership.db import Base
from membership.mail.models import OutboxEmail
from membership.money import from_major
from membership.patrons.models import Patron
from membership.reports import rollups
from membership.reports.overview.running import count_patrons, differences
from membership.seed import asks, campaigns, letters, newsroom, suggestions, views, votes, ways
from membership.seed.asks import Trial
from membership.seed.blocks import Plan, told
from membership.seed.books import TABLES
from membership.seed.calendar import Span, months_later
from membership.seed.copying import checked_at_last, indexed_at_last
from membership.voting.models import Round, Topic

ARTICLES = Path(__file__).parent / "articles"
# There are staff by then, and an index made over rows that the same transaction has changed is of
# no use to it: whatever refers to accounts would be looked for in all of them.
EMPTY = [table for table in TABLES if table != "account"]


class NotEmptyError(Exception):
    """There is data already, which the demo must not mix with."""


@dataclass(frozen=True)
class Summary:
    """What stands in the database now."""

    patrons: int
    donations: int
    articles: int
    topics: int
    rounds: int
    mails: int

    def lines(self) -> list[str]:
        """For people, tidy."""
        return [f"  {name:<10}{count:>10,}".replace(",", " ") for name, count in vars(self).items()]


def plant(
    session: Session, settings: Settings, *, patrons: int, months: int, seed: int = 7
) -> Summary:
    """The whole newsroom with `patrons` givers over `months` months, the same for each `seed`.

    Raises NotEmptyError, with nothing changed, when any table has a row.
    """
    _insist_on_empty(session)
    _take_room(session)
    rng = Random(seed)
    span = _span(months)
    news = newsroom.staff(session)
    publish_stories(session, settings, span.now)
    asks.spread_stories(session, span)
    ways.other_ways(session, settings)
    trial = asks.trial(session, span)
    _give(session, settings, seed, span, patrons, trial)
    asks.readings(session, rng, span, trial, patrons)
    suggestions.suggestions(session, rng, span, news)
    votes.first_round(session, rng, span, news)
    votes.runoff(session, rng, span, news)
    votes.second_round(session, rng, span, news)
    votes.open_round(session, rng, span)
    votes.monthly_series(session, span, news)
    suggestions.followers(session, rng, span)
    letters.weekly_letter(session, settings, rng, span)
    campaigns.two_letters(session, span, news)
    with indexed_at_last(session, [Patron.__tablename__]):
        rollups.rebuild(session)
    views.views_and_tags(session, span, news)
    wrong = differences(session)
    if wrong:
        raise AssertionError(f"the seeded ledger disagrees with its subscriptions: {wrong}")
    return _summary(session)


def _take_room(session: Session) -> None:
    """Let the database sort in memory what a million patrons did; until the transaction ends."""
    session.execute(text("SET LOCAL work_mem = '64MB'"))
    session.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))


def _span(months: int) -> Span:
    now = clock.now().replace(microsecond=0)
    # Some days more, so that whoever was there from the beginning has not paid just now.
    return Span(months_later(now, -months) - timedelta(days=9), now)


def publish_stories(session: Session, settings: Settings, now: datetime) -> None:
    """Import the stories, all moved by as many whole days as bring the newest closest to now."""
    importing.import_files(session, sorted(ARTICLES.glob("*.md")), languages=settings.languages)
    newest = session.scalars(select(func.max(Article.published_at))).one()
    days = (now - newest) // timedelta(days=1)
    session.execute(
        update(Article).values(published_at=Article.published_at + timedelta(days=days))
    )


def _give(
    session: Session, settings: Settings, seed: int, span: Span, patrons: int, trial: Trial
) -> None:
    currency = settings.currencies[0]
    stories = select(Article.id, Article.published_at).order_by(Article.published_at, Article.id)
    plan = Plan(
        seed=seed,
        givers=patrons,
        span=span,
        tiers=settings.tiers,
        fees={code: card_fee(code) for code in settings.currencies},
        coffee=from_major(settings.tiers[currency][0].amount, currency),
        stories=tuple((row.id, row.published_at) for row in session.execute(stories)),
        trial=trial,
        first_account=session.scalars(select(func.max(Account.id))).one(),
    )
    last_ids: dict[str, int] = {}
    with checked_at_last(session, EMPTY) if plan.is_large else nullcontext():
        for block in told(plan):
            _copy(session, block.lines)
            last_ids |= block.last_ids
    _number_on(session, last_ids)
    # The planner must know how much there is now before the votes and rollups ask.
    session.execute(text(f"ANALYZE {', '.join(TABLES)}"))
    demo = session.scalars(select(Account).where(Account.email == newsroom.PATRON.email)).one()
    newsroom.sign_ins(session, demo, span)


def _copy(session: Session, lines: dict[str, bytes]) -> None:
    driver: Any = session.connection().connection.driver_connection
    connection: psycopg.Connection[Any] = driver
    for table, columns in TABLES.items():
        if lines[table]:
            with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                copy.write(lines[table])


def _number_on(session: Session, last_ids: dict[str, int]) -> None:
    """Let the database number on after our rows."""
    for table, last in last_ids.items():
        session.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), :last)"),
            {"last": max(1, last)},
        )


def _insist_on_empty(session: Session) -> None:
    for table in Base.metadata.sorted_tables:
        if _has_rows(session, table):
            raise NotEmptyError(
                f"The table {table.name} has data already, so nothing was planted: "
                "the demo newsroom wants an empty database."
            )


def _has_rows(session: Session, table: Table) -> bool:
    return session.execute(select(table).limit(1)).first() is not None


def _summary(session: Session) -> Summary:
    counts = [
        session.scalar(select(func.count()).select_from(model)) or 0
        for model in (Donation, Article, Topic, Round, OutboxEmail)
    ]
    return Summary(count_patrons(session), *counts)
