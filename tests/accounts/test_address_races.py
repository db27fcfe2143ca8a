"""Changes of an address that meet others at the same moment, in real transactions."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from membership import clock
from membership.accounts import accounts, address_changes, sign_in, sign_in_requests
from membership.accounts.models import Account, AuditEntry, SignIn
from membership.billing import forgetting, givers, leaving
from membership.db import statements, transaction
from membership.mail import claiming, moving, outbox, refusals
from membership.mail.claiming import Claimed
from membership.mail.models import OutboxEmail
from tests import factories
from tests.voting.waiting import wait_for_a_lock

pytestmark = pytest.mark.usefixtures("committed")
OLD = "olena@example.org"
NEW = "olena@other.example"
BROWSER = "the browser that asks"


@pytest.fixture
def workers(app: Flask) -> Iterator[ThreadPoolExecutor]:
    context = app.app_context
    with ThreadPoolExecutor(2, initializer=lambda: context().push()) as pool:
        yield pool


def asked(email: str = OLD, new: str = NEW) -> Callable[[], str | None]:
    """An account that has asked for `new`; what pressing its button does."""
    with transaction() as session:
        reader = factories.account(session, email=email)
        kept = sign_in.open_sign_in(session, reader)
        address_changes.ask(session, reader.id, new)
        nonce = session.scalar(
            select(OutboxEmail.context["nonce"].astext).where(
                OutboxEmail.account_id == reader.id, OutboxEmail.kind == "address_change"
            )
        )
    assert nonce is not None
    token = address_changes._token(nonce)

    def press() -> str | None:
        with transaction() as session:
            return address_changes.change(session, reader.id, token, kept)

    return press


def mailed_sign_in() -> Callable[[], object]:
    """A sign-in mail to the old address; what pressing its button does."""
    with transaction() as session:
        sign_in_requests.ask(session, OLD, BROWSER, "en", None)
        nonce = session.scalar(
            select(OutboxEmail.context["nonce"].astext).where(OutboxEmail.kind == "sign_in")
        )
    assert nonce is not None
    token = sign_in_requests._token(nonce)

    def press() -> object:
        with transaction() as session:
            return sign_in_requests.use_link(session, token, BROWSER)

    return press


def both(workers: ThreadPoolExecutor, *acts: Callable[[], Any]) -> list[Any]:
    ready = threading.Barrier(len(acts))

    def at_once(act: Callable[[], Any]) -> Any:
        ready.wait(timeout=30)
        try:
            return act()
        except address_changes.TakenError:
            return "taken"

    return list(workers.map(at_once, acts))


def count(kind: str) -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).where(OutboxEmail.kind == kind)).one()


def test_a_button_pressed_twice_changes_once(workers: ThreadPoolExecutor) -> None:
    """[S5] One change, one letter to the old address, one entry."""
    press = asked()
    assert sorted(both(workers, press, press), key=str) == [None, NEW]
    assert count("address_changed") == 1
    with transaction() as session:
        deeds = select(func.count()).where(AuditEntry.action == "account.address_changed")
        assert session.scalars(deeds).one() == 1


def test_two_accounts_cannot_have_one_address(workers: ThreadPoolExecutor) -> None:
    """[S5] Both had proof; the second is told, and nothing of it is half done."""
    outcome = both(workers, asked("one@example.org"), asked("two@example.org"))
    assert sorted(outcome) == [NEW, "taken"]
    assert count("address_changed") == 1
    with transaction() as session:
        emails = set(session.scalars(select(Account.email)))
    assert len(emails) == 2
    assert NEW in emails


def test_a_sign_in_that_meets_the_change_does_not_outlive_it(workers: ThreadPoolExecutor) -> None:
    """[S5] A link from the old mailbox is void, however late it is looked at."""
    with transaction() as session:
        factories.account(session, email=OLD)
    enter = mailed_sign_in()
    with transaction() as session:
        holder = accounts.find(session, OLD)
        assert holder is not None
        session.refresh(holder, with_for_update=True)
        entering = workers.submit(enter)
        wait_for_a_lock()
        # What the change does, while somebody has already pressed the button of the old link.
        holder.email = NEW
        session.flush()
    assert entering.result(timeout=60) is None
    with transaction() as session:
        assert session.scalars(select(func.count()).select_from(SignIn)).one() == 0


def test_a_change_and_a_sign_in_at_once_leave_one_sign_in(workers: ThreadPoolExecutor) -> None:
    """[S5] Whoever came first: the old mailbox has no open sign-in afterwards."""
    press = asked()
    enter = mailed_sign_in()
    both(workers, press, enter)
    with transaction() as session:
        still_open = select(func.count()).where(SignIn.revoked_at.is_(None))
        assert session.scalars(still_open).one() == 1


def test_an_account_that_is_being_deleted_gets_no_address(workers: ThreadPoolExecutor) -> None:
    """[S11] The change waits for the deletion, and finds nobody."""
    press = asked()
    with transaction() as session:
        holder = accounts.find(session, OLD)
        assert holder is not None
        account = givers.locked(session, holder.id)
        pressing = workers.submit(press)
        wait_for_a_lock()
        account.delete_after_at = clock.now()
        forgetting.forget(session, account)
    assert pressing.result(timeout=60) is None
    with transaction() as session:
        (email,) = session.scalars(select(Account.email))
    assert email == forgetting.nobody(holder.id)
    assert count("address_changed") == 0


def claimed() -> Claimed:
    """A letter of the week to the old address, in the hands of a worker."""
    with transaction() as session:
        holder = accounts.find(session, OLD)
        assert holder is not None
        outbox.put(
            session,
            kind="newsletter",
            recipient=OLD,
            subject="issue:1",
            language="en",
            account_id=holder.id,
        )
    with statements() as session:
        (mail,) = claiming.claim(session, claiming.BULK)
    return mail


def begin(mail: Claimed) -> str | None:
    """What the worker does next."""
    with statements() as session:
        return claiming.step(session, None, mail)


def test_a_letter_in_a_workers_hands_goes_to_no_old_address(workers: ThreadPoolExecutor) -> None:
    """[S5] It is the new address' from now on, and leaves when the lease is over."""
    press = asked()
    mail = claimed()
    assert press() == NEW
    assert workers.submit(begin, mail).result(timeout=60) is None
    with transaction() as session:
        left = session.get_one(OutboxEmail, mail.id)
        assert (left.recipient, left.state) == (NEW, "pending")


