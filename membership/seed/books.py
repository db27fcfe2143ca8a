"""What giving writes down: rows as billing would have written them, by the same pure rules.

Rows are gathered and copied into the database a table at a time, so that a hundred thousand
patrons are a matter of a minute.
"""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from membership.billing.fees import card_fee
from membership.billing.revenue import MONTHS, monthly_value, movement
from membership.money import Money
from membership.seed.people import Person

# In the order in which rows may refer to one another.
TABLES = {
    "account": "id, email, verified_at, name, language, created_at",
    "checkout": "id, email, name, language, interval, amount_minor, currency, cover_fees, "
    "article_id, state, stripe_session_id, created_at, completed_at",
    "subscription": "id, account_id, checkout_id, stripe_subscription_id, stripe_customer_id, "
    "state, end_reason, interval, amount_minor, currency, started_at, current_period_end_at, "
    "anchor_at, collection_paused, resumes_at, card_brand, card_last4, card_expires_on, ended_at, "
    "created_at, synced_at",
    "subscription_change": "id, subscription_id, from_state, to_state, from_amount_minor, "
    "to_amount_minor, currency, created_at",
    "donation": "id, account_id, subscription_id, checkout_id, stripe_invoice_id, "
    "stripe_payment_intent_id, amount_minor, fee_minor, fee_currency, refunded_minor, currency, "
    "refunded_at, paid_at, created_at",
    "refund": "id, donation_id, stripe_refund_id, amount_minor, currency, state, refunded_at, "
    "created_at, changed_at",
    "ledger_entry": "id, subscription_id, account_id, movement, amount_minor, currency, "
    "occurred_at, created_at",
    "outbox_email": "id, kind, recipient, subject, account_id, language, context, state, "
    "attempts, next_attempt_at, message_id, created_at, sent_at, settled_at",
}
# The last digits of Stripe's test cards, with which the stand-in lets these people pay or fail.
PAYING, FAILING = "4242", "0341"
CARD_EXPIRES_ON = date(2034, 12, 31)
# Their ids are drawn, not counted.
UNNUMBERED = {"checkout", "refund"}
FULL = 50_000
# Receipts older than this are not kept in the demo.
RECENT = timedelta(days=45)


def months_later(start: datetime, count: int) -> datetime:
    """The same day `count` months later, or the last of a shorter month (as Stripe has it)."""
    years, month = divmod(start.month - 1 + count, 12)
    last = monthrange(start.year + years, month + 1)[1]
    return start.replace(year=start.year + years, month=month + 1, day=min(start.day, last))


@dataclass
class Giver:
    """An account that gives."""

    id: int
    person: Person
    has_given: bool = False
    has_had_mrr: bool = False


@dataclass
class Agreement:
    """A subscription under way; it is written down when nothing more happens to it."""

    id: int
    giver: Giver
    checkout_id: UUID
    interval: str
    amount: int
    currency: str
    started_at: datetime
    state: str = "active"
    end_reason: str | None = None
    ended_at: datetime | None = None
    period_end_at: datetime | None = None
    changed_at: datetime | None = None
    mrr: int = 0

    def renewal(self, number: int) -> datetime:
        """When the payment with this number is due; 0 is the first."""
        return months_later(self.started_at, number * MONTHS[self.interval])


