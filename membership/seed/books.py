"""What giving writes down: rows as billing would have written them, by the same pure rules.

Rows are gathered as lines of text and copied into the database a table at a time, so that a
million patrons are a matter of minutes.
"""

from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from membership.billing.amounts import CardFee
from membership.billing.revenue import MONTHS, monthly_value, movement
from membership.money import Money
from membership.seed.asks import Trial
from membership.seed.calendar import months_later
from membership.seed.copying import line
from membership.seed.people import Person

# In the order in which rows may refer to one another.
TABLES = {
    "account": "id, email, verified_at, name, language, created_at",
    "checkout": "id, email, name, language, interval, amount_minor, currency, cover_fees, "
    "article_id, first_article_id, ask_variant_id, country, state, "
    "stripe_session_id, created_at, completed_at, told_at",
    "subscription": "id, account_id, checkout_id, stripe_subscription_id, stripe_customer_id, "
    "state, end_reason, interval, amount_minor, currency, started_at, current_period_end_at, "
    "anchor_at, collection_paused, resumes_at, card_brand, card_last4, card_expires_on, ended_at, "
    "created_at, synced_at",
    "subscription_change": "id, subscription_id, from_state, to_state, from_amount_minor, "
    "to_amount_minor, currency, from_interval, to_interval, created_at",
    "donation": "id, account_id, subscription_id, checkout_id, stripe_invoice_id, "
    "stripe_payment_intent_id, amount_minor, fee_minor, fee_currency, refunded_minor, currency, "
    "refunded_at, disputed_at, paid_at, created_at",
    "refund": "id, donation_id, stripe_refund_id, amount_minor, currency, state, refunded_at, "
    "created_at, changed_at",
    "dispute": "id, donation_id, kind, stripe_id, reason, status, amount_minor, currency, due_at, "
    "opened_at, closed_at, synced_at",
    "dunning": "id, subscription_id, stripe_invoice_id, amount_minor, currency, kind, "
    "decline_code, stripe_payment_method_id, attempts, next_attempt_at, failed_at, letters, "
    "next_letter_at, link_used_at, own_act_at, recovered_at, recovered_by, given_up_at, "
    "created_at, changed_at",
    "leaving": "subscription_id, reason, comment, created_at, changed_at",
    "ledger_entry": "id, subscription_id, account_id, movement, amount_minor, currency, "
    "occurred_at, created_at",
    "outbox_email": "id, kind, recipient, subject, account_id, language, context, state, "
    "attempts, next_attempt_at, message_id, created_at, sent_at, settled_at",
}
# Their ids are drawn, or are those of others.
UNNUMBERED = {"checkout", "refund", "leaving"}
# The last digits of Stripe's test cards, with which the stand-in lets these people pay or fail.
PAYING, FAILING = "4242", "0341"
CARD_EXPIRES_ON = date(2034, 12, 31)
# Where the cards of a currency are at home, for the most part.
COUNTRIES = {
    "EUR": ("DE", "DE", "DE", "FR", "IE", "NL", "ES", "AT"),
    "UAH": ("UA",),
    "USD": ("US", "US", "US", "CA"),
    "GBP": ("GB",),
    "PLN": ("PL", "PL", "PL", "DE"),
}
ELSEWHERE = ("CH", "SE")
# Mail older than this is not kept in the demo, but for the welcome.
RECENT = timedelta(days=45)


@dataclass
class Giver:
    """An account that gives; `number` is that of everybody who ever gave, from 0."""

    id: int
    number: int
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
    changed_at: datetime | None = None
    mrr: int = 0
    card_expires_on: date = CARD_EXPIRES_ON

    def renewal(self, number: int) -> datetime:
        """When the payment with this number is due; 0 is the first."""
        return months_later(self.started_at, number * MONTHS[self.interval])


@dataclass(frozen=True)
class TakenBack:
    """Money that a giver got back, or asks their bank to bring back."""

    minor: int = 0
    refunded_at: datetime | None = None
    dispute: str | None = None
    disputed_at: datetime | None = None
    closed_at: datetime | None = None
    is_won: bool = False


KEPT = TakenBack()


