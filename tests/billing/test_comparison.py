"""The nightly comparison: what differs from Stripe is found, repaired and written down."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, event, func, text, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import AuditEntry
from membership.billing import backfill, gateway, inbox
from membership.billing.comparison import run, subscriptions
from membership.billing.comparison.stages import STAGES
from membership.billing.comparison.steps import Place
from membership.billing.dunning.models import Dunning
from membership.billing.models import (
    Comparison,
    Difference,
    Donation,
    LedgerEntry,
    StripeEvent,
    Subscription,
)
from membership.billing.subscriptions import columns
from sandbox.stripe.billing_cycle import add_periods
from tests import factories
from tests.billing.conftest import Stripe, sign
from tests.billing.reading import row, rows

Give = Callable[..., str]
Compare = Callable[[], list[Difference]]


@pytest.fixture
def compare(session: Session) -> Compare:
    """Runs a comparison to its end; gives back the differences of it."""

    def act() -> list[Difference]:
        done = run.run_now()
        assert row(session, Comparison, id=done).finished_at is not None
        return rows(session, Difference, comparison_id=done)

    return act


@pytest.fixture
def patron(session: Session, stripe: Stripe, give: Give) -> str:
    """Stripe's id of a subscription that both sides know alike."""
    stripe.pay(give())
    stripe.deliver_all()
    return str(row(session, Subscription).stripe_subscription_id)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("membership.billing.gateway.lists.PAGE", 2)


def planted(stripe: Stripe, count: int, **changes: Any) -> list[str]:
    """Subscriptions at Stripe that began a minute apart, the newest first."""
    began = int(clock.now().timestamp()) - 3 * 86_400
    wanted = [
        {
            "id": f"sub_planted_{number}",
            "customer": f"cus_planted_{number}",
            "email": f"planted{number}@example.org",
            "name": None,
            "amount": 500,
            "currency": "eur",
            "interval": "month",
            "started_at": began - 60 * number,
            "current_period_end_at": add_periods(began - 60 * number, "month", 1),
            "status": "active",
            "cancel_at_period_end": False,
            "paused": False,
            "metadata": {},
            **changes,
        }
        for number in range(count)
    ]
    stripe.sandbox("plant", subscriptions=wanted)
    return [each["id"] for each in wanted]


def known(session: Session, stripe_id: str, **changes: Any) -> Subscription:
    """Our row, as it should be, for a subscription that Stripe has."""
    said = gateway.read_subscription(stripe_id)
    values = columns(said) | {"stripe_subscription_id": stripe_id, "started_at": said.started_at}
    made = factories.subscription(session, factories.account(session), **(values | changes))
    session.add(
        LedgerEntry(
            subscription_id=made.id,
            account_id=made.account_id,
            movement="new",
            amount_minor=500,
            currency="EUR",
            occurred_at=made.started_at,
        )
    )
    session.flush()
    return made


def test_two_sides_that_agree_have_no_difference(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B4] After all that happens in a life: renewals, a pause, a refund, an end."""
    assert compare() == []
    stripe.move_clock(32)
    stripe.api(f"subscriptions/{patron}", cancel_at_period_end="true")
    charge = next(each for each in stripe.all("charge") if each["paid"])
    stripe.api("refunds", charge=charge["id"], amount="100")
    stripe.deliver_all()
    assert compare() == []
    counted = rows(session, Comparison)[-1]
    assert (counted.subscriptions, counted.invoices, counted.payments) == (1, 2, 2)
    assert not rows(session, AuditEntry, action="difference.repaired")


def test_a_change_without_an_event_is_repaired_and_audited(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B4] [D7]"""
    item = stripe.all("subscription")[0]["items"]["data"][0]
    price = {f"items[0][price_data][{name}]": value for name, value in {
        "currency": "eur", "unit_amount": "900", "product": item["price"]["product"],
        "recurring][interval": "month"}.items()}  # fmt: skip
    stripe.api(
        f"subscriptions/{patron}",
        **{"items[0][id]": item["id"], "proration_behavior": "none", **price},
    )
    (found,) = compare()
    assert (found.kind, found.stripe_id) == ("subscription", patron)
    assert found.fields == {"amount_minor": [500, 900]}
    assert found.repaired_at is not None
    subscription = row(session, Subscription)
    assert subscription.amount_minor == 900
    assert found.account_id == subscription.account_id
    assert sum(each.amount_minor for each in rows(session, LedgerEntry)) == 900
    entry = row(session, AuditEntry, action="difference.repaired")
    assert entry.subject == f"difference:{found.id}"
    assert entry.detail["fields"] == ["amount_minor"]
    assert compare() == []


