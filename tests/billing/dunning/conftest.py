"""A patron whose card will fail, and a calendar that both clocks follow."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from membership import clock
from membership.billing import inbox
from membership.billing.dunning import reminders
from membership.billing.dunning.models import Dunning
from membership.billing.models import StripeEvent, Subscription
from membership.mail.models import OutboxEmail
from tests.billing.conftest import Stripe
from tests.billing.reading import make_due, row, rows

PAYS = "4242424242424242"
FAILS_LATER = "4000000000000341"
NO_MONEY = "4000000000009995"
LOST = "4000000000009987"
DECLINED = "4000000000000002"
ASKS_ALWAYS = "4000002760003184"
AN_HOUR = 1 / 24


@dataclass
class Life:
    """A subscription in time: what Stripe does, what we hear of it, and what we write."""

    session: Session
    stripe: Stripe
    times: ExitStack

    @property
    def subscription(self) -> Subscription:
        return row(self.session, Subscription)  # type: ignore[no-any-return]

    @property
    def dunning(self) -> Dunning:
        return row(self.session, Dunning)  # type: ignore[no-any-return]

    def now(self) -> datetime:
        answer = self.stripe.http.get(f"{self.stripe.server.url}/sandbox/clock")
        return datetime.fromtimestamp(answer.json()["now"], UTC)

    def pass_days(self, days: float) -> None:
        """Both clocks move; nothing is heard or done yet."""
        self.stripe.move_clock(days)
        self.times.close()
        self.times.enter_context(clock.fixed(self.now()))

    def work(self) -> None:
        """All events come, all letters that are due are written, and all mails leave."""
        self.stripe.deliver_all()
        reminders.remind_due()
        waiting = update(OutboxEmail).where(OutboxEmail.state == "pending")
        self.session.execute(waiting.values(state="sent"))

    def make_events_due(self) -> None:
        """Let the waiting time of events that failed be over."""
        make_due(self.session)

    def hear_all_again(self) -> None:
        """Every event that was ever processed is due again, the newest first."""
        begin = func.to_timestamp(0)
        self.session.execute(
            update(StripeEvent)
            .where(StripeEvent.state.in_(["pending", "processed"]))
            .values(state="pending", next_attempt_at=begin - (StripeEvent.created_at - begin))
        )
        inbox.process_due(1000)

    def live_days(self, days: int) -> None:
        """Day after day, as it would be lived."""
        for _ in range(days):
            self.pass_days(1)
            self.work()

    def card(self) -> str:
        subscription = self.stripe.all("subscription")[0]
        return str(subscription["default_payment_method"])

    def let_card(self, number: str) -> None:
        """The saved card behaves like this test card from now on."""
        self.stripe.sandbox("card_behaviours", payment_method=self.card(), number=number)

    def renew(self) -> None:
        """To the hour after the renewal, when its invoice is charged."""
        until = self.subscription.current_period_end_at - self.now()
        self.pass_days(until.total_seconds() / 86_400 + AN_HOUR + 1 / 1440)

    def enter_card_in_portal(self, number: str = PAYS) -> None:
        """What a patron does on Stripe's page for a new card."""
        customer = self.stripe.all("customer")[0]["id"]
        page = self.stripe.api("billing_portal/sessions", customer=customer)["url"]
        assert self.stripe.pay(f"{page}/card", number).status_code == 303

    def mails(self, *but: str) -> list[tuple[str, str]]:
        """(kind, subject) of every mail but the welcome and the receipts."""
        usual = ("welcome", "receipt", *but)
        found = rows(self.session, OutboxEmail)
        return [(mail.kind, mail.subject) for mail in found if mail.kind not in usual]

    def contexts(self, kind: str) -> list[dict[str, Any]]:
        return [mail.context for mail in rows(self.session, OutboxEmail, kind=kind)]


@pytest.fixture
def life(session: Session, stripe: Stripe, give: Callable[..., str]) -> Iterator[Life]:
    """A patron who gives every month since just now."""
    with ExitStack() as times:
        stripe.pay(give())
        stripe.deliver_all()
        yield Life(session, stripe, times)
