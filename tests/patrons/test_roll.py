"""The rows that the list of patrons is asked by: worked out, refreshed, rebuilt to the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing import forgetting
from membership.billing.gifts.models import Gift
from membership.billing.models import Checkout, Donation, Subscription
from membership.patrons import roll
from membership.patrons.models import Patron
from membership.reports import rollups
from membership.voting.models import Ballot, Round, Turnout
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, pays


def rows(session: Session) -> dict[int, dict[str, Any]]:
    session.expire_all()
    found = session.scalars(select(Patron))
    return {row.account_id: {name: getattr(row, name) for name in roll.COLUMNS} for row in found}


def row(session: Session, account: Account) -> Patron:
    roll.rebuild(session)
    session.expire_all()
    return session.get_one(Patron, account.id)


def took_a_gift(session: Session, account: Account, ends_at: datetime) -> Gift:
    gift = {
        "source": "pool", "state": "redeemed", "recipient_email": account.email, "language": "en",
        "months": 12, "amount_minor": 4800, "currency": "EUR", "send_on": NOON.date(),
        "account_id": account.id, "redeemed_at": NOON, "begins_at": NOON, "ends_at": ends_at,
    }  # fmt: skip
    return factories.add(session, Gift(**gift))


def test_what_runs_counts_before_what_began_last(session: Session) -> None:
    """Somebody who left and came back gives now: no filter may call them ended."""
    giver = factories.account(session)
    factories.subscription(session, giver, amount_minor=900, started_at=NOON + DAY, state="ended")
    factories.subscription(session, giver, interval="year", state="active", started_at=NOON)
    found = row(session, giver)
    assert (found.standing, found.state, found.interval, found.amount_minor) == (
        "current", "active", "year", 400,
    )  # fmt: skip
    assert found.since_at == NOON


def test_standings(session: Session) -> None:
    def subscribed(state: str) -> Account:
        giver = factories.account(session)
        given = factories.subscription(session, giver, state=state)
        pays(session, giver, subscription_id=given.id, stripe_invoice_id=f"in_{given.id}")
        return giver

    later, over = clock.now() + DAY, clock.now() - DAY
    by_gift, gift_over, began_never = (factories.account(session) for _ in range(3))
    took_a_gift(session, by_gift, later)
    took_a_gift(session, gift_over, over)
    factories.subscription(session, began_never, state="incomplete")
    once = factories.account(session)
    pays(session, once, currency="UAH")
    stands = {
        subscribed("active"): "current",
        subscribed("cancel_scheduled"): "current",
        subscribed("past_due"): "grace",
        subscribed("paused"): "grace",
        subscribed("ended"): "lapsed",
        by_gift: "current",
        gift_over: "lapsed",
        began_never: "lapsed",
        once: "once",
    }
    roll.rebuild(session)
    assert {a.id: rows(session)[a.id]["standing"] for a in stands} == {
        account.id: standing for account, standing in stands.items()
    }
    assert rows(session)[once.id]["currency"] == "UAH"


def test_who_never_gave_is_not_there(session: Session) -> None:
    factories.account(session)
    roll.rebuild(session)
    assert rows(session) == {}


def test_the_story_is_that_of_the_first_checkout(session: Session) -> None:
    """[R5]"""
    first, second = factories.article(session), factories.article(session)
    giver = factories.account(session)
    for number, (article, state) in enumerate([(first, "ended"), (second, "active")]):
        checkout = Checkout(
            email=giver.email, language="en", interval="month", amount_minor=400, currency="EUR",
            article_id=article.id, state="completed",
        )  # fmt: skip
        factories.add(session, checkout)
        factories.subscription(
            session, giver, checkout_id=checkout.id, state=state, started_at=NOON + number * DAY
        )
    assert row(session, giver).article_id == first.id


def test_only_settled_rounds_are_known(session: Session) -> None:
    """[V4] [V8]"""
    voter = factories.patron(session)
    held = factories.round_(session)
    session.add(Ballot(round_id=held.id, account_id=voter.id, choices=[1], cast_at=NOON))
    session.add(Turnout(round_id=held.id, account_id=voter.id))
    session.flush()
    assert not row(session, voter).has_voted
    session.get_one(Round, held.id).state = "settled"
    session.flush()
    assert row(session, voter).has_voted


def test_a_refresh_writes_what_a_rebuild_would(session: Session) -> None:
    """[L13] Only those of whom something was written lately are worked out again."""
    quiet, moved, late = (factories.patron(session) for _ in range(3))
    rollups.refresh(session)
    before = rows(session)
    session.connection().execute(update(Patron).values(standing="once"))
    since = clock.now() - timedelta(hours=1)
    for account in (quiet, moved, late):
        for given in _of(session, account):
            given.synced_at = since - DAY
        for donation in _donations(session, account):
            donation.created_at = since - DAY
    (given,) = _of(session, moved)
    given.state, given.synced_at = "past_due", clock.now()
    factories.donation(session, late, paid_at=clock.now() - DAY, created_at=clock.now())
    assert roll.refresh(session, since) == 2
    found = rows(session)
    assert found[quiet.id]["standing"] == "once"
    assert found[moved.id] == before[moved.id] | {"standing": "grace", "state": "past_due"}
    assert found[late.id] == before[late.id]
    roll.rebuild(session)
    assert {key: found[key] for key in (moved.id, late.id)}.items() <= rows(session).items()


def test_a_gift_that_ends_by_itself_is_seen(session: Session) -> None:
    reader = factories.account(session)
    gift = took_a_gift(session, reader, clock.now() + DAY)
    assert row(session, reader).standing == "current"
    gift.ends_at = clock.now() - timedelta(minutes=1)
    session.flush()
    roll.refresh(session, clock.now() - timedelta(minutes=5))
    assert rows(session)[reader.id]["standing"] == "lapsed"


def test_the_platform_is_known_of_whose_own_support_does_not_run(session: Session) -> None:
    """Of several the one that lasts longest, also when it is over; who gives here left it."""
    here, came_back, over = (factories.account(session) for _ in range(3))
    for giver in (here, came_back, over):
        factories.paid_elsewhere(session, giver, paid_until_at=NOON)
        factories.paid_elsewhere(session, giver, source="steady", paid_until_at=NOON - DAY)
    given = factories.subscription(session, here, state="past_due")
    factories.subscription(session, came_back, state="ended")
    roll.rebuild(session)
    found = {key: each["platform"] for key, each in rows(session).items()}
    assert found == {here.id: None, came_back.id: "patreon", over.id: "patreon"}
    given.state = "ended"
    session.flush()
    assert row(session, here).platform == "patreon"


def test_who_has_nothing_left_goes(session: Session) -> None:
    """As when an account is merged into another."""
    gone, kept = factories.patron(session), factories.account(session)
    roll.rebuild(session)
    for each in (*_of(session, gone), *_donations(session, gone)):
        each.account_id = kept.id
    gone.merged_into_id, gone.merged_at = kept.id, datetime.now(UTC)
    session.flush()
    roll.refresh(session, clock.now() - timedelta(minutes=5))
    assert set(rows(session)) == {kept.id}


def test_who_paid_elsewhere_alone_goes_when_deleted(session: Session) -> None:
    """[S11] What they pay there is forgotten at once, and so they are no patron any more."""
    gone, stays = factories.account(session), factories.patron(session)
    lasts = clock.now() + DAY
    factories.paid_elsewhere(session, gone, since_at=NOON, paid_until_at=lasts)
    roll.rebuild(session)
    assert rows(session)[gone.id]["standing"] == "current"
    forgetting.forget(session, gone)
    assert set(rows(session)) == {stays.id}
    assert roll.rebuild(session) == 0


def _of(session: Session, account: Account) -> list[Any]:
    return list(session.scalars(select(Subscription).where(Subscription.account_id == account.id)))


def _donations(session: Session, account: Account) -> list[Any]:
    return list(session.scalars(select(Donation).where(Donation.account_id == account.id)))