@pytest.mark.parametrize(
    ("act", "state"),
    [("cancel", "ended"), ("cancel_at_period_end", "cancel_scheduled"), ("pause", "paused")],
)
def test_an_end_or_a_pause_that_nobody_told_us_of(
    session: Session, stripe: Stripe, patron: str, compare: Compare, act: str, state: str
) -> None:
    """[B4] What is over at Stripe is not in its list any more, and is missed there."""
    match act:
        case "cancel":
            stripe.api(f"subscriptions/{patron}", "DELETE")
        case "pause":
            stripe.api(f"subscriptions/{patron}", **{"pause_collection[behavior]": "void"})
        case _:
            stripe.api(f"subscriptions/{patron}", cancel_at_period_end="true")
    (found,) = compare()
    assert found.fields["state"] == ["active", state]
    assert found.repaired_at is not None
    assert row(session, Subscription).state == state


def test_a_gift_whose_every_event_was_lost(
    session: Session, stripe: Stripe, give: Give, compare: Compare
) -> None:
    """[B4] [L6] Also when the webhook is still pending: it finds nothing left to do."""
    stripe.pay(give())
    stripe.pay(give(interval="once", amount="20", email="once@example.org"))
    found = compare()
    assert [each.kind for each in found] == ["subscription", "invoice", "payment"]
    assert all(each.repaired_at for each in found)
    assert sorted(each.amount_minor for each in rows(session, Donation)) == [500, 2000]
    assert row(session, Subscription).state == "active"
    stripe.deliver_all()
    assert len(rows(session, Donation)) == 2
    assert compare() == []


def test_money_that_went_back_unheard(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B4] Refunds and disputes."""
    charge = next(each for each in stripe.all("charge") if each["paid"])
    stripe.api("refunds", charge=charge["id"], amount="100")
    (found,) = compare()
    assert (found.kind, found.fields["refunded_minor"]) == ("payment", [0, 100])
    assert row(session, Donation).refunded_minor == 100
    stripe.sandbox("disputes", charge=charge["id"])
    found = compare()
    assert [each.kind for each in found] == ["payment"]
    assert row(session, Donation).disputed_at is not None
    assert row(session, Subscription).state == "ended"
    assert compare() == []


def test_a_failed_renewal_that_nobody_told_us_of(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B4] [B12] Its patron is reminded after all; and no longer once it is paid."""
    subscription = stripe.all("subscription")[0]
    stripe.sandbox("cards", customer=subscription["customer"], number="4000000000000341")
    stripe.move_clock(33)
    found = compare()
    assert {each.kind for each in found} == {"subscription"}
    assert row(session, Subscription).state == "past_due"
    session.execute(delete(Dunning))
    (found,) = compare()
    assert found.fields == {"dunning": [None, "open"]}
    assert row(session, Dunning).is_open
    assert compare() == []
    stripe.sandbox("cards", customer=subscription["customer"], number="4242424242424242")
    invoice = next(each for each in stripe.all("invoice") if each["status"] == "open")
    stripe.api(f"invoices/{invoice['id']}/pay")
    assert {each.kind for each in compare()} == {"subscription", "invoice"}
    assert not row(session, Dunning).is_open
    assert compare() == []


