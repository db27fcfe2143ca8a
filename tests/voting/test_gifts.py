"""Whoever lives on a gift votes like anyone, and loses the ballot as anyone does (rule V3)."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.billing.gifts.models import Gift
from membership.billing.models import Donation
from membership.billing.standing import has_gift, has_standing, is_paid_for
from membership.db import database_now
from membership.voting import rounds
from membership.voting.models import Ballot, RoundOption, Tally
from tests import factories
from tests.billing.gifts.steps import gift

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def given(session: Session, reader: Account, **values: object) -> Gift:
    """A gift that `reader` took a day ago and that lasts another day."""
    now = database_now(session)
    defaults = {
        "state": "redeemed",
        "account_id": reader.id,
        "redeemed_at": now - DAY,
        "begins_at": now - DAY,
        "ends_at": now + DAY,
    }
    return gift(session, **(defaults | values))


def settle(session: Session, held_id: int) -> None:
    while rounds.advance(session, held_id):
        pass


@pytest.mark.parametrize("taken", ["refunded", "disputed"])
@pytest.mark.parametrize(("when", "is_void"), [(-HOUR / 2, True), (HOUR / 2, False)])
def test_a_gifts_money_taken_back_before_the_close_voids_the_ballot(
    session: Session, taken: str, when: timedelta, is_void: bool
) -> None:
    """[V3] The donation is the giver's, the ballot that of who took the gift."""
    now = database_now(session)
    reader = factories.account(session)
    present = given(session, reader)
    held = factories.round_(session, opens_at=now - 3 * HOUR, closes_at=now + HOUR)
    choice = session.scalars(
        select(RoundOption.topic_id).where(RoundOption.round_id == held.id).limit(1)
    ).one()
    rounds.cast(session, held.id, reader.id, [choice])
    session.execute(update(Ballot).values(cast_at=held.opens_at))
    held.closes_at = now - HOUR
    donation = session.get_one(Donation, present.donation_id)
    if taken == "refunded":
        factories.refund(session, donation, donation.amount_minor, held.closes_at + when)
    else:
        donation.disputed_at = held.closes_at + when
    session.flush()
    settle(session, held.id)
    session.commit()
    assert session.get_one(Tally, held.id).ballots == (0 if is_void else 1)
    voided = session.scalars(
        select(AuditEntry.detail).where(AuditEntry.action == "ballot.voided")
    ).all()
    assert voided == ([{"account": reader.id}] if is_void else [])


def test_a_gift_that_ends_before_the_close_leaves_the_ballot(session: Session) -> None:
    """[V3] As with support that ends: the money was there."""
    now = database_now(session)
    reader = factories.account(session)
    present = given(session, reader)
    held = factories.round_(session, opens_at=now - 3 * HOUR, closes_at=now + HOUR)
    choice = session.scalars(
        select(RoundOption.topic_id).where(RoundOption.round_id == held.id).limit(1)
    ).one()
    rounds.cast(session, held.id, reader.id, [choice])
    held.closes_at = now - HOUR
    present.ends_at = now - 2 * HOUR
    session.flush()
    settle(session, held.id)
    assert session.get_one(Tally, held.id).ballots == 1


def test_things_are_seen_as_they_were(session: Session) -> None:
    """A gift counts from when it was taken until it ends, and its money until it goes back."""
    noon = factories.NOON
    reader = factories.account(session)
    present = given(session, reader, redeemed_at=noon, begins_at=noon, ends_at=noon + 10 * DAY)
    donation = session.get_one(Donation, present.donation_id)
    factories.refund(session, donation, donation.amount_minor, noon + 5 * DAY)

    def seen(days: float) -> tuple[bool, bool, bool]:
        at = noon + days * DAY
        found = session.execute(
            select(has_gift(reader.id, at), has_standing(reader.id, at), is_paid_for(reader.id, at))
        ).one()
        return tuple(found)

    assert seen(-1) == (False, False, False)
    assert seen(1) == (True, True, True)
    assert seen(6) == (False, False, False)
    donation.refunded_minor = 0
    present.donation_id, present.source, present.checkout_id = None, "pool", None
    session.flush()
    assert seen(6) == (True, True, True)
    assert seen(11) == (False, False, True)
    query = select(Account.id).where(has_standing(Account.id, noon + DAY))
    assert session.scalars(query).all() == [reader.id], "a column does as well as an id"
