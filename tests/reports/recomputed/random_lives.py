"""Small histories by chance, as plain rows: every act of a patron, a bank or the newsroom."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing import ledger
from membership.billing.dunning.models import Dunning
from membership.billing.models import (
    Dispute,
    Donation,
    Leaving,
    LedgerEntry,
    Subscription,
    SubscriptionChange,
)
from tests import factories

# So that histories of some months cross the leap day and the ends of long and short months.
BEGINNING = datetime(2024, 1, 29, 12, tzinfo=UTC)
UNTIL = datetime(2024, 12, 20, tzinfo=UTC)
DAY = timedelta(days=1)
ACTS = (
    "pay", "pay", "more", "less", "pause", "resume", "fail", "recover", "give_up", "cancel",
    "leave", "return", "refund", "refund_part", "dispute", "gift", "yearly",
)  # fmt: skip


@dataclass(frozen=True)
class Life:
    """`steps` are (days later, act)."""

    currency: str
    amount: int
    first: int
    steps: tuple[tuple[int, str], ...]


lives = st.lists(
    st.builds(
        Life,
        currency=st.sampled_from(("EUR", "EUR", "JPY")),
        amount=st.sampled_from((400, 1000, 1201)),
        first=st.integers(0, 40),
        steps=st.lists(
            st.tuples(st.sampled_from((0, 1, 3, 16, 28, 31, 60)), st.sampled_from(ACTS)),
            max_size=9,
        ).map(tuple),
    ),
    min_size=1,
    max_size=5,
)


class Book:
    """Lives one after another; an act that is not possible is left out."""

    def __init__(self, session: Session) -> None:
        self.session = session
        # Not ids: those go on counting from test to test, and no history could be told again.
        self._chance = itertools.count()

    def write(self, lives: Sequence[Life], since: datetime, until: datetime) -> None:
        """The acts of these days."""
        for number, life in enumerate(lives):
            at = BEGINNING + life.first * DAY
            acts = [(0, "join"), *life.steps]
            for days, act in acts:
                at += days * DAY
                if since <= at < until:
                    self._act(number, life, act, at)
        self.session.flush()

    def _act(self, number: int, life: Life, act: str, at: datetime) -> None:  # noqa: C901
        person = self._person(number)
        support = self._support(person)
        state = support.state if support else None
        match act, state:
            case ("join", _) | ("return", "ended" | None):
                self._join(person, life, at)
            case "pay", "active":
                self._pay(person, at, support)
            case "more" | "less", "active":
                change = life.amount if act == "more" else -life.amount // 2
                if support.amount_minor + change > 0:
                    self._turn(support, at, amount=support.amount_minor + change)
            case "yearly", "active":
                self._turn(support, at, interval="year", amount=support.amount_minor * 11)
            case "pause", "active":
                self._turn(support, at, "paused")
            case "resume", "paused":
                self._turn(support, at, "active")
            case "fail", "active":
                self._turn(support, at, "past_due")
                self._fail(support, at)
            case "recover" | "give_up", "past_due":
                self._end_of_dunning(person, support, at, recovered=act == "recover")
            case "cancel", "active":
                self._turn(support, at, "cancel_scheduled")
            case "leave", "active" | "cancel_scheduled" | "paused":
                self._end(support, at, "voluntary")
                self._say(support, at)
            case "gift", _:
                self._pay(person, at, None)
            case "refund" | "refund_part" | "dispute", _:
                self._take_back(person, act, at)

    def _person(self, number: int) -> Account:
        email = f"life{number}@example.org"
        found = self.session.query(Account).filter_by(email=email).one_or_none()
        return found or factories.account(self.session, email=email)

    def _support(self, person: Account) -> Any:
        found = self.session.query(Subscription).filter_by(account_id=person.id)
        return found.order_by(Subscription.id.desc()).first()

    def _join(self, person: Account, life: Life, at: datetime) -> None:
        support = factories.subscription(
            self.session, person, state="incomplete", currency=life.currency,
            amount_minor=life.amount, started_at=at, created_at=at,
            current_period_end_at=at + 31 * DAY,
        )  # fmt: skip
        self._turn(support, at, "active")
        self._pay(person, at, support)

    def _turn(
        self,
        support: Subscription,
        at: datetime,
        state: str | None = None,
        *,
        amount: int | None = None,
        interval: str | None = None,
    ) -> None:
        before = support.state, support.amount_minor, support.interval
        support.state = state or support.state
        support.amount_minor = amount or support.amount_minor
        support.interval = interval or support.interval
        support.collection_paused = support.state == "paused"
        support.synced_at = at
        factories.add(
            self.session,
            SubscriptionChange(
                subscription_id=support.id, from_state=before[0], to_state=support.state,
                from_amount_minor=before[1], to_amount_minor=support.amount_minor,
                currency=support.currency, from_interval=before[2],
                to_interval=support.interval, created_at=at,
            ),
        )  # fmt: skip
        entry: LedgerEntry | None = ledger.append(self.session, support, at)
        if entry is not None:
            entry.created_at = at
            self.session.flush()

    def _end(self, support: Subscription, at: datetime, why: str) -> None:
        support.end_reason, support.ended_at = why, at
        self._turn(support, at, "ended")

    def _say(self, support: Subscription, at: datetime) -> None:
        number = next(self._chance)
        if number % 3:
            reason = ("cost", "unread")[number % 2]
            row = Leaving(subscription_id=support.id, reason=reason, created_at=at, changed_at=at)
            factories.add(self.session, row)

    def _pay(self, person: Account, at: datetime, support: Subscription | None) -> None:
        terms: dict[str, Any] = {"amount_minor": 2500, "currency": "EUR"}
        if support is not None:
            terms = {
                "amount_minor": support.amount_minor,
                "currency": support.currency,
                "subscription_id": support.id,
            }
        fee = {"fee_minor": 35, "fee_currency": "EUR"} if next(self._chance) % 4 else {}
        factories.donation(self.session, person, paid_at=at, created_at=at, **terms, **fee)

    def _fail(self, support: Subscription, at: datetime) -> None:
        code = ("insufficient_funds", "expired_card")[next(self._chance) % 2]
        row = Dunning(
            subscription_id=support.id, stripe_invoice_id=f"in_{next(factories.numbers)}",
            amount_minor=support.amount_minor, currency=support.currency, kind="soft",
            decline_code=code, failed_at=at, created_at=at, changed_at=at,
        )  # fmt: skip
        factories.add(self.session, row)

    def _end_of_dunning(
        self, person: Account, support: Subscription, at: datetime, *, recovered: bool
    ) -> None:
        open_ = self.session.query(Dunning).filter_by(
            subscription_id=support.id, recovered_at=None, given_up_at=None
        )
        row = open_.one()
        row.changed_at = at
        if recovered:
            by = ("mail", "retry", "patron")[next(self._chance) % 3]
            row.recovered_at, row.recovered_by = at, by
            self._turn(support, at, "active")
            self._pay(person, at, support)
        else:
            row.given_up_at = at
            self._end(support, at, "payment_failed")

    def _take_back(self, person: Account, act: str, at: datetime) -> None:
        """Of the newest payment, of which something is left."""
        gifts = self.session.query(Donation).filter_by(account_id=person.id, disputed_at=None)
        gift = gifts.order_by(Donation.paid_at.desc(), Donation.id.desc()).first()
        left = gift.amount_minor - gift.refunded_minor if gift else 0
        if gift is None or left <= 0:
            return
        if act == "dispute":
            gift.disputed_at = at
            self._note(gift, at)
            return
        factories.refund(self.session, gift, left if act == "refund" else -(-left // 2), at)

    def _note(self, gift: Donation, at: datetime) -> None:
        factories.add(
            self.session,
            Dispute(
                donation_id=gift.id, kind="dispute", stripe_id=f"du_{gift.id}", reason="general",
                status="needs_response", amount_minor=gift.amount_minor, currency=gift.currency,
                opened_at=at, synced_at=at,
            ),
        )  # fmt: skip
