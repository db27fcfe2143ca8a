"""Whole lives of donations, at random: patrons, Stripe, time and faults in any order.

After each life our rows are what Stripe has, and the ledger is what the live subscriptions are
worth a month. A failure prints the shortest life that shows it, as a program.
"""

import os
import sys
from contextlib import ExitStack
from random import Random
from typing import Any, ClassVar

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine
from stripe import HTTPClient

from membership.billing.models import Donation, Subscription
from tests.billing.agreement import (
    assert_agreement,
    assert_comes_true,
    assert_same_live_subscriptions,
)
from tests.billing.conftest import Stripe
from tests.billing.newsroom import LIVE, Newsroom
from tests.billing.reading import rows
from tests.conftest import rolled_back

WHO = ["olena@example.org", "taras@example.org"]
PEOPLE = some.sampled_from(WHO)
CARDS = some.sampled_from(
    [
        "4242424242424242",
        "5555555555554444",
        "4000000000000002",  # declined
        "4000000000009995",  # insufficient funds
    ]
)
LATER_CARDS = some.sampled_from(["4242424242424242", "4000000000000341"])
AMOUNTS = some.sampled_from(["5", "7.50", "40"])
CURRENCIES = some.sampled_from(["EUR", "EUR", "USD"])
INTERVALS = some.sampled_from(["month", "month", "year", "once"])
# What a patron may wish on the own pages.
WISHES = some.one_of(
    some.fixed_dictionaries(
        {
            "act": some.just("change"),
            "interval": some.sampled_from(["month", "year"]),
            "amount": AMOUNTS,
        }
    ),
    some.fixed_dictionaries(
        {"act": some.just("pause"), "months": some.sampled_from(["1", "2", "3"])}
    ),
    some.fixed_dictionaries({"act": some.sampled_from(["cancel", "resume", "keep"])}),
)
FAULTS = some.lists(some.sampled_from(["ok", "ok", "ok", 500, 429, "timeout"]), max_size=12)
ANY = some.integers(0, 99)
HOUR, DAY = 3600, 86_400
SPANS = some.sampled_from([HOUR, 2 * HOUR, DAY, 4 * DAY, 8 * DAY, 31 * DAY, 31 * DAY, 95 * DAY])


def one_of(choices: list[Any], which: int) -> Any:
    return choices[which % len(choices)]


def has_subscriptions(life: "Life") -> bool:
    return any(life.newsroom.subscriptions(who, *LIVE) for who in WHO)


def has_charges(life: "Life") -> bool:
    return bool(life.newsroom.charges())