def test_what_is_not_ours_is_ignored(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B5] [L17] Another product's customers on the same account, and ids that lead nowhere."""
    planted(stripe, 2)
    planted(stripe, 1, id="sub_stray", customer="cus_stray", metadata={"checkout": "no-uuid"})
    unknown = {"checkout": "6a1f3a52-7f0e-4a57-9c54-0d7c4f2d6c11"}
    planted(stripe, 1, id="sub_astray", customer="cus_astray", metadata=unknown)
    stripe.move_clock(31)
    stripe.deliver_all()
    assert {
        each["subscription"] for each in stripe.all("invoice") if "subscription" in each
    } >= set()
    assert compare() == []
    assert len(rows(session, Subscription)) == 1
    assert row(session, Comparison).subscriptions == 5


def test_ours_that_ended_need_no_counterpart(
    session: Session, stripe: Stripe, compare: Compare
) -> None:
    account = factories.account(session)
    factories.subscription(session, account, state="ended", end_reason="voluntary")
    factories.donation(session, account)
    assert compare() == []


def test_ours_that_stripe_does_not_know_waits_for_a_person(
    app: Flask, session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B4] [L7] Found every night, written once; nothing of it is changed by itself."""
    lone = factories.patron(session)
    for _ in range(2):
        (found,) = compare()
        assert found.fields == {"state": ["active", None], "mrr_minor": [0, 400]}
        assert found.repaired_at is None
        assert "Stripe does not know it" in found.last_error
        assert found.account_id == lone.id
    assert len(rows(session, Difference)) == 1
    result = app.test_cli_runner().invoke(args=["billing", "reconcile"])
    assert result.exit_code == 1
    assert "state: active → None" in result.output
    session.execute(update(Subscription).where(Subscription.account_id == lone.id).values(
        state="ended", end_reason="voluntary"))  # fmt: skip
    assert compare() == []
    assert row(session, Difference).repaired_at is not None, "it agrees by now"


def test_the_ledger_must_sum_to_what_runs(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[D7] [L15] Also of what has ended."""
    mine = row(session, Subscription)
    entry = row(session, LedgerEntry)
    wrong = {name: getattr(entry, name) for name in ("subscription_id", "account_id", "currency",
                                                     "occurred_at")}  # fmt: skip
    session.add(LedgerEntry(movement="expansion", amount_minor=250, **wrong))
    session.flush()
    (found,) = compare()
    assert (found.kind, found.fields) == ("ledger", {"mrr_minor": [750, 500]})
    assert found.repaired_at is not None
    assert sum(each.amount_minor for each in rows(session, LedgerEntry)) == 500
    stripe.api(f"subscriptions/{mine.stripe_subscription_id}", "DELETE")
    stripe.deliver_all()
    session.add(LedgerEntry(movement="reactivation", amount_minor=70, **wrong))
    session.flush()
    (found,) = compare()
    assert (found.kind, found.fields) == ("ledger", {"mrr_minor": [70, 0]})
    assert compare() == []


def test_one_poison_object_is_set_aside(
    session: Session, stripe: Stripe, patron: str, give: Give, compare: Compare
) -> None:
    """[L7] A status that nobody knows, a shape that nobody knows; the third is repaired."""
    ids = planted(stripe, 2)
    for each in ids:
        known(session, each)
    stripe.change(ids[0], status="in_a_new_state")
    stripe.change(ids[1], items={"object": "list", "data": [], "has_more": False, "url": "/"})
    stripe.api(f"subscriptions/{patron}", cancel_at_period_end="true")
    found = {each.stripe_id: each for each in compare()}
    assert found.keys() == {*ids, patron}
    assert found[patron].repaired_at is not None
    assert "in_a_new_state" in found[ids[0]].last_error
    assert found[ids[1]].repaired_at is None
    stripe.change(ids[0], status="active")
    again = {each.stripe_id: each for each in compare()}
    assert again.keys() == {ids[1]}
    assert row(session, Difference, stripe_id=ids[0]).repaired_at is not None


