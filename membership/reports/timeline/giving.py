"""Of a patron's story: what was given, what failed, what went back, and how support changed."""

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Select, func, or_, select

from membership.accounts.models import Account
from membership.billing.dunning.models import Dunning
from membership.billing.elsewhere.models import PaidElsewhere
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
from membership.billing.papers.models import Paper
from membership.reports import stripe_words, words
from membership.reports.timeline.entry import Source, Told, money
from membership.web.pages import show_date

Rows = Select[*tuple[Any, ...]]


def _checkouts(account: Account) -> Rows:
    return select(Checkout).where(
        or_(
            Checkout.account_id == account.id,
            Checkout.account_id.is_(None) & (Checkout.email == account.email),
        )
    )


def _checkout(row: Any) -> Told:
    checkout: Checkout = row[0]
    return Told(
        _("Went to pay %(amount)s", amount=money(checkout.amount_minor, checkout.currency)),
        f"{words.INTERVAL[checkout.interval]} · {words.CHECKOUT[checkout.state]}",
        "warning" if checkout.state in {"failed", "expired"} else "neutral",
    )


def _changes(account: Account) -> Rows:
    return (
        select(SubscriptionChange, Subscription)
        .join(Subscription, Subscription.id == SubscriptionChange.subscription_id)
        .where(Subscription.account_id == account.id)
    )


def _change(row: Any) -> Told:
    change: SubscriptionChange = row[0]
    subscription: Subscription = row[1]
    title = _("Changed the amount")
    interval = change.to_interval or subscription.interval
    text = f"{money(change.to_amount_minor, change.currency)} · {words.INTERVAL[interval]}"
    if change.from_amount_minor is not None and change.from_interval not in {None, interval}:
        before = money(change.from_amount_minor, change.currency)
        text = f"{before} · {words.INTERVAL[change.from_interval]} → {text}"
        title = _("Changed the interval")
    elif change.from_amount_minor not in {None, change.to_amount_minor}:
        text = f"{money(change.from_amount_minor, change.currency)} → {text}"
    if change.from_state == change.to_state:
        return Told(title, text)
    if change.to_state == "ended" and subscription.end_reason:
        text = f"{text} · {words.END_REASON[subscription.end_reason]}"
    return Told(
        _("Regular support: %(state)s", state=words.SUBSCRIPTION[change.to_state]),
        text,
        words.SUBSCRIPTION_TONE[change.to_state],
    )


def _leavings(account: Account) -> Rows:
    return (
        select(Leaving)
        .join(Subscription, Subscription.id == Leaving.subscription_id)
        .where(Subscription.account_id == account.id)
    )


def _leaving(row: Any) -> Told:
    text = str(words.LEAVING[row[0].reason])
    if row[0].comment:
        text = f"{text}: {row[0].comment}"
    return Told(_("Said why they left"), text)


def _donations(account: Account) -> Rows:
    return (
        select(Donation, Checkout.purpose)
        .outerjoin(Checkout, Checkout.id == Donation.checkout_id)
        .where(Donation.account_id == account.id)
    )


def _donation(row: Any) -> Told:
    donation: Donation = row[0]
    source = _("regular support") if donation.subscription_id else _("one-time gift")
    if row.purpose == "gift":
        source = _("a year for somebody else")
    elif row.purpose == "pool":
        source = _("for the pool")
    if donation.method is not None:
        source = f"{source} · {words.METHOD[donation.method]}"
    amount = money(donation.amount_minor, donation.currency)
    return Told(_("Gave %(amount)s", amount=amount), source, "good")


def _failures(account: Account) -> Rows:
    return (
        select(Dunning)
        .join(Subscription, Subscription.id == Dunning.subscription_id)
        .where(Subscription.account_id == account.id)
    )


def _failure(row: Any) -> Told:
    dunning: Dunning = row[0]
    amount = money(dunning.amount_minor, dunning.currency)
    title = _("Payment of %(amount)s failed", amount=amount)
    return Told(title, str(words.FAILURE[dunning.kind]), "bad")


def _recoveries(account: Account) -> Rows:
    return _failures(account).where(Dunning.recovered_at.is_not(None))


