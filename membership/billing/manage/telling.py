"""Mails about a changed agreement: what holds from now on, and the link to change it again.

They are written with the history row of the change, so each change is told once, whoever made it:
the patron here, on Stripe's page, or the staff.
"""

from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing import letters
from membership.billing.manage.agreement import agreement_of
from membership.billing.manage.news import news
from membership.billing.models import Subscription, SubscriptionChange
from membership.mail import kinds

KINDS = tuple(
    kinds.transactional(name, letters.in_words)
    for name in (
        "support_changed",
        "support_paused",
        "support_resumed",
        "support_cancelled",
        "cancel_undone",
    )
)


def tell(
    session: Session, row: Subscription, change: SubscriptionChange, *, by_staff: bool
) -> None:
    """Write the mails that are due after `change` to the patron. Nothing to a deleted account.

    `by_staff`: an end, if it is one, was theirs and not the patron's own act.
    """
    terms = (change.from_amount_minor, change.from_interval)
    due = news(
        change.from_state,
        change.to_state,
        agreed_otherwise=terms != (change.to_amount_minor, change.to_interval),
        end_reason=row.end_reason,
        ended_early=row.ended_at is not None and row.ended_at < row.current_period_end_at,
    )
    account = session.get_one(Account, row.account_id)
    if not due or account.deleted_at is not None:
        return
    next_charge_at = agreement_of(row).next_charge_at
    context = {
        "subscription": row.id,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "interval": row.interval,
        "is_over": row.state == "ended",
        "by_staff": by_staff,
        "until_at": row.current_period_end_at.isoformat(),
        "next_charge_at": next_charge_at.isoformat() if next_charge_at else None,
    }
    for kind in due:
        letters.put(session, account, kind, f"change:{change.id}", context)