def test_a_worker_that_waits_for_the_change_sends_nothing(workers: ThreadPoolExecutor) -> None:
    """[S5][M4] It began to look before the refusal of the old address was the new one's."""
    asked()
    with transaction() as session:
        refusals.refuse(session, OLD, "newsletter")
    mail = claimed()
    with transaction() as session:
        holder = session.scalars(select(Account).with_for_update()).one()
        holder.email = NEW
        moving.move(session, holder.id, OLD, NEW, staying=())
        sending = workers.submit(begin, mail)
        wait_for_a_lock()
    assert sending.result(timeout=60) is None


def test_a_worker_that_waits_for_the_deletion_sends_nothing(workers: ThreadPoolExecutor) -> None:
    """[S11] It began to look before there was nobody."""
    asked()
    mail = claimed()
    with transaction() as session:
        holder = session.scalars(select(Account).with_for_update()).one()
        forgetting.forget(session, holder)
        sending = workers.submit(begin, mail)
        wait_for_a_lock()
    assert sending.result(timeout=60) is None
    with transaction() as session:
        assert session.get_one(OutboxEmail, mail.id).state == "suppressed"


@pytest.mark.parametrize("what", ["changed", "deleted"])
def test_who_goes_while_letters_are_written_is_not_written_to_at_the_old_address(
    workers: ThreadPoolExecutor, what: str
) -> None:
    """[S5][S11] The change waits for them, and takes them along."""
    change = asked()
    go = deleted() if what == "deleted" else change
    # Thousands take a while to find: here, until we say.
    held = select(func.pg_advisory_xact_lock(1)).scalar_subquery()
    readers = select(Account.email, Account.language, Account.id).where(held.is_not(None))

    def write() -> None:
        with transaction() as session:
            outbox.put_to_all(session, readers, "newsletter", "issue:1", lambda _language: {})

    with transaction() as session:
        session.execute(select(func.pg_advisory_xact_lock(1)))
        writing = workers.submit(write)
        wait_for_a_lock()
        going = workers.submit(go)
        wait_for_a_lock(transactions=2)
    writing.result(timeout=60)
    assert going.result(timeout=60)
    with transaction() as session:
        (email,) = session.scalars(select(Account.email))
        to = select(OutboxEmail.recipient).where(OutboxEmail.kind == "newsletter")
        assert session.scalars(to).all() == [email]
    assert email != OLD


def deleted() -> Callable[[], bool]:
    """What a worker does when the week of an account is over."""
    with transaction() as session:
        holder = accounts.find(session, OLD)
        assert holder is not None
        holder.delete_after_at = clock.now()
    return lambda: leaving._delete(holder.id)
