"""One patron's story with us, newest first: what they gave, took part in, and were told.

The ballots are not in it. A round stands here only once it is settled, and only by its turnout
roll, which knows neither choices nor times (rules V4, V8).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from flask_babel import gettext as _
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry, Note, SignIn
from membership.billing.gifts.models import Gift
from membership.billing.models import (
    Checkout,
    Dispute,
    Donation,
    Leaving,
    Refund,
    Subscription,
    SubscriptionChange,
)
from membership.mail.models import OutboxEmail
from membership.money import Money, display
from membership.reports import words
from membership.reports.deeds import DEEDS
from membership.voting.models import Round, Topic, Turnout
from membership.voting.telling import shows_who_voted
from membership.web.languages import current_language

# Of each source, the newest so many.
MOST = 100
# Looking is no part of the story, and these stand in it by themselves.
NOT_TOLD = (
    "patron.viewed",
    "note.written",
    "donation.refunded",
    "donation.taken_back",
    "staff_signed_in",
)


@dataclass(frozen=True)
class Entry:
    """One line; `kind` is neutral, good, warning or bad."""

    at: datetime
    title: str
    text: str = ""
    kind: str = "neutral"


def timeline(session: Session, account: Account) -> list[Entry]:
    """All that we know, at most MOST entries of each source, in one query a source."""
    found = chain.from_iterable(source(session, account) for source in SOURCES)
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def _checkouts(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(Checkout)
        .where(or_(Checkout.account_id == account.id, Checkout.email == account.email))
        .order_by(Checkout.created_at.desc(), Checkout.id.desc())
        .limit(MOST)
    )
    for checkout in session.scalars(query):
        yield Entry(
            checkout.created_at,
            _("Went to pay %(amount)s", amount=_money(checkout.amount_minor, checkout.currency)),
            f"{words.INTERVAL[checkout.interval]} · {words.CHECKOUT[checkout.state]}",
            "warning" if checkout.state in {"failed", "expired"} else "neutral",
        )


def _subscription_changes(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(SubscriptionChange, Subscription)
        .join(Subscription, Subscription.id == SubscriptionChange.subscription_id)
        .where(Subscription.account_id == account.id)
        .order_by(SubscriptionChange.id.desc())
        .limit(MOST)
    )
    for change, subscription in session.execute(query):
        title = _("Changed the amount")
        interval = change.to_interval or subscription.interval
        text = f"{_money(change.to_amount_minor, change.currency)} · {words.INTERVAL[interval]}"
        if change.from_amount_minor is not None and change.from_interval not in {None, interval}:
            before = _money(change.from_amount_minor, change.currency)
            text = f"{before} · {words.INTERVAL[change.from_interval]} → {text}"
            title = _("Changed the interval")
        elif change.from_amount_minor not in {None, change.to_amount_minor}:
            text = f"{_money(change.from_amount_minor, change.currency)} → {text}"
        if change.from_state == change.to_state:
            yield Entry(change.created_at, title, text)
            continue
        if change.to_state == "ended" and subscription.end_reason:
            text = f"{text} · {words.END_REASON[subscription.end_reason]}"
        yield Entry(
            change.created_at,
            _("Regular support: %(state)s", state=words.SUBSCRIPTION[change.to_state]),
            text,
            words.SUBSCRIPTION_TONE[change.to_state],
        )


def _leavings(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(Leaving)
        .join(Subscription, Subscription.id == Leaving.subscription_id)
        .where(Subscription.account_id == account.id)
        .order_by(Leaving.created_at.desc(), Leaving.subscription_id.desc())
        .limit(MOST)
    )
    for leaving in session.scalars(query):
        text = str(words.LEAVING[leaving.reason])
        if leaving.comment:
            text = f"{text}: {leaving.comment}"
        yield Entry(leaving.created_at, _("Said why they left"), text)


def _donations(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(Donation)
        .where(Donation.account_id == account.id)
        .order_by(Donation.paid_at.desc(), Donation.id.desc())
        .limit(MOST)
    )
    for donation in session.scalars(query):
        amount = _money(donation.amount_minor, donation.currency)
        source = _("regular support") if donation.subscription_id else _("one-time gift")
        yield Entry(donation.paid_at, _("Gave %(amount)s", amount=amount), source, "good")


def _refunds(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(Refund, Account.email)
        .join(Donation, Donation.id == Refund.donation_id)
        .outerjoin(Account, Account.id == Refund.actor_id)
        .where(Donation.account_id == account.id)
        .order_by(Refund.created_at.desc(), Refund.id.desc())
        .limit(MOST)
    )
    for refund, actor in session.execute(query):
        amount = _money(refund.amount_minor, refund.currency)
        yield Entry(
            refund.refunded_at or refund.created_at,
            _("Refund of %(amount)s: %(state)s", amount=amount, state=words.REFUND[refund.state]),
            f"{refund.reason} – {actor or _('by the system')}" if refund.reason else "",
            "warning",
        )


def _disputes(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(Dispute)
        .join(Donation, Donation.id == Dispute.donation_id)
        .where(Donation.account_id == account.id)
        .order_by(Dispute.id.desc())
        .limit(MOST)
    )
    for dispute in session.scalars(query):
        title = _("Disputed the payment at the bank")
        if dispute.kind == "fraud_warning":
            title = _("The bank warned of fraud")
        # Stripe's words for why and how it stands.
        yield Entry(dispute.opened_at, title, f"{dispute.reason} · {dispute.status}", "bad")


def _notes(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(Note.text, Note.created_at, Account.email)
        .outerjoin(Account, Account.id == Note.author_id)
        .where(Note.account_id == account.id)
        .order_by(Note.id.desc())
        .limit(MOST)
    )
    for text, at, author in session.execute(query):
        yield Entry(at, _("Note by %(author)s", author=author or _("somebody")), text)


def _gifts(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(Gift)
        .where(Gift.account_id == account.id)
        .order_by(Gift.redeemed_at.desc(), Gift.id.desc())
        .limit(MOST)
    )
    for gift in session.scalars(query):
        source = _("from the pool") if gift.source == "pool" else _("from another reader")
        yield Entry(gift.redeemed_at or gift.created_at, _("Took a gift"), source, "good")


def _mails(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(OutboxEmail.kind, OutboxEmail.state, OutboxEmail.created_at, OutboxEmail.sent_at)
        .where(OutboxEmail.account_id == account.id, ~shows_who_voted())
        .order_by(OutboxEmail.id.desc())
        .limit(MOST)
    )
    for kind, state, created_at, sent_at in session.execute(query):
        bad = state in {"failed", "suppressed", "uncertain"}
        yield Entry(
            sent_at or created_at,
            _("Mail: %(kind)s", kind=words.KIND.get(kind, kind)),
            str(words.MAIL[state]),
            "bad" if bad else "neutral",
        )


def _sign_ins(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(SignIn.created_at)
        .where(SignIn.account_id == account.id)
        .order_by(SignIn.created_at.desc(), SignIn.id.desc())
        .limit(MOST)
    )
    for at in session.scalars(query):
        yield Entry(at, _("Signed in"))


def _rounds(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(Round.title, Round.closes_at)
        .join(Turnout, Turnout.round_id == Round.id)
        .where(Turnout.account_id == account.id)
        .order_by(Round.closes_at.desc(), Round.id.desc())
        .limit(MOST)
    )
    for title, closed_at in session.execute(query):
        yield Entry(closed_at, _("Had taken part when the round closed"), title)


def _topics(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(Topic.title, Topic.created_at)
        .where(Topic.suggested_by_id == account.id)
        .order_by(Topic.id.desc())
        .limit(MOST)
    )
    for title, at in session.execute(query):
        yield Entry(at, _("Suggested a topic"), title)


def _audit(session: Session, account: Account) -> Iterable[Entry]:
    query = (
        select(
            AuditEntry.action,
            AuditEntry.created_at,
            Account.email,
            AuditEntry.detail["reason"].astext,
        )
        .outerjoin(Account, Account.id == AuditEntry.actor_id)
        .where(AuditEntry.subject == f"account:{account.id}", AuditEntry.action.not_in(NOT_TOLD))
        .order_by(AuditEntry.id.desc())
        .limit(MOST)
    )
    for action, at, actor, reason in session.execute(query):
        who = actor or _("by the system")
        # The log keeps what former versions called a deed.
        title = str(DEEDS.get(action, action))
        yield Entry(at, title, f"{reason} – {who}" if reason else who)


SOURCES: tuple[Callable[[Session, Account], Iterable[Entry]], ...] = (
    _checkouts,
    _subscription_changes,
    _leavings,
    _donations,
    _gifts,
    _refunds,
    _disputes,
    _notes,
    _mails,
    _sign_ins,
    _rounds,
    _topics,
    _audit,
)


def _money(minor: int, currency: str) -> str:
    return display(Money(minor, currency), current_language())
