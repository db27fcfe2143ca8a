"""The mails about payments that fail, and the notices that come before one.

Subjects are neutral (rule S10), words without reproach.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing import links
from membership.billing.dunning.models import Dunning
from membership.billing.letters import in_words, put
from membership.billing.models import Subscription
from membership.mail import kinds, outbox
from membership.web.languages import address


def with_link(context: dict[str, Any], language: str) -> dict[str, Any]:
    """In words; the number of a `dunning` row becomes the link to mend it."""
    said = in_words(context, language)
    token = links.token("mend", said.pop("dunning"))
    said["mend_url"] = address("dunning.mend", language, token=token)
    return said


FAILED = kinds.transactional("payment_failed", with_link)
ACTION = kinds.transactional("payment_action", with_link)
RECOVERED = kinds.transactional("payment_recovered", in_words)
ENDED_UNPAID = kinds.transactional("support_ended_unpaid", in_words)
RENEWAL_AHEAD = kinds.transactional("renewal_ahead", in_words)
CARD_EXPIRES = kinds.transactional("card_expires", in_words)
INVITATION = kinds.bulk(
    "invitation",
    _l("An invitation to give every month"),
    _l("At most one, some weeks after you gave once."),
    group="support",
)

# After this a mail that could not be sent says what is no longer so.
STALE_AFTER = timedelta(days=3)
NOON = time(12)


def still_failing(
    session: Session, subscription: Subscription, row: Dunning, step: int, is_last: bool
) -> None:
    """The letter number `step`, each in other words; once per step (lesson L16)."""
    account = session.get_one(Account, subscription.account_id)
    context = {
        **_payment(subscription, row),
        "step": step,
        "is_last": is_last,
        "is_hard": row.kind == "hard",
        "next_attempt_at": row.next_attempt_at.isoformat() if row.next_attempt_at else None,
        "dunning": row.id,
    }
    kind = ACTION if row.kind == "action" else FAILED
    put(session, account, kind, _subject(row, step), context, clock.now() + STALE_AFTER)


def withdraw(session: Session, subscription: Subscription, row: Dunning) -> int:
    """Take back letters that have not left yet; how many."""
    subjects = [_subject(row, step) for step in range(1, row.letters + 1)]
    return outbox.withdraw(session, subscription.account_id, (FAILED, ACTION), subjects)


def recovered(session: Session, subscription: Subscription, row: Dunning) -> None:
    """Thanks, once."""
    account = session.get_one(Account, subscription.account_id)
    context = {
        **_payment(subscription, row),
        "account_url": address("billing.overview", account.language),
    }
    put(session, account, RECOVERED, f"dunning:{row.id}", context, clock.now() + STALE_AFTER)


def ended_unpaid(session: Session, subscription: Subscription, row: Dunning) -> None:
    """Support has ended because the payment did not come; once per subscription."""
    account = session.get_one(Account, subscription.account_id)
    context = {
        **_payment(subscription, row),
        "support_url": address("billing.support", account.language),
    }
    put(session, account, ENDED_UNPAID, f"subscription:{subscription.id}", context)


def renewal_ahead(session: Session, account: Account, subscription: Subscription) -> None:
    """Says before a yearly charge how much it is, and when; once per charge."""
    charged_at = subscription.current_period_end_at
    subject = f"subscription:{subscription.id}:{charged_at:%Y-%m-%d}"
    put(session, account, RENEWAL_AHEAD, subject, _next_charge(subscription), charged_at)


def card_expires(
    session: Session, account: Account, subscription: Subscription, expires_on: date
) -> None:
    """Says that a card will be over when it is charged next; once per card's last day."""
    context = {
        **_next_charge(subscription),
        "expires_at": datetime.combine(expires_on, NOON, UTC).isoformat(),
    }
    subject = f"subscription:{subscription.id}:{expires_on}"
    put(session, account, CARD_EXPIRES, subject, context, subscription.current_period_end_at)


def invitation(session: Session, account: Account) -> None:
    """Asks who gave once whether they would give every month; once per account."""
    context = {"support_url": address("billing.support", account.language, interval="month")}
    put(session, account, INVITATION, f"account:{account.id}", context)


def _next_charge(subscription: Subscription) -> dict[str, Any]:
    return {
        "amount_minor": subscription.amount_minor,
        "currency": subscription.currency,
        "charged_at": subscription.current_period_end_at.isoformat(),
        "card_last4": subscription.card_last4,
        "subscription": subscription.id,
    }


def _payment(subscription: Subscription, row: Dunning) -> dict[str, Any]:
    return {
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "failed_at": row.failed_at.isoformat(),
        "interval": subscription.interval,
        "card_last4": subscription.card_last4,
    }


def _subject(row: Dunning, step: int) -> str:
    return f"dunning:{row.id}:{step}"
