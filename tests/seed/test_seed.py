"""The demo newsroom is consistent, always the same, and mails nobody."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.orm import Session

from config.settings import Settings
from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.articles.models import Article
from membership.billing.models import (
    MOVEMENTS,
    Donation,
    LedgerEntry,
    Refund,
    Subscription,
    SubscriptionChange,
)
from membership.billing.revenue import monthly_value
from membership.campaigns.models import Campaign
from membership.mail.models import OutboxEmail
from membership.patrons import tags
from membership.patrons.filters import Filters
from membership.patrons.models import PatronView
from membership.reports import patrons, rollups
from membership.reports.models import DailyFigures
from membership.reports.overview.running import differences
from membership.seed import plant, topics
from membership.seed.topics import OVERRULED_REASON
from membership.voting import export, rounds, tally
from membership.voting.eligibility import is_eligible
from membership.voting.models import (
    TOPIC_STATES,
    Ballot,
    Round,
    RoundSeries,
    Tally,
    Topic,
    TopicEdit,
    TopicFollow,
    Turnout,
)

# The same moment for all tests; the votes ask the database's clock, which is later.
SOON = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def planted(app: Flask, engine: Engine) -> Iterator[Connection]:
    """A connection that sees the planted newsroom; it is gone after the module."""
    with engine.connect() as connection, connection.begin() as outermost:
        with (
            app.app_context(),
            clock.fixed(SOON),
            Session(connection, join_transaction_mode="create_savepoint") as session,
        ):
            plant.plant(session, app.extensions["kava.settings"], patrons=300, months=14)
            session.commit()
        yield connection
        outermost.rollback()


@pytest.fixture
def newsroom(app: Flask, planted: Connection) -> Iterator[Session]:
    with app.app_context(), planted.begin_nested() as savepoint:
        with Session(planted, join_transaction_mode="create_savepoint") as session:
            yield session
        savepoint.rollback()


def count(session: Session, model: Any, *conditions: Any) -> int:
    return session.scalars(select(func.count()).select_from(model).where(*conditions)).one()


def test_the_newest_story_is_from_the_last_day(app: Flask, session: Session) -> None:
    next_year = SOON + timedelta(days=365)
    plant.publish_stories(session, app.extensions["kava.settings"], next_year)
    dates = session.scalars(select(Article.published_at).order_by(Article.published_at)).all()
    assert timedelta() <= next_year - dates[-1] < timedelta(days=1)
    assert dates[-1] - dates[0] > timedelta(days=20)


def test_the_ledger_sums_to_the_running_subscriptions(newsroom: Session) -> None:
    """[D7] [L15]"""
    assert differences(newsroom) == []
    assert count(newsroom, LedgerEntry) > 80


def test_each_ledger_entry_follows_from_the_ones_before(newsroom: Session) -> None:
    """[D1] No subscription's entries sum to anything but its monthly value."""
    sums = dict(
        newsroom.execute(
            select(LedgerEntry.subscription_id, func.sum(LedgerEntry.amount_minor)).group_by(
                LedgerEntry.subscription_id
            )
        ).all()
    )
    for each in newsroom.scalars(select(Subscription)):
        worth = monthly_value(
            each.amount_minor,
            each.interval,
            each.state,
            collection_paused=each.collection_paused,
        )
        assert sums.pop(each.id) == worth
    assert not sums


def test_rollups_say_what_the_ledger_says(newsroom: Session) -> None:
    net = sum(getattr(DailyFigures, f"{name}_minor") for name in MOVEMENTS)
    by_rollup = newsroom.execute(
        select(DailyFigures.currency, func.sum(net)).group_by(DailyFigures.currency)
    ).all()
    by_ledger = newsroom.execute(
        select(LedgerEntry.currency, func.sum(LedgerEntry.amount_minor)).group_by(
            LedgerEntry.currency
        )
    ).all()
    assert set(by_rollup) == set(by_ledger)
    before = newsroom.execute(select(*DailyFigures.__table__.columns)).all()
    rollups.rebuild(newsroom)
    assert set(newsroom.execute(select(*DailyFigures.__table__.columns))) == set(before)


def test_nothing_happens_in_the_future(newsroom: Session) -> None:
    for column in (
        Donation.paid_at,
        Donation.refunded_at,
        LedgerEntry.occurred_at,
        SubscriptionChange.created_at,
        Subscription.ended_at,
        OutboxEmail.sent_at,
        Ballot.cast_at,
        Topic.published_at,
    ):
        assert newsroom.scalar(select(func.max(column))) <= SOON, column


def test_every_story_of_giving_is_in_it(newsroom: Session) -> None:
    movements = set(newsroom.scalars(select(LedgerEntry.movement)))
    assert {"new", "expansion", "contraction", "churn_voluntary", "churn_involuntary"} <= movements
    assert count(newsroom, Donation, Donation.subscription_id.is_(None)) > 0
    assert count(newsroom, Donation, Donation.refunded_minor > 0) > 0
    assert count(newsroom, Donation, Donation.fee_minor.is_(None)) == 0
    assert set(newsroom.scalars(select(Subscription.interval))) == {"month", "year"}
    given_back = select(func.sum(Donation.refunded_minor))
    assert newsroom.scalar(given_back) == newsroom.scalar(select(func.sum(Refund.amount_minor)))


def test_nothing_is_ever_mailed(newsroom: Session) -> None:
    assert count(newsroom, OutboxEmail) > 0
    assert set(newsroom.scalars(select(OutboxEmail.state))) == {"sent", "suppressed"}
    addresses = newsroom.scalars(select(OutboxEmail.recipient)).all()
    assert all(
        address.endswith((".example.org", "@example.org", ".example")) for address in addresses
    )