class Life(RuleBasedStateMachine):
    """Two patrons and their newsroom."""

    app: ClassVar[Flask]
    engine: ClassVar[Engine]
    stripe: ClassVar[Stripe]

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        session = self._open.enter_context(rolled_back(self.app, self.engine))
        self.stripe.sandbox("reset")
        self.stripe.delivered.clear()
        self.newsroom = Newsroom(self.app, session, self.stripe)
        # Every life meets the same months, whenever the tests run.
        self.newsroom.move_to(1, 31)

    # What patrons do

    @rule(
        who=PEOPLE, signed_in=some.booleans(), interval=INTERVALS, amount=AMOUNTS,
        currency=CURRENCIES,
    )  # fmt: skip
    def wants_to_give(self, who: str, signed_in: bool, **wish: str) -> None:
        assert self.newsroom.ask_for_page(who, signed_in, **wish) in (303, 409)

    @rule(who=PEOPLE, interval=INTERVALS, amount=AMOUNTS)
    def gives(self, who: str, **wish: str) -> None:
        status = self.newsroom.ask_for_page(who, signed_in=False, currency="EUR", **wish)
        assert status == 303
        self.newsroom.pay(self.newsroom.pages[-1], "4242424242424242")

    @precondition(lambda self: self.newsroom.pages)
    @rule(which=ANY, card=CARDS)
    def pays_on_a_page(self, which: int, card: str) -> None:
        """Perhaps one that was paid on before, or is long out of date."""
        self.newsroom.pay(one_of(self.newsroom.pages, which), card)

    @precondition(has_subscriptions)
    @rule(who=PEOPLE, card=LATER_CARDS)
    def changes_the_card(self, who: str, card: str) -> None:
        for each in self.newsroom.subscriptions(who, *LIVE):
            self.stripe.sandbox("cards", customer=each["customer"], number=card)

    @precondition(has_subscriptions)
    @rule(who=PEOPLE, wanted=some.booleans())
    def cancels_in_the_portal_or_takes_it_back(self, who: str, wanted: bool) -> None:
        for each in self.newsroom.subscriptions(who, *LIVE):
            wish = "true" if wanted else "false"
            self.stripe.api(f"subscriptions/{each['id']}", cancel_at_period_end=wish)

    @rule(who=PEOPLE, wish=WISHES)
    def opens_a_form_of_the_account(self, who: str, wish: dict[str, str]) -> None:
        self.newsroom.open_tab(who, **wish)

    @precondition(lambda self: self.newsroom.tabs)
    @rule(which=ANY, faults=FAULTS)
    def sends_a_form_of_the_account(self, which: int, faults: list[Any]) -> None:
        """Perhaps an old one, or the same one again, while the API has its troubles."""
        tab = one_of(self.newsroom.tabs, which)
        with self.newsroom.weather(faults):
            assert self.newsroom.send(tab) in (200, 303, 409, 503)

    @precondition(has_subscriptions)
    @rule(who=PEOPLE, wish=WISHES)
    def does_what_the_page_offers(self, who: str, wish: dict[str, str]) -> None:
        """Nothing comes between: what the form announced is what the page announces then."""
        newsroom = self.newsroom
        if not newsroom.open_tab(who, **wish):
            return
        tab = newsroom.tabs[-1]
        knew_all = newsroom.knows_all()
        if newsroom.send(tab) == 303 and knew_all and wish["act"] == "change":
            assert newsroom.announced(who) == tab.says

    # What staff do

    @rule(which=ANY, when=some.sampled_from(["now", "period_end"]), faults=FAULTS)
    def staff_end_it(self, which: int, when: str, faults: list[Any]) -> None:
        known = rows(self.newsroom.session, Subscription)
        if known:
            row = one_of(known, which)
            path = f"/staff/patrons/{row.account_id}/subscriptions/{row.id}/end"
            with self.newsroom.weather(faults):
                assert self.newsroom.staff_send(path, when=when) in (200, 303)

    @rule(which=ANY, amount=some.sampled_from(["1", "2.50", "5"]), faults=FAULTS)
    def staff_give_back(self, which: int, amount: str, faults: list[Any]) -> None:
        known = rows(self.newsroom.session, Donation)
        if known:
            row = one_of(known, which)
            path = f"/staff/patrons/{row.account_id}/donations/{row.id}/refund"
            with self.newsroom.weather(faults):
                assert self.newsroom.staff_send(path, amount=amount) in (200, 303, 400)

    # What staff and banks do at Stripe

    @precondition(has_subscriptions)
    @rule(who=PEOPLE)
    def is_ended_at_stripe(self, who: str) -> None:
        for each in self.newsroom.subscriptions(who, *LIVE):
            self.stripe.api(f"subscriptions/{each['id']}", method="DELETE")

    @precondition(has_subscriptions)
    @rule(who=PEOPLE, paused=some.booleans())
    def is_paused_at_stripe_or_goes_on(self, who: str, paused: bool) -> None:
        for each in self.newsroom.subscriptions(who, "active", "paused"):
            change = {"pause_collection[behavior]": "void"} if paused else {"pause_collection": ""}
            self.stripe.api(f"subscriptions/{each['id']}", **change)

    @precondition(has_charges)
    @rule(which=ANY, part=some.booleans())
    def is_given_back_at_stripe(self, which: int, part: bool) -> None:
        charge = one_of(self.newsroom.charges(), which)
        left = charge["amount"] - charge["amount_refunded"]
        amount = max(left // 2, 1) if part else left
        self.stripe.api("refunds", charge=charge["id"], amount=str(amount))

    @precondition(has_charges)
    @rule(which=ANY)
    def is_disputed(self, which: int) -> None:
        charge = one_of(self.newsroom.charges(), which)
        self.stripe.sandbox("disputes", charge=charge["id"])

    @precondition(lambda self: self.newsroom.open_disputes())
    @rule(which=ANY, outcome=some.sampled_from(["won", "lost"]))
    def is_decided(self, which: int, outcome: str) -> None:
        dispute = one_of(self.newsroom.open_disputes(), which)
        self.stripe.sandbox("disputes", dispute=dispute["id"], outcome=outcome)

    # Time, and what reaches us

    @rule(seconds=SPANS)
    def time_passes(self, seconds: int) -> None:
        """Whatever the pages announced, as far as we knew all, comes true."""
        if seconds > 20 * DAY and self.newsroom.lost:
            # Stripe keeps its events for thirty days; nobody leaves them there for longer.
            self.newsroom.backfill()
        before = self.stripe.server.world.now()
        pages = [(who, self.newsroom.announced(who)) for who in WHO if self.newsroom.account(who)]
        knew_all = self.newsroom.knows_all()
        self.stripe.sandbox("clock", advance=seconds)
        self.newsroom.remind()
        if knew_all:
            for who, says in pages:
                assert_comes_true(self.stripe, who, says, before)

    @rule()
    def all_is_heard(self) -> None:
        self.newsroom.hear(self.stripe.events())

    @rule(random=some.randoms(), part=some.integers(1, 4), twice=some.booleans(), faults=FAULTS)
    def some_is_heard(self, random: Random, part: int, twice: bool, faults: list[Any]) -> None:
        """Out of order, the rest later; some of it told twice, while the API has its troubles."""
        events = self.stripe.events()
        random.shuffle(events)
        heard = events[: len(events) // part + 1]
        with self.newsroom.weather(faults):
            self.newsroom.hear([*heard, *(heard[::-1] if twice else [])])

    @rule(random=some.randoms())
    def some_is_lost(self, random: Random) -> None:
        self.newsroom.lose([each for each in self.stripe.events() if random.random() < 0.5])

    @precondition(lambda self: self.newsroom.has_work())
    @rule()
    def a_worker_dies(self) -> None:
        self.newsroom.die_at_work()

    @precondition(has_subscriptions)
    @rule()
    def a_night_compares(self) -> None:
        """Every live subscription is then as Stripe has it, whatever was lost or is on its way."""
        self.newsroom.compare()
        assert_same_live_subscriptions(self.newsroom.session, self.stripe)

    @precondition(lambda self: self.newsroom.lost)
    @rule()
    def what_never_came_is_fetched(self) -> None:
        self.newsroom.backfill()

    def teardown(self) -> None:
        # A life that failed already is not judged.
        if sys.exc_info()[0] is None:
            try:
                self.newsroom.settle()
                assert_agreement(self.newsroom.session, self.stripe)
            finally:
                self._open.close()
        else:
            self._open.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The official client waits between its tries; that would only take time."""
    monkeypatch.setattr(HTTPClient, "INITIAL_DELAY", 0.0)
    monkeypatch.setattr(HTTPClient, "MAX_DELAY", 0.0)


@pytest.mark.timeout(900)
def test_every_life_ends_in_agreement(
    app: Flask, engine: Engine, stripe: Stripe, impatient: None
) -> None:
    """[B3] [B4] [L15] LIVES=1000 looks at so many, and at others every time."""
    lives = int(os.environ.get("LIVES", 0))
    Life.app, Life.engine, Life.stripe = app, engine, stripe
    profile = settings(
        max_examples=lives or 20,
        stateful_step_count=25,
        deadline=None,
        derandomize=not lives,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Life, settings=profile)