@dataclass
class Books:
    """Gathers rows for a session; `now` is the moment at which the story has arrived."""

    session: Session
    rng: Random
    now: datetime
    article_ids: list[int]
    last_ids: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    rows: dict[str, list[tuple[Any, ...]]] = field(
        default_factory=lambda: {name: [] for name in TABLES}
    )

    def giver(self, person: Person, at: datetime) -> Giver:
        giver = Giver(self._next("account"), person)
        # Who gives need not sign in; about half have.
        verified_at = at + timedelta(minutes=9) if self.rng.random() < 0.5 else None
        self._put("account", giver.id, person.email, verified_at, person.name, person.language, at)
        return giver

    def checkout(
        self, giver: Giver, gift: Money, interval: str, at: datetime, state: str = "completed"
    ) -> UUID:
        checkout_id = self._drawn()
        article = self.rng.choice(self.article_ids) if self.article_ids else None
        done_at = at + timedelta(minutes=2) if state == "completed" else None
        self._put(
            "checkout", checkout_id, giver.person.email, giver.person.name,
            giver.person.language, interval, gift.minor, gift.currency, False,
            article if self.rng.random() < 0.6 else None, state, f"cs_seed_{checkout_id.hex}",
            at - timedelta(minutes=3), done_at,
        )  # fmt: skip
        return checkout_id

    def begin(self, giver: Giver, gift: Money, interval: str, at: datetime) -> Agreement:
        """A new agreement with its first payment."""
        agreement = Agreement(
            id=self._next("subscription"),
            giver=giver,
            checkout_id=self.checkout(giver, gift, interval, at),
            interval=interval,
            amount=gift.minor,
            currency=gift.currency,
            started_at=at,
        )
        self._change(agreement, None, None, at)
        self.pay(agreement, at)
        return agreement

    def pay(self, agreement: Agreement, at: datetime) -> None:
        gift = Money(agreement.amount, agreement.currency)
        self._donation(agreement.giver, gift, at, agreement)

    def give_once(self, giver: Giver, gift: Money, at: datetime) -> None:
        self._donation(giver, gift, at, None)

    def turn(
        self,
        agreement: Agreement,
        at: datetime,
        state: str,
        *,
        amount: int | None = None,
        end_reason: str | None = None,
    ) -> None:
        """A change of state or amount, with its history row and ledger entry."""
        before, before_amount = agreement.state, agreement.amount
        agreement.state, agreement.end_reason = state, end_reason
        agreement.amount = amount or before_amount
        if state == "ended":
            agreement.ended_at = at
        self._change(agreement, before, before_amount, at)

    def close(self, agreement: Agreement, period_end_at: datetime) -> None:
        """Nothing more happens to the agreement until now: write it down."""
        name = f"seed_{agreement.id:08d}"
        is_paused = agreement.state == "paused"
        self._put(
            "subscription", agreement.id, agreement.giver.id, agreement.checkout_id,
            f"sub_{name}", f"cus_seed_{agreement.giver.id:08d}", agreement.state,
            agreement.end_reason, agreement.interval, agreement.amount, agreement.currency,
            agreement.started_at, period_end_at, agreement.started_at, is_paused,
            period_end_at if is_paused else None,
            "visa", FAILING if agreement.state == "past_due" else PAYING, CARD_EXPIRES_ON,
            agreement.ended_at, agreement.started_at, agreement.changed_at,
        )  # fmt: skip

    def write(self, *, only_when_full: bool = False) -> None:
        """Copy what was gathered into the database; only between two givers."""
        if only_when_full and sum(map(len, self.rows.values())) < FULL:
            return
        driver: Any = self.session.connection().connection.driver_connection
        connection: psycopg.Connection[Any] = driver
        for name, columns in TABLES.items():
            with connection.cursor().copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
                for row in self.rows[name]:
                    copy.write_row(row)
            self.rows[name].clear()

    def begin_after_what_is_there(self) -> None:
        """Number rows after those that the database has."""
        for name in self._numbered():
            highest = self.session.scalar(text(f"SELECT coalesce(max(id), 0) FROM {name}"))
            self.last_ids[name] = int(highest or 0)

    def leave_numbers(self) -> None:
        """Let the database number on after our rows."""
        for name in self._numbered():
            self.session.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), :last)"),
                {"last": max(1, self.last_ids[name])},
            )

    def _numbered(self) -> list[str]:
        return [name for name in TABLES if name not in UNNUMBERED]

    def _change(
        self, agreement: Agreement, before: str | None, amount: int | None, at: datetime
    ) -> None:
        agreement.changed_at = at
        self._put(
            "subscription_change", self._next("subscription_change"), agreement.id, before,
            agreement.state, amount, agreement.amount, agreement.currency, at,
        )  # fmt: skip
        mrr = monthly_value(
            agreement.amount,
            agreement.interval,
            agreement.state,
            collection_paused=agreement.state == "paused",
        )
        giver = agreement.giver
        name = movement(agreement.mrr, mrr, agreement.end_reason, giver.has_had_mrr)
        if name is None:
            return
        self._put(
            "ledger_entry", self._next("ledger_entry"), agreement.id, giver.id, name,
            mrr - agreement.mrr, agreement.currency, at, at,
        )  # fmt: skip
        agreement.mrr, giver.has_had_mrr = mrr, True

    def _donation(
        self, giver: Giver, gift: Money, at: datetime, agreement: Agreement | None
    ) -> None:
        donation_id = self._next("donation")
        cost = card_fee(gift.currency)
        fee = round(gift.minor * cost.share) + cost.fixed.minor
        refunded, refunded_at = self._refund(gift, at)
        if agreement is None:
            checkout_id = self.checkout(giver, gift, "once", at)
        else:
            checkout_id = agreement.checkout_id
        self._put(
            "donation", donation_id, giver.id, agreement.id if agreement else None, checkout_id,
            f"in_seed_{donation_id:09d}" if agreement else None, f"pi_seed_{donation_id:09d}",
            gift.minor, fee, gift.currency, refunded, gift.currency, refunded_at, at, at,
        )  # fmt: skip
        if refunded:
            self._put(
                "refund", self._drawn(), donation_id, f"re_seed_{donation_id:09d}", refunded,
                gift.currency, "done", refunded_at, refunded_at, refunded_at,
            )  # fmt: skip
        if not giver.has_given:
            giver.has_given = True
            self.sent(giver, "welcome", f"account:{giver.id}", at)
        if at > self.now - RECENT:
            self.sent(giver, "receipt", f"donation:{donation_id}", at)

    def _refund(self, gift: Money, at: datetime) -> tuple[int, datetime | None]:
        """About one payment in a hundred is given back within days."""
        if self.rng.random() >= 0.008:
            return 0, None
        refunded_at = at + timedelta(days=self.rng.randint(1, 6))
        return (gift.minor, refunded_at) if refunded_at < self.now else (0, None)

    def sent(self, giver: Giver, kind: str, subject: str, at: datetime) -> None:
        """A mail that has gone out; nothing here is ever sent."""
        number = self._next("outbox_email")
        person = giver.person
        left_at = min(at + timedelta(seconds=20), self.now)
        self._put(
            "outbox_email", number, kind, person.email, subject, giver.id, person.language, "{}",
            "sent", 1, at, f"<seed-{number}@kava.example>", at, left_at, left_at,
        )  # fmt: skip

    def _drawn(self) -> UUID:
        return UUID(int=self.rng.getrandbits(128), version=4)

    def _next(self, table: str) -> int:
        self.last_ids[table] += 1
        return self.last_ids[table]

    def _put(self, table: str, *values: Any) -> None:
        self.rows[table].append(values)