@dataclass
class Books:
    """Gathers rows; `now` is the moment at which the story has arrived.

    `stories` are ids with the moment of publishing, ascending. Ids go on after `first_id`, those of
    accounts after `first_account`.
    """

    rng: Random
    now: datetime
    fees: Mapping[str, CardFee]
    stories: tuple[tuple[int, datetime], ...]
    trial: Trial
    first_account: int
    first_id: int
    last_ids: dict[str, int] = field(init=False)
    rows: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.last_ids = dict.fromkeys(TABLES.keys() - UNNUMBERED, self.first_id)
        self.rows = {name: [] for name in TABLES}

    def giver(self, number: int, person: Person, at: datetime) -> Giver:
        giver = Giver(self.first_account + number, number, person)
        self.last_ids["account"] = giver.id
        # Who gives need not sign in; about half have.
        verified_at = at + timedelta(minutes=9) if self.rng.random() < 0.5 else None
        self.put("account", giver.id, person.email, verified_at, person.name, person.language, at)
        return giver

    def checkout(
        self,
        giver: Giver,
        gift: Money,
        interval: str,
        at: datetime,
        *,
        state: str = "completed",
        covers_fees: bool = False,
    ) -> UUID:
        checkout_id = self.drawn()
        last, first = self._touches(at)
        done_at = at + timedelta(minutes=2) if state == "completed" else None
        self.put(
            "checkout", checkout_id, giver.person.email, giver.person.name,
            giver.person.language, interval, gift.minor, gift.currency, covers_fees,
            last, first, self.trial.variant(self.rng, at) if last else None,
            self.rng.choice(COUNTRIES.get(gift.currency, ELSEWHERE)), state,
            f"cs_seed_{checkout_id.hex}", at - timedelta(minutes=3), done_at, done_at,
        )  # fmt: skip
        return checkout_id

    def begin(
        self, giver: Giver, gift: Money, interval: str, at: datetime, *, covers_fees: bool = False
    ) -> Agreement:
        """A new agreement, whose first payment is still to be made."""
        agreement = Agreement(
            id=self.next("subscription"),
            giver=giver,
            checkout_id=self.checkout(giver, gift, interval, at, covers_fees=covers_fees),
            interval=interval,
            amount=gift.minor,
            currency=gift.currency,
            started_at=at,
        )
        self._change(agreement, None, None, at)
        return agreement

    def pay(
        self,
        agreement: Agreement,
        at: datetime,
        taken: TakenBack = KEPT,
        *,
        donation_id: int | None = None,
    ) -> None:
        """A payment; `donation_id` is its number when it has failed at first."""
        gift = Money(agreement.amount, agreement.currency)
        number = donation_id or self.next("donation")
        self._donation(agreement.giver, gift, at, agreement, agreement.checkout_id, number, taken)

    def give_once(self, giver: Giver, gift: Money, at: datetime, taken: TakenBack = KEPT) -> None:
        checkout_id = self.checkout(giver, gift, "once", at)
        self._donation(giver, gift, at, None, checkout_id, self.next("donation"), taken)

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
        self.put(
            "subscription", agreement.id, agreement.giver.id, agreement.checkout_id,
            f"sub_{name}", f"cus_seed_{agreement.giver.id:08d}", agreement.state,
            agreement.end_reason, agreement.interval, agreement.amount, agreement.currency,
            agreement.started_at, period_end_at, agreement.started_at, is_paused,
            period_end_at if is_paused else None,
            "visa", FAILING if agreement.state == "past_due" else PAYING,
            agreement.card_expires_on, agreement.ended_at, agreement.started_at,
            agreement.changed_at,
        )  # fmt: skip

    def sent(self, giver: Giver, kind: str, subject: str, at: datetime) -> None:
        """A mail that has gone out; nothing here is ever sent."""
        number = self.next("outbox_email")
        person = giver.person
        left_at = min(at + timedelta(seconds=20), self.now)
        self.put(
            "outbox_email", number, kind, person.email, subject, giver.id, person.language, "{}",
            "sent", 1, at, f"<seed-{number}@kava.example>", at, left_at, left_at,
        )  # fmt: skip

    def _touches(self, at: datetime) -> tuple[int | None, int | None]:
        """The story at whose end somebody decided, and the first whose ask they saw.

        The newest bring far more people than others.
        """
        read = bisect(self.stories, at, key=lambda story: story[1])
        if not read or self.rng.random() < 0.4:
            return None, None
        last, first = (
            self.stories[read - 1 - int(read * self.rng.random() ** 2)][0] for _ in range(2)
        )
        return last, last if self.rng.random() < 0.5 else first

    def drawn(self) -> UUID:
        return UUID(int=self.rng.getrandbits(128), version=4)

    def next(self, table: str) -> int:
        self.last_ids[table] += 1
        return self.last_ids[table]

    def put(self, table: str, *values: Any) -> None:
        self.rows[table].append(line(values))

    def _change(
        self, agreement: Agreement, before: str | None, amount: int | None, at: datetime
    ) -> None:
        agreement.changed_at = at
        self.put(
            "subscription_change", self.next("subscription_change"), agreement.id, before,
            agreement.state, amount, agreement.amount, agreement.currency,
            agreement.interval if before else None, agreement.interval, at,
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
        self.put(
            "ledger_entry", self.next("ledger_entry"), agreement.id, giver.id, name,
            mrr - agreement.mrr, agreement.currency, at, at,
        )  # fmt: skip
        agreement.mrr, giver.has_had_mrr = mrr, True

    def _donation(
        self,
        giver: Giver,
        gift: Money,
        at: datetime,
        agreement: Agreement | None,
        checkout_id: UUID,
        number: int,
        taken: TakenBack,
    ) -> None:
        cost = self.fees[gift.currency]
        fee = round(gift.minor * cost.share) + cost.fixed.minor
        self.put(
            "donation", number, giver.id, agreement.id if agreement else None, checkout_id,
            invoice(number) if agreement else None, f"pi_seed_{number:09d}", gift.minor, fee,
            gift.currency, taken.minor, gift.currency, taken.refunded_at,
            None if taken.is_won else taken.disputed_at, at, at,
        )  # fmt: skip
        if taken is not KEPT:
            self._take_back(number, gift, taken)
        if not giver.has_given:
            giver.has_given = True
            self.sent(giver, "welcome", f"account:{giver.id}", at)
        if at > self.now - RECENT:
            self.sent(giver, "receipt", f"donation:{number}", at)

    def _take_back(self, donation_id: int, gift: Money, taken: TakenBack) -> None:
        if taken.refunded_at:
            self.put(
                "refund", self.drawn(), donation_id, f"re_seed_{donation_id:09d}", taken.minor,
                gift.currency, "done", taken.refunded_at, taken.refunded_at, taken.refunded_at,
            )  # fmt: skip
        if taken.disputed_at:
            status = "needs_response"
            if taken.closed_at:
                status = "won" if taken.is_won else "lost"
            self.put(
                "dispute", self.next("dispute"), donation_id, "dispute", f"du_seed_{donation_id}",
                taken.dispute, status, gift.minor, gift.currency,
                taken.disputed_at + timedelta(days=9), taken.disputed_at, taken.closed_at,
                taken.closed_at or taken.disputed_at,
            )  # fmt: skip


def invoice(donation_id: int) -> str:
    """The invoice by which a donation is paid."""
    return f"in_seed_{donation_id:09d}"
