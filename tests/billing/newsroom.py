"""A newsroom over the stand-in, for tests of whole lives: what its patrons, Stripe and time do.

Everything happens at the stand-in's time. Stripe's events wait until `hear()` or are lost.
"""

from calendar import isleap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from lxml import html
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import sign_in
from membership.accounts.models import Account
from membership.billing import backfill, giving_back, inbox
from membership.billing.dunning import notices, reminders
from membership.billing.models import StripeEvent
from tests import factories
from tests.billing.agreement import Object, charge_of, moment, of_ours, state_of
from tests.billing.conftest import Stripe
from tests.billing.reading import make_due, rows

STAFF = "finance@courier.example"
LIVE = ("active", "past_due", "paused", "cancel_scheduled")
# What a patron may find on the own pages: which page has the form, and where it is sent.
ACTS = {
    "change": ("/account/change", "/account/change"),
    "pause": ("/account/pause", "/account/pause"),
    "cancel": ("/account/cancel", "/account/cancel"),
    "resume": ("/account", "/account/resume"),
    "keep": ("/account", "/account/keep"),
}


@dataclass
class Tab:
    """A form in a patron's browser, filled in and not sent; `says` is what its page announces."""

    email: str
    browser: FlaskClient
    action: str
    fields: dict[str, Any]
    says: str


