"""Merging that meets a webhook, a vote, a deletion, a sign-in or itself, in real transactions."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from membership.accounts import accounts, merging, sign_in
from membership.accounts.models import Account, AuditEntry, SignIn
from membership.billing import givers, leaving, ledger
from membership.billing.gifts import redeeming
from membership.billing.gifts.models import Gift
from membership.billing.models import Checkout, LedgerEntry, Subscription
from membership.db import transaction
from membership.patrons import roll
from membership.patrons.models import Patron
from membership.voting import rounds
from membership.voting.models import Ballot, Turnout
from tests import factories
from tests.factories import NOON
from tests.voting.waiting import wait_for_a_lock

pytestmark = pytest.mark.usefixtures("committed")
OLD = "olena@old.example"


@pytest.fixture
def workers(app: Flask) -> Iterator[ThreadPoolExecutor]:
    context = app.app_context
    with ThreadPoolExecutor(2, initializer=lambda: context().push()) as pool:
        yield pool


def two(gives: bool = True) -> tuple[int, int]:
    """The ids of the account to keep, and of the one to go; the latter gives, or is new."""
    with transaction() as session:
        kept = factories.account(session)
        gone = factories.patron(session, email=OLD) if gives else factories.account(session)
        return kept.id, gone.id


def merge(kept_id: int, gone_id: int) -> str:
    """What came of it."""
    try:
        with transaction() as session:
            merging.merge(session, kept_id, gone_id, actor_id=kept_id, reason="They asked.")
    except merging.CannotMergeError as error:
        return error.obstacle
    return "merged"


def held(workers: ThreadPoolExecutor, kept: int, gone: int, act: Callable[[], Any]) -> Any:
    """What comes of `act` that began while the accounts were being merged."""
    with transaction() as session:
        merging.merge(session, kept, gone, actor_id=kept, reason="They asked.")
        acting = workers.submit(act)
        wait_for_a_lock()
    return acting.result(timeout=60)


def count(table: Any, **wanted: Any) -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(table).filter_by(**wanted)).one()


def test_two_who_merge_the_same_accounts_merge_once(workers: ThreadPoolExecutor) -> None:
    """[S9] Whichever each of them wanted to keep."""
    one, other = two()
    ready = threading.Barrier(2)

    def at_once(pair: tuple[int, int]) -> str:
        ready.wait(timeout=30)
        return merge(*pair)

    assert sorted(workers.map(at_once, [(one, other), (other, one)])) == ["leaving", "merged"]
    assert count(AuditEntry, action="account.merged") == 1


def test_a_webhook_that_waits_writes_for_the_account_that_was_kept(
    workers: ThreadPoolExecutor,
) -> None:
    """[B3] [L4] As sync does: it knew the row before, and locks whose it is."""
    kept, gone = two()

    def follow() -> int:
        with transaction() as session:
            row = session.scalars(select(Subscription)).one()
            account = givers.kept(session, row.account_id)
            row = session.get_one(Subscription, row.id, populate_existing=True)
            ledger.append(session, row, NOON)
            return account.id

    assert held(workers, kept, gone, follow) == kept
    assert count(LedgerEntry, account_id=kept) == 1


def test_a_first_gift_from_the_old_address_finds_the_account(workers: ThreadPoolExecutor) -> None:
    """[B6] What was typed with it moves, also when the webhook had read it before."""
    kept, gone = two(gives=False)
    with transaction() as session:
        begun = factories.add(
            session,
            Checkout(
                email=session.get_one(Account, gone).email,
                language="en",
                interval="once",
                amount_minor=400,
                currency="EUR",
                state="open",
            ),
        )

    def follow() -> int:
        with transaction() as session:
            checkout = givers.known_checkout(session, str(begun.id))
            assert checkout is not None
            return givers.account_of(session, checkout).id

    assert held(workers, kept, gone, follow) == kept
    assert count(Account) == 2


def test_a_look_at_who_are_patrons_that_meets_the_merge_waits_for_it(
    workers: ThreadPoolExecutor,
) -> None:
    """[L4] One of them is new to the list, the other's line is written anew: neither holds what
    the other waits for.
    """
    kept, gone = two()
    with transaction() as session:
        factories.subscription(session, session.get_one(Account, kept), state="ended")
        roll.renew(session, [kept])

    def look() -> None:
        with transaction() as session:
            roll.renew(session, [kept, gone])

    with transaction() as session:
        merging.merge(session, kept, gone, actor_id=kept, reason="They asked.")
        looking = workers.submit(look)
        wait_for_a_lock()
        roll.renew(session, [kept, gone])
    looking.result(timeout=60)
    assert count(Patron, account_id=kept) == count(Patron) == 1


def test_who_asks_to_be_deleted_too_late_deletes_nobody(workers: ThreadPoolExecutor) -> None:
    """[S11] They asked it of an account that is no more; the one that was kept stays."""
    kept, gone = two()
    held(workers, kept, gone, lambda: leaving.ask(gone))
    assert count(Account, delete_after_at=None) == 1
    assert leaving.delete_due() == 0
    with transaction() as session:
        assert not session.get_one(Account, kept).is_leaving


def test_who_is_being_deleted_is_not_merged(workers: ThreadPoolExecutor) -> None:
    """[S11] The merge waits, and sees it."""
    kept, gone = two()
    with transaction() as session:
        account = givers.locked(session, gone)
        merging_then = workers.submit(merge, kept, gone)
        wait_for_a_lock()
        account.delete_after_at = NOON
    assert merging_then.result(timeout=60) == "leaving"


def test_a_gift_that_is_taken_meanwhile_is_the_kept_accounts(workers: ThreadPoolExecutor) -> None:
    """[V3]"""
    kept, gone = two(gives=False)
    with transaction() as session:
        gift = factories.add(
            session,
            Gift(
                source="pool",
                state="sent",
                recipient_email=OLD,
                language="en",
                months=1,
                amount_minor=400,
                currency="EUR",
                send_on=NOON.date(),
            ),
        )

    def take() -> int | None:
        with transaction() as session:
            return redeeming.take(session, gift.id, gone).account_id

    assert held(workers, kept, gone, take) == kept


def test_a_vote_that_comes_too_late_is_nobodys(workers: ThreadPoolExecutor) -> None:
    """[V1] [V9] The round opens while they are merged: the ballot of the account that is gone is
    void, and the one that was kept may vote.
    """
    kept, gone = two()
    with transaction() as session:
        merging.merge(session, kept, gone, actor_id=kept, reason="They asked.")
        with transaction() as other:
            round_id = factories.round_(other).id
            choice = [other.scalars(select(rounds.RoundOption.topic_id)).first()]

        def cast(voter: int) -> None:
            with transaction() as session:
                rounds.cast(session, round_id, voter, choice)

        voting = workers.submit(cast, gone)
        wait_for_a_lock()
    voting.result(timeout=60)
    cast(kept)
    with transaction() as session:
        round_ = session.get_one(rounds.Round, round_id)
        round_.closes_at = rounds.database_now(session)
    rounds.advance_all()
    with transaction() as session:
        assert session.scalars(select(Turnout.account_id)).all() == [kept]
        assert len(session.scalars(select(Ballot).where(Ballot.voided_at.is_(None))).all()) == 1


def test_a_sign_in_that_meets_the_merge_does_not_outlive_it(workers: ThreadPoolExecutor) -> None:
    """[S4]"""
    kept, gone = two()
    with transaction() as session:
        token = sign_in.open_sign_in(session, session.get_one(Account, gone))
    assert merge(kept, gone) == "merged"
    with transaction() as session:
        assert sign_in.find_account(session, token) is None
        still_open = select(func.count()).where(SignIn.revoked_at.is_(None))
        assert session.scalars(still_open).one() == 0
        assert accounts.find(session, OLD) is None
