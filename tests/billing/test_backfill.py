"""Events that never reached us."""

from collections.abc import Callable

from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from membership.billing import inbox, sync
from membership.billing.models import Donation, StripeEvent
from tests.billing.conftest import Stripe
from tests.billing.reading import row, rows

Give = Callable[..., str]


def run(app: Flask, *args: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["billing", "backfill", *args])
    return result.exit_code, result.output


def test_what_never_came_is_fetched_once(
    app: Flask, session: Session, stripe: Stripe, give: Give
) -> None:
    """[B4]"""
    stripe.pay(give())
    stripe.deliver(stripe.events("customer.subscription.created")[0])
    missing = len(stripe.events(*sync.FOLLOWERS))
    assert missing >= 3
    status, said = run(app, "--since", "1")
    assert status == 0, said
    assert f"{missing} of ours were missing" in said
    assert len(rows(session, StripeEvent)) == len(stripe.all("event"))
    inbox.process_due()
    assert len(rows(session, Donation)) == 1
    status, said = run(app, "--since", "2020-01-01")
    assert "0 of ours were missing" in said
    assert inbox.process_due() == 0


def test_what_was_set_aside_is_tried_again(
    app: Flask, session: Session, stripe: Stripe, give: Give
) -> None:
    """[B4] [L7]"""
    stripe.pay(give())
    stripe.deliver(stripe.events("invoice.paid")[0])
    session.execute(update(StripeEvent).values(state="failed", attempts=inbox.ATTEMPTS))
    run(app, "--since", "1")
    inbox.process_due()
    assert row(session, StripeEvent, type="invoice.paid").state == "processed"
    assert len(rows(session, Donation)) == 1


def test_what_is_no_date_and_a_stripe_that_is_away_are_said(
    app: Flask, session: Session, stripe: Stripe
) -> None:
    assert run(app, "--since", "yesterday")[0] == 2
    assert run(app, "--since", "9" * 30)[0] == 2
    stripe.sandbox("faults", api_error_rate=1.0)
    status, said = run(app, "--since", "1")
    assert status == 1
    assert "did not answer" in said