def test_an_end_that_ours_cannot_come_back_from(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B11] Ended here and running there is a case for a person."""
    session.execute(update(Subscription).values(state="ended", end_reason="staff"))
    (found,) = compare()
    assert found.fields["state"] == ["ended", "active"]
    assert "ForbiddenTransitionError" in found.last_error
    assert row(session, Subscription).state == "ended"


# Pages, and going on where it broke off


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
    assert counts == [1, 1, 1, 1]
    assert [each.stripe_id for each in suspects] == [gone.stripe_subscription_id]


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


# Clocks


@pytest.mark.parametrize(("ahead", "alarm"), [(0, False), (-3600, True), (90, True), (30, False)])
def test_a_clock_that_is_off_is_an_alarm(
    session: Session,
    stripe: Stripe,
    compare: Compare,
    caplog: pytest.LogCaptureFixture,
    ahead: int,
    alarm: bool,
) -> None:
    """[B17] Measured against Stripe's answers."""
    with clock.fixed(clock.now() + timedelta(seconds=ahead)):
        compare()
    measured = row(session, Comparison).clock_off_seconds
    assert abs(measured - ahead) <= 2
    assert ("host_clock_off" in caplog.text) is alarm


# Events that were never delivered


@pytest.fixture
def undelivered(stripe: Stripe, give: Give) -> Iterator[int]:
    """A gift whose events an endpoint did not take; how many follow."""
    stripe.pay(give())
    for each in stripe.all("event"):
        stripe.change(each["id"], pending_webhooks=1)
    return sum(each["type"] in inbox.sync.FOLLOWERS for each in stripe.all("event"))


def test_what_was_not_delivered_is_fetched_by_itself(
    session: Session, stripe: Stripe, undelivered: int
) -> None:
    """[B4] Every hour; what was delivered is not even asked for."""
    delivered = stripe.all("event")[0]["id"]
    stripe.change(delivered, pending_webhooks=0)
    followed = stripe.all("event")[0]["type"] in inbox.sync.FOLLOWERS
    assert backfill.fetch_undelivered() == undelivered - followed
    assert delivered not in {each.id for each in rows(session, StripeEvent)}
    assert backfill.fetch_undelivered() == 0
    inbox.process_due()
    assert len(rows(session, Donation)) == 1


def test_older_ones_than_the_newest_are_fetched_too(
    session: Session, stripe: Stripe, undelivered: int
) -> None:
    """[B4] After an outage, webhooks may come before the backfill does."""
    stripe.move_clock(2)
    stripe.api("customers", email="late@example.org")
    stripe.deliver(stripe.events("customer.created")[-1])
    assert backfill.fetch_undelivered() == undelivered
    session.execute(delete(StripeEvent))
    stripe.sandbox("faults", api_error_rate=1.0)
    assert backfill.fetch_undelivered() == 0


def test_the_comparison_fetches_all_that_stripe_still_has(
    session: Session, stripe: Stripe, undelivered: int, small_pages: None, compare: Compare
) -> None:
    """[B4]"""
    stripe.move_clock(20)
    stripe.deliver(stripe.events("invoice.upcoming", "customer.created")[-1])
    session.execute(text("UPDATE stripe_event SET created_at = now() + interval '20 days'"))
    compare()
    assert len(rows(session, StripeEvent)) >= undelivered
    assert inbox.process_due() >= undelivered
    assert len(rows(session, Donation)) == 1


@pytest.mark.parametrize(
    ("ahead", "status", "said"),
    [
        (0, 200, None),
        (299, 200, None),
        (400, 400, "webhook_too_old"),
        (-50, 200, None),
        (-90, 200, "host_clock_off"),
    ],
)
def test_a_webhook_tells_of_a_wrong_clock(
    session: Session,
    stripe: Stripe,
    patron: str,
    caplog: pytest.LogCaptureFixture,
    ahead: int,
    status: int,
    said: str | None,
) -> None:
    """[B17] [B1] By a fast clock all webhooks look old: that they are refused must be heard."""
    body = json.dumps(stripe.all("event")[0] | {"id": "evt_new"})
    headers = {"Stripe-Signature": sign(body)}
    with clock.fixed(clock.now() + timedelta(seconds=ahead)):
        answer = stripe.receiver.post("/webhooks/stripe", data=body, headers=headers)
    assert answer.status_code == status
    assert bool(rows(session, StripeEvent, id="evt_new")) is (status == 200)
    alarms = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert [name for name in ("webhook_too_old", "host_clock_off") if name in str(alarms)] == (
        [said] if said else []
    )