@dataclass
class Newsroom:
    app: Flask
    session: Session
    stripe: Stripe
    # Addresses of payment pages that were opened and may still be paid on.
    pages: list[str] = field(default_factory=list)
    tabs: list[Tab] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)

    @contextmanager
    def now(self) -> Iterator[None]:
        with clock.fixed(moment(self.stripe.server.world.now())):
            yield

    def move_to(self, month: int, day: int, hour: int = 12) -> datetime:
        """Begin on a day of the next whole leap year: Stripe's clock never goes back."""
        now = self.stripe.server.world.now()
        year = moment(now).year + 1
        while not isleap(year):
            year += 1
        at = datetime(year, month, day, hour, tzinfo=UTC)
        self.stripe.sandbox("clock", advance=int(at.timestamp()) - now)
        return at

    # Patrons

    def account(self, email: str) -> Account | None:
        return next(iter(rows(self.session, Account, email=email)), None)

    def browser(self, email: str, signed_in: bool) -> FlaskClient:
        """Signed in if wished and if there is an account to sign in to."""
        browser = self.app.test_client()
        account = self.account(email)
        if signed_in and account is not None:
            with self.now():
                token = sign_in.open_sign_in(self.session, account)
                self.session.flush()
            with browser.session_transaction() as cookie:
                cookie.update(_user_id=token, _fresh=True)
        return browser

    def ask_for_page(self, email: str, signed_in: bool, **wish: str) -> int:
        """Send the support form; the status. A page to pay on is kept."""
        with self.now():
            answer = self.browser(email, signed_in).post("/support", data={"email": email, **wish})
        if answer.status_code == 303:
            self.pages.append(str(answer.location))
        return answer.status_code

    def pay(self, page: str, card: str) -> None:
        self.stripe.pay(page, card)

    def announced(self, email: str) -> str:
        """What the patron's page says first: the next charge and its day, or why there is none."""
        with self.now():
            page = self.browser(email, signed_in=True).get("/account")
        assert page.status_code == 200
        return figure_of(page.text)

    def open_tab(self, email: str, act: str, **wish: str) -> bool:
        """Find the form for an act, as far as it is offered, and fill it in; whether it was."""
        path, action = ACTS[act]
        browser = self.browser(email, signed_in=True)
        with self.now():
            page = browser.get(path)
            fields = form_on(page.text, action)
            if fields is None:
                return False
            if act == "change":
                chosen = {f"preset_{wish['interval']}": "other"}
                page = browser.post(action, data=fields | wish | chosen)
                action = "/account/change/confirm"
                fields = form_on(page.text, action)
                if fields is None:
                    return False
                wish = {}
        self.tabs.append(Tab(email, browser, action, fields | wish, figure_of(page.text)))
        return True

    def send(self, tab: Tab) -> int:
        """Send a tab's form; the answer's status."""
        with self.now():
            return tab.browser.post(tab.action, data=tab.fields).status_code

    def subscriptions(self, email: str, *states: str) -> list[Object]:
        """Of a patron, as Stripe has them."""
        world = self.stripe.server.world
        return [
            each
            for each in of_ours(self.stripe, "subscription")
            if world.objects[each["customer"]]["email"] == email and state_of(each) in states
        ]

    def charges(self) -> list[Object]:
        """Paid, and not yet wholly given back or disputed; oldest first."""
        paid = [e for e in self.stripe.all("payment_intent") if e["status"] == "succeeded"]
        found = [charge_of(self.stripe, each["id"]) for each in paid]
        return [each for each in found if not each["refunded"] and not each["disputed"]]

    def open_disputes(self) -> list[Object]:
        return [e for e in self.stripe.all("dispute") if e["status"] == "needs_response"]

    def staff_send(self, path: str, **wish: str) -> int:
        """Open a form of the back office, fill it in and send it; the answer's status."""
        if self.account(STAFF) is None:
            factories.staff(self.session, role="finance", email=STAFF)
        browser = self.browser(STAFF, signed_in=True)
        with self.now():
            page = browser.get(path)
            fields = form_on(page.text, path)
            if fields is None:
                return page.status_code
            fields |= {"reason": "They asked for it."} | wish
            return browser.post(path, data=fields).status_code

    # Stripe's events

    def hear(self, events: Sequence[Object]) -> None:
        """Deliver these, and do all work that is due."""
        with self.now():
            for event in events:
                self.stripe.deliver(event)
            self.work()

    def lose(self, events: Sequence[Object]) -> None:
        """Only what is new: Stripe tries for days, and keeps what failed for us for thirty."""
        new = self.stripe.server.world.now() - 5 * 86_400
        self.lost |= {each["id"] for each in events if each["created"] >= new}
        self.stripe.delivered |= self.lost

    def knows_all(self) -> bool:
        """Whether everything that Stripe had to tell was told and followed."""
        return not (self.lost or self.stripe.events() or self.has_work())

    def has_work(self) -> bool:
        return bool(rows(self.session, StripeEvent, state="pending"))

    def work(self) -> None:
        """A worker's run, after all waiting times and leases are over."""
        with self.now():
            make_due(self.session)
            inbox.process_due()

    def die_at_work(self) -> None:
        """A worker takes an event and is never heard of again."""
        make_due(self.session)
        inbox._claim()

    def backfill(self) -> None:
        with self.now():
            backfill.backfill(clock.now() - timedelta(days=30))
            self.work()
        self.lost.clear()

    def compare(self) -> None:
        """The whole nightly comparison."""
        with self.now():
            result = self.app.test_cli_runner().invoke(args=["billing", "reconcile"])
        assert result.exit_code == 0, result.output

    def remind(self) -> None:
        """What beat wakes beside the work on events: letters that are due."""
        with self.now():
            giving_back.finish_due()
            reminders.remind_due()
            notices.notify_due()

    @contextmanager
    def weather(self, faults: Sequence[Any]) -> Iterator[None]:
        """The next requests to Stripe's API fare like this."""
        self.stripe.sandbox("faults", api_errors=list(faults))
        yield
        self.stripe.sandbox("faults", api_errors=[])

    def settle(self) -> None:
        """Nothing is lost or late any more: fetch what never came, and do all there is to do."""
        for _ in range(10):
            self.hear(self.stripe.events())
            self.backfill()
            self.remind()
            if self.knows_all():
                return
        raise AssertionError("there is always something to do")


def form_on(page: str, action: str) -> dict[str, Any] | None:
    """The fields, as they stand, of the page's form that is sent to `action`; None without one."""
    for form in html.fromstring(page).forms:
        if form.method == "POST" and form.action == action:
            return dict(form.form_values())
    return None


def figure_of(page: str) -> str:
    figures = html.fromstring(page).find_class("next-charge-figure")
    return str(figures[0].text_content()) if figures else ""
