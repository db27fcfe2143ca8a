from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.models import SUBSCRIPTION_STATES
from membership.billing.standing import (
    STANDING,
    has_given_by_subscription,
    has_standing,
    standing,
)
from tests import factories
from tests.factories import NOON

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        ("active", "current"),
        ("cancel_scheduled", "current"),
        ("past_due", "grace"),
        ("paused", "grace"),
        ("incomplete", "lapsed"),
        ("ended", "lapsed"),
    ],
)
def test_what_a_state_means(session: Session, state: str, meaning: str) -> None:
    """[B11] [V3] The pure table and the SQL condition agree."""
    account = factories.account(session)
    factories.subscription(session, account, state=state)
    assert standing(state) == meaning
    assert session.scalar(select(has_standing(account.id))) is (meaning != "lapsed")


def test_every_state_has_a_standing() -> None:
    assert set(STANDING) == set(SUBSCRIPTION_STATES)


def test_one_live_subscription_among_ended_ones_suffices(session: Session) -> None:
    account = factories.account(session)
    factories.subscription(session, account, state="ended", ended_at=NOON)
    factories.subscription(session, account, state="past_due")
    factories.subscription(session, factories.account(session), state="ended", ended_at=NOON)
    assert session.scalars(select(Account.id).where(has_standing(Account.id))).all() == [account.id]


def test_standing_as_it_was(session: Session) -> None:
    account = factories.account(session)
    factories.subscription(
        session, account, state="ended", started_at=NOON - 2 * HOUR, ended_at=NOON
    )
    assert not session.scalar(select(has_standing(account.id)))
    assert not session.scalar(select(has_standing(account.id, NOON - 3 * HOUR)))
    assert session.scalar(select(has_standing(account.id, NOON - HOUR)))
    assert not session.scalar(select(has_standing(account.id, NOON + HOUR)))


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({}, True),
        ({"refunded_minor": 399, "refunded_at": NOON}, True),
        ({"refunded_minor": 400, "refunded_at": NOON}, False),
        ({"disputed_at": NOON}, False),
        ({"subscription_id": None}, False),
    ],
)
def test_what_counts_as_having_given(session: Session, values: dict, counts: bool) -> None:
    """[V3] A settled donation of a subscription that was not taken back."""
    account = factories.account(session)
    given = factories.subscription(session, account)
    factories.donation(session, account, **({"subscription_id": given.id} | values))
    assert session.scalar(select(has_given_by_subscription(account.id))) is counts


def test_having_given_as_it_was(session: Session) -> None:
    """[V3] Money taken back later, or paid later, does not change what was."""
    account = factories.account(session)
    given = factories.subscription(session, account)
    gift = factories.donation(session, account, subscription_id=given.id)
    factories.refund(session, gift, at=NOON + 2 * HOUR)

    def had_given(at) -> bool:
        return session.scalar(select(has_given_by_subscription(account.id, at)))

    assert not had_given(NOON)
    assert had_given(NOON + HOUR)
    assert not had_given(NOON + 3 * HOUR)


def test_a_part_given_back_leaves_a_gift_until_the_rest_follows(session: Session) -> None:
    """[V3] The money counts as taken back when the last part of it went, not the first."""
    account = factories.account(session)
    given = factories.subscription(session, account)
    gift = factories.donation(session, account, subscription_id=given.id)
    factories.refund(session, gift, 100, NOON + HOUR)
    factories.refund(session, gift, 300, NOON + 3 * HOUR)

    def had_given(at) -> bool:
        return session.scalar(select(has_given_by_subscription(account.id, at)))

    assert had_given(NOON + 2 * HOUR)
    assert not had_given(NOON + 4 * HOUR)
    assert not session.scalar(select(has_given_by_subscription(account.id)))


def test_a_refund_that_failed_takes_nothing_back(session: Session) -> None:
    """[V3]"""
    account = factories.account(session)
    given = factories.subscription(session, account)
    gift = factories.donation(session, account, subscription_id=given.id)
    factories.refund(session, gift, at=NOON + HOUR, state="failed")
    assert session.scalar(select(has_given_by_subscription(account.id, NOON + 2 * HOUR)))
