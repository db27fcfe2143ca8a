"""Two workers at once, on real transactions."""

import threading
from collections.abc import Callable
from contextlib import ExitStack

from flask import Flask
from sqlalchemy import Engine, select

from membership import clock
from membership.billing import inbox
from membership.billing.dunning import notices, reminders
from membership.billing.dunning.models import Dunning
from membership.db import transaction
from membership.mail.models import OutboxEmail
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.dunning.conftest import NO_MONEY, Life
from tests.billing.dunning.test_notices import NOW


def at_once(app: Flask, act: Callable[[], int], times: int = 4) -> None:
    """Several workers do the same thing at the same moment, all at the test's own time."""
    ready = threading.Barrier(times)
    now = clock.now()

    def work() -> None:
        with app.app_context(), clock.fixed(now):
            ready.wait()
            act()

    workers = [threading.Thread(target=work) for _ in range(times)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def written() -> list[str]:
    with transaction() as session:
        kinds = session.scalars(select(OutboxEmail.kind).order_by(OutboxEmail.id)).all()
    return [kind for kind in kinds if kind not in ("welcome", "receipt")]


def test_four_workers_write_one_letter_and_one_row(
    committed: Engine, app: Flask, stripe: Stripe, give: Callable[..., str]
) -> None:
    """[B12] [L16] Every event of a failure is followed by four at once; so are the letters."""
    stripe.pay(give())
    stripe.deliver_all()
    with ExitStack() as times:
        with transaction() as session:
            life = Life(session, stripe, times)
            life.let_card(NO_MONEY)
            life.renew()
        for event in stripe.events():
            stripe.deliver(event)
        at_once(app, inbox.process_due)
        at_once(app, reminders.remind_due)
        with transaction() as session:
            assert session.scalars(select(Dunning.letters)).all() == [1]
        assert written() == ["payment_failed"]


def test_a_new_card_is_charged_once_by_four_workers(
    committed: Engine, app: Flask, stripe: Stripe, give: Callable[..., str]
) -> None:
    """[B12] [B7]"""
    stripe.pay(give())
    stripe.deliver_all()
    with ExitStack() as times:
        with transaction() as session:
            life = Life(session, stripe, times)
            life.let_card(NO_MONEY)
            life.renew()
        stripe.deliver_all()
        before = len(stripe.all("charge"))
        life.enter_card_in_portal()
        # Everything that Stripe ever told comes again, beside the news.
        stripe.delivered.clear()
        for event in stripe.events():
            stripe.deliver({**event, "id": f"{event['id']}_again"})
        at_once(app, inbox.process_due)
        assert len(stripe.all("charge")) == before + 1
        with transaction() as session:
            assert session.scalars(select(Dunning.recovered_by)).all() == ["patron"]


def test_four_workers_write_each_notice_once(committed: Engine, app: Flask) -> None:
    """[L16]"""
    with clock.fixed(NOW):
        with transaction() as session:
            for _ in range(3):
                reader = factories.account(session)
                factories.subscription(
                    session, reader, interval="year", current_period_end_at=NOW.replace(day=10)
                )
        at_once(app, notices.notify_due)
        assert written() == ["renewal_ahead"] * 3
