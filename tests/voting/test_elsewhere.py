"""Who pays on another platform: a vote in rounds that open once we know, and mail once asked."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.elsewhere.support import ARRIVED
from membership.campaigns.audience import Audience, count
from membership.campaigns.letter import KIND
from membership.db import database_now
from membership.mail import outbox
from membership.reports.models import RoundGroup
from membership.reports.rollups import rounds as groups
from membership.voting import paper, rounds, telling
from membership.voting.eligibility import NotEligibleError
from membership.voting.models import Ballot, Round, Tally
from tests import factories
from tests.voting.letters_of_votes import DAY, HOUR, addresses, told


def brought_in(session: Session, created_at: datetime, **values: object) -> Account:
    """Who pays on Patreon, and has a month to go."""
    account = factories.account(session, **({"verified_at": None} | values))
    days = {"since_at": created_at - 30 * DAY, "paid_until_at": clock.now() + 30 * DAY}
    factories.paid_elsewhere(session, account, **days, created_at=created_at)
    return account


def chosen(session: Session, held: Round) -> list[int]:
    return [paper.options(session, held.id)[0].id]


def test_no_file_makes_voters_for_an_open_round(
    session: Session, signed_in: Callable[[Session, Account], FlaskClient]
) -> None:
    """[V3] Who was brought in before it opened votes; the others, in the next one."""
    held = factories.round_(session)
    before = brought_in(session, held.opens_at - HOUR)
    meanwhile = brought_in(session, held.opens_at + HOUR / 2)
    # What they paid here once is over, and what they pay elsewhere revives none of it.
    agreement = factories.subscription(session, meanwhile, state="ended", ended_at=factories.NOON)
    factories.donation(session, meanwhile, subscription_id=agreement.id)
    assert rounds.live_turnout(session, held) == (0, 1)
    assert rounds.cast(session, held.id, before.id, chosen(session, held)) == "cast"
    with pytest.raises(NotEligibleError):
        rounds.cast(session, held.id, meanwhile.id, chosen(session, held))
    page = signed_in(session, meanwhile).get(f"/rounds/{held.id}").text
    assert "You vote from the next round on" in page
    assert "Cast my vote" not in page
    following = factories.round_(session, opens_at=clock.now())
    assert rounds.cast(session, following.id, meanwhile.id, chosen(session, following)) == "cast"


def test_the_tally_and_the_figures_agree_who_might_have_voted(session: Session) -> None:
    """[V3] [D5]"""
    now = database_now(session)
    held = factories.round_(session, opens_at=now - 3 * DAY, closes_at=now - HOUR)
    voter = brought_in(session, held.opens_at - HOUR)
    brought_in(session, held.opens_at + HOUR)
    ballot = {"account_id": voter.id, "choices": chosen(session, held), "cast_at": now - DAY}
    factories.add(session, Ballot(round_id=held.id, **ballot))
    while rounds.advance(session, held.id):
        pass
    assert session.get_one(Tally, held.id).electorate == 1
    groups.rebuild(session)
    everybody = session.get_one(RoundGroup, (held.id, "all", "", ""))
    assert (everybody.patrons, everybody.voters) == (1, 1)


def test_who_was_only_brought_in_gets_no_bulk_mail(session: Session) -> None:
    """[M8] [S10] Their address was given to another; signing in, giving or a welcome changes it."""
    held = factories.round_(session)
    then = held.opens_at - HOUR
    brought_in(session, then)
    signed_in = brought_in(session, then, verified_at=then)
    gives = brought_in(session, then)
    factories.donation(session, gives)
    welcomed = brought_in(session, then)
    outbox.put(
        session,
        kind=ARRIVED,
        recipient=welcomed.email,
        subject=f"account:{welcomed.id}",
        language="en",
        context={},
        account_id=welcomed.id,
    )
    asked = (signed_in, gives, welcomed)
    telling.tell_due()
    assert told(session, "round_opened") == addresses(*asked)
    assert count(session, Audience(), KIND).people == len(asked)