def _recovery(row: Any) -> Told:
    dunning: Dunning = row[0]
    amount = money(dunning.amount_minor, dunning.currency)
    title = _("Failed payment of %(amount)s made good", amount=amount)
    return Told(title, str(words.RECOVERED_BY[dunning.recovered_by or "patron"]), "good")


def _refunds(account: Account) -> Rows:
    return (
        select(Refund, Account.email.label("actor"))
        .join(Donation, Donation.id == Refund.donation_id)
        .outerjoin(Account, Account.id == Refund.actor_id)
        .where(Donation.account_id == account.id)
    )


def _refund(row: Any) -> Told:
    refund: Refund = row[0]
    amount = money(refund.amount_minor, refund.currency)
    return Told(
        _("Refund of %(amount)s: %(state)s", amount=amount, state=words.REFUND[refund.state]),
        f"{refund.reason} – {row.actor or _('by the system')}" if refund.reason else "",
        "warning",
    )


def _disputes(account: Account) -> Rows:
    return (
        select(Dispute)
        .join(Donation, Donation.id == Dispute.donation_id)
        .where(Donation.account_id == account.id)
    )


def _dispute(row: Any) -> Told:
    dispute: Dispute = row[0]
    title = _("Disputed the payment at the bank")
    if dispute.kind == "fraud_warning":
        title = _("The bank warned of fraud")
    # Stripe may have words that we do not know yet.
    reason = stripe_words.REASON.get(dispute.reason, dispute.reason)
    status = stripe_words.DISPUTE.get(dispute.status, dispute.status)
    return Told(title, f"{reason} · {status}", stripe_words.DISPUTE_TONE.get(dispute.status, "bad"))


def _gifts(account: Account) -> Rows:
    return select(Gift).where(Gift.account_id == account.id)


def _gift(row: Any) -> Told:
    source = _("from the pool") if row[0].source == "pool" else _("from another reader")
    return Told(_("Took a gift"), source, "good")


def _elsewhere(account: Account) -> Rows:
    return select(PaidElsewhere).where(PaidElsewhere.account_id == account.id)


def _paid_elsewhere(row: Any) -> Told:
    paid: PaidElsewhere = row[0]
    text = _(
        "%(amount)s %(interval)s, paid until %(date)s",
        amount=money(paid.amount_minor, paid.currency),
        interval=words.INTERVAL[paid.interval],
        date=show_date(paid.paid_until_at),
    )
    return Told(_("Supports us through %(name)s", name=paid.platform), text, "good")


def _papers(account: Account) -> Rows:
    return select(Paper.kind, Paper.number).where(Paper.is_of(account.id))


def _paper(row: Any) -> Told:
    title = _("Receipt issued") if row.kind == "receipt" else _("Statement issued")
    return Told(title, row.number)


_REFUNDED = func.coalesce(Refund.refunded_at, Refund.created_at)
_TAKEN = func.coalesce(Gift.redeemed_at, Gift.created_at)
SOURCES = (
    Source("checkout", "giving", Checkout.created_at, Checkout.id, _checkouts, _checkout),
    Source("donation", "giving", Donation.paid_at, Donation.id, _donations, _donation),
    Source("failure", "giving", Dunning.failed_at, Dunning.id, _failures, _failure),
    Source("recovery", "giving", Dunning.recovered_at, Dunning.id, _recoveries, _recovery),
    Source("refund", "giving", _REFUNDED, Refund.id, _refunds, _refund),
    Source("dispute", "giving", Dispute.opened_at, Dispute.id, _disputes, _dispute),
    Source("gift", "giving", _TAKEN, Gift.id, _gifts, _gift),
    Source(
        "elsewhere",
        "giving",
        PaidElsewhere.since_at,
        PaidElsewhere.id,
        _elsewhere,
        _paid_elsewhere,
    ),
    Source(
        "change",
        "support",
        SubscriptionChange.created_at,
        SubscriptionChange.id,
        _changes,
        _change,
    ),
    Source("leaving", "support", Leaving.created_at, Leaving.subscription_id, _leavings, _leaving),
    Source("paper", "papers", Paper.issued_at, Paper.id, _papers, _paper),
)