def test_one_campaign_is_finished_and_one_a_draft(newsroom: Session) -> None:
    """[M3] Its letters count as sent, but for those who want none."""
    campaigns = newsroom.scalars(select(Campaign).order_by(Campaign.id)).all()
    assert [each.state for each in campaigns] == ["finished", "draft"]
    rows = count(newsroom, OutboxEmail, OutboxEmail.campaign_id == campaigns[0].id)
    assert rows == campaigns[0].recipients > 0
    refused = count(newsroom, OutboxEmail, OutboxEmail.state == "suppressed")
    assert refused == count(
        newsroom, OutboxEmail, OutboxEmail.last_error == "refused by the reader"
    )


def test_topics_stand_in_every_state(newsroom: Session) -> None:
    assert set(newsroom.scalars(select(Topic.state))) == set(TOPIC_STATES)
    story = newsroom.scalars(select(Topic).where(Topic.state == "published")).one()
    assert story.slug == topics.FIRST_ROUND[0].slug
    assert story.article_id is not None
    assert story.published_at is not None


def test_settled_rounds_can_be_counted_again(newsroom: Session) -> None:
    """[V6] [V8]"""
    settled = rounds.in_states(newsroom, "settled")
    assert len(settled) == 3
    for each in settled:
        result = tally.verify(json.dumps(export.export(newsroom, each)))
        assert len(result.winners) == each.seats
        assert (
            count(newsroom, Ballot, Ballot.round_id == each.id, Ballot.account_id.is_not(None)) == 0
        )
        assert count(newsroom, Turnout, Turnout.round_id == each.id) > 0


def test_what_lies_behind_is_told_to_nobody(newsroom: Session) -> None:
    for each in rounds.in_states(newsroom, "settled"):
        assert None not in (each.opening_told_at, each.closing_told_at, each.result_told_at)
        assert newsroom.get_one(Tally, each.id).electorate > 0
    (held,) = rounds.in_states(newsroom, "open")
    assert held.opening_told_at is not None
    assert held.closing_told_at is None, "that it closes tomorrow is still to be told"


def test_a_runoff_has_stages_and_an_overruling_its_reason(newsroom: Session) -> None:
    """[V12]"""
    (runoff,) = newsroom.scalars(select(Round).where(Round.method == "instant_runoff"))
    result = newsroom.get_one(Tally, runoff.id).result
    assert result["outcome"] == "decided"
    assert len(result["stages"]) > 1
    taken_up = newsroom.scalars(select(Topic).where(Topic.public_reason == OVERRULED_REASON)).one()
    assert taken_up.state == "assigned"
    assert taken_up.id not in result["winners"]


def test_suggestions_wait_read_and_unread_edited_and_followed(newsroom: Session) -> None:
    waiting = Topic.state == "suggested"
    assert count(newsroom, Topic, waiting, Topic.approved_at.is_(None)) == 3
    assert count(newsroom, Topic, waiting, Topic.approved_at.is_not(None)) == 5
    assert count(newsroom, TopicEdit) == 1
    assert count(newsroom, TopicFollow) > 20
    assert count(newsroom, Topic, Topic.due_on < SOON.date(), Topic.state == "assigned") == 1
    assert newsroom.scalars(select(RoundSeries)).one().is_active


def test_one_round_is_open_in_which_the_demo_patron_may_still_vote(newsroom: Session) -> None:
    (held,) = rounds.in_states(newsroom, "open")
    assert rounds.phase(newsroom, held) == "open"
    assert 4 <= (held.closes_at - SOON).days <= 5
    assert count(newsroom, Ballot, Ballot.round_id == held.id) > 0
    patron = newsroom.scalars(select(Account).where(Account.email == "patron@kava.example")).one()
    assert is_eligible(newsroom, patron.id)
    assert rounds.own_choices(newsroom, held.id, patron.id) == []
    assert count(newsroom, Turnout, Turnout.account_id == patron.id) == 3


def test_staff_of_every_role(newsroom: Session) -> None:
    found = dict(
        newsroom.execute(select(Account.email, Account.role).where(Account.role != "")).all()
    )
    assert found == {
        "staff@kava.example": "admin",
        "finance@kava.example": "finance",
        "editor@kava.example": "editor",
        "reporter@kava.example": "reporter",
    }


def test_staff_gave_tags_and_keep_views_that_find_somebody(newsroom: Session) -> None:
    views = newsroom.scalars(select(PatronView)).all()
    asked = [Filters.model_validate(view.filters) for view in views]
    asked += [Filters(tag_id=tag.id) for tag in tags.every(newsroom)]
    assert len(asked) == 6
    # Of so few, nobody's payment may be failing today.
    asked.remove(Filters(state="past_due"))
    assert all(patrons.page(newsroom, each).patrons for each in asked)


def test_the_audit_log_is_whole(newsroom: Session) -> None:
    """[S9]"""
    assert audit.verify(newsroom).entries > 0


def test_the_database_goes_on_numbering(newsroom: Session) -> None:
    newsroom.add(Account(email="new@example.org", language="en"))
    newsroom.flush()


def test_it_refuses_a_database_with_data(newsroom: Session, settings: Settings) -> None:
    before = count(newsroom, Account)
    with pytest.raises(plant.NotEmptyError):
        plant.plant(newsroom, settings, patrons=5, months=2)
    assert count(newsroom, Account) == before
