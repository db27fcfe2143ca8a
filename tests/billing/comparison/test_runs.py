"""A comparison goes through page after page, and on where it broke off."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, event, func, update
from sqlalchemy.orm import Session

from membership import clock
from membership.billing.comparison import run, subscriptions
from membership.billing.comparison.models import Comparison, Difference
from membership.billing.comparison.stages import STAGES
from membership.billing.comparison.steps import Place
from membership.billing.models import Subscription
from sandbox.stripe.billing_cycle import add_periods
from tests import factories
from tests.billing.comparison.conftest import Compare
from tests.billing.comparison.planting import known, planted
from tests.billing.conftest import Stripe
from tests.billing.reading import row, rows


def test_every_page_is_compared_with_as_many_questions(
    session: Session, stripe: Stripe, engine: Engine, small_pages: None
) -> None:
    """[L13] A page costs a constant number of queries, and what lies between pages is found."""
    ids = planted(stripe, 7)
    for each in ids:
        known(session, each)
    gone = known(session, ids[3], stripe_subscription_id="sub_gone")
    counts, suspects, place = [], [], Place()
    statements: list[str] = []

    def heard(*said: Any) -> None:
        statements.append(said[2])

    event.listen(engine, "before_cursor_execute", heard)
    while place is not None:
        statements.clear()
        step = subscriptions.walk(clock.now(), place)
        counts.append(sum(each.startswith("SELECT") for each in statements))
        suspects += step.suspects
        place = step.place
    event.remove(engine, "before_cursor_execute", heard)
    assert counts == [2, 2, 2, 2]
    assert [each.stripe_id for each in suspects] == [gone.stripe_subscription_id]


def test_the_key_of_another_account_is_said_once_and_suspects_nobody(
    session: Session,
    stripe: Stripe,
    app: Flask,
    small_pages: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """[B4] One clear sentence, and no row for each patron; so too when others give there."""
    planted(stripe, 3)
    for _ in range(5):
        factories.patron(session)
    result = app.test_cli_runner().invoke(args=["billing", "reconcile"])
    assert result.exit_code == 1
    assert "Stripe knows none of our running subscriptions." in result.output
    session.execute(update(Comparison).values(leased_until=None))
    run.go_on()
    assert "comparison_of_wrong_account" in caplog.text
    stopped = row(session, Comparison)
    assert (stopped.stage, stopped.finished_at) == ("subscriptions", None)
    assert "knows none of our" in stopped.last_error
    assert rows(session, Difference) == []


def test_ours_among_those_of_another_product(
    session: Session, stripe: Stripe, small_pages: None, compare: Compare
) -> None:
    """[B4] [L17] Pages on which none is ours, between two of which one of ours was cancelled."""
    ids = planted(stripe, 6)
    known(session, ids[5])
    known(session, ids[1])
    stripe.api(f"subscriptions/{ids[1]}", "DELETE")
    (found,) = compare()
    assert (found.stripe_id, found.fields["state"]) == (ids[1], ["active", "ended"])


def test_however_many_are_missing_they_are_looked_at_page_by_page(
    session: Session, stripe: Stripe, monkeypatch: pytest.MonkeyPatch, compare: Compare
) -> None:
    """[B4] Memory stays flat, and those that began in one second fall between no pages."""
    monkeypatch.setattr(subscriptions, "PAGE", 2)
    began = [int(clock.now().timestamp()) - 86_400 * days for days in (1, 1, 1, 2, 3)]
    for number, at in enumerate(began):
        planted(stripe, 1, id=f"sub_{number}", customer=f"cus_{number}", started_at=at,
                current_period_end_at=add_periods(at, "month", 1))  # fmt: skip
        known(session, f"sub_{number}")
        stripe.api(f"subscriptions/sub_{number}", "DELETE")
    step = subscriptions.walk(clock.now(), Place())
    assert {each.stripe_id for each in step.suspects} == {"sub_0", "sub_1", "sub_2"}
    assert step.place == Place(None, datetime.fromtimestamp(began[0], UTC))
    assert len(compare()) == 5
    assert {each.state for each in rows(session, Subscription)} == {"ended"}


def test_what_began_in_the_same_second_falls_between_no_pages(
    session: Session, stripe: Stripe, small_pages: None, compare: Compare
) -> None:
    began = int(clock.now().timestamp()) - 86_400
    ends = add_periods(began, "month", 1)
    for number in range(5):
        planted(stripe, 1, id=f"sub_{number}", customer=f"cus_{number}", started_at=began,
                current_period_end_at=ends)  # fmt: skip
        known(session, f"sub_{number}")
    stripe.api("subscriptions/sub_2", "DELETE")
    (found,) = compare()
    assert (found.stripe_id, found.fields["state"]) == ("sub_2", ["active", "ended"])


def test_a_run_that_broke_off_goes_on(
    session: Session, stripe: Stripe, small_pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[B4] Stripe goes away in the middle; then time runs out after each page."""
    for each in planted(stripe, 5):
        known(session, each)
    stripe.sandbox("faults", api_errors=[0, 0, 500, 500, 500])
    run.go_on()
    begun = row(session, Comparison)
    assert (begun.stage, begun.subscriptions) == ("subscriptions", 2)
    assert begun.starting_after == "sub_planted_1"
    assert begun.last_error.startswith("Stripe")
    assert begun.leased_until is None
    stripe.sandbox("faults", api_errors=[])
    monkeypatch.setattr(run, "RUN_SECONDS", 0.0)
    wakes: list[str] = []
    monkeypatch.setattr(run, "wake", lambda _session, task: wakes.append(task))
    for _ in range(len(STAGES) + 3):
        run.go_on()
    done = row(session, Comparison)
    assert done.finished_at is not None
    assert (done.subscriptions, done.last_error) == (5, None)
    assert set(wakes) == {run.TASK}, "the rest is asked for at once"
    assert rows(session, Difference) == []


def test_a_page_whose_repairs_take_too_long_is_looked_at_again(
    session: Session, stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in planted(stripe, 3):
        known(session, each, amount_minor=400)
    monkeypatch.setattr(run, "RUN_SECONDS", 0.0)
    for repaired in (0, 1, 2, 3):
        run.go_on()
        assert len(rows(session, Difference)) == repaired
    assert row(session, Comparison).subscriptions == 0
    run.go_on()
    assert row(session, Comparison).subscriptions == 3


def test_two_never_compare_at_once(session: Session, stripe: Stripe, app: Flask) -> None:
    """[B4] A lease, that ends by itself when its holder was killed."""
    run.ask(session)
    session.flush()
    held = func.clock_timestamp() + timedelta(minutes=1)
    session.execute(update(Comparison).values(leased_until=held, stage="invoices"))
    run.go_on()
    assert row(session, Comparison).finished_at is None
    result = app.test_cli_runner().invoke(args=["billing", "reconcile"])
    assert result.exit_code == 1
    assert "under way" in result.output
    past = func.clock_timestamp() - timedelta(seconds=1)
    session.execute(update(Comparison).values(leased_until=past))
    run.go_on()
    done = row(session, Comparison)
    assert done.finished_at is not None
    assert done.subscriptions == 0, "it went on with the invoices"


def test_while_one_is_at_work_another_does_nothing(
    session: Session, stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[B4] A wake-up that comes meanwhile, and a member of staff who asks."""
    walk, walks = STAGES["events"], []

    def others_come(started_at: Any, place: Place) -> Any:
        walks.append(place)
        run.go_on()
        with pytest.raises(run.RunningError):
            run.run_now()
        return walk(started_at, place)

    monkeypatch.setitem(STAGES, "events", others_come)
    run.go_on()
    assert len(walks) == 1
    assert row(session, Comparison).finished_at is not None


def test_who_lost_the_lease_writes_nothing_more(
    session: Session, stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[B4] A process that was silent for too long finds another one at work."""
    taken = func.clock_timestamp() + timedelta(hours=1)

    def somebody_takes_over(started_at: Any, place: Place) -> Any:
        session.execute(update(Comparison).values(leased_until=taken, stage="payments"))
        return subscriptions.walk(started_at, place)

    monkeypatch.setitem(STAGES, "subscriptions", somebody_takes_over)
    run.go_on()
    assert (row(session, Comparison).stage, row(session, Comparison).finished_at) == (
        "payments",
        None,
    )
    with pytest.raises(run.RunningError):
        run.run_now()


def test_it_runs_once_a_day(session: Session, stripe: Stripe) -> None:
    """[B4] And once more when somebody asks; what broke off long ago begins anew."""
    run.go_on()
    run.go_on()
    assert len(rows(session, Comparison)) == 1
    run.ask(session)
    run.ask(session)
    session.flush()
    run.go_on()
    assert [bool(each.finished_at) for each in rows(session, Comparison)] == [True, True]
    session.execute(update(Comparison).values(started_at=func.now() - timedelta(hours=23)))
    run.go_on()
    assert len(rows(session, Comparison)) == 3
    session.execute(delete(Comparison).where(Comparison.finished_at.is_not(None)))
    session.add(Comparison(started_at=clock.now() - timedelta(days=2), stage="invoices"))
    session.flush()
    run.go_on()
    assert [bool(each.finished_at) for each in rows(session, Comparison)] == [False, True]


def test_the_command_says_what_it_found(
    app: Flask, session: Session, stripe: Stripe, patron: str
) -> None:
    stripe.api(f"subscriptions/{patron}", cancel_at_period_end="true")
    result = app.test_cli_runner().invoke(args=["billing", "reconcile"])
    assert result.exit_code == 0, result.output
    assert "1 subscriptions, 1 invoices, 1 payments. Differences: 1." in result.output
    assert f"subscription {patron}: repaired\n  state: active → cancel_scheduled" in result.output
    stripe.sandbox("faults", api_error_rate=1.0)
    result = app.test_cli_runner().invoke(args=["billing", "reconcile"])
    assert result.exit_code == 1
    assert "did not answer" in result.output
