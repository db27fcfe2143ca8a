"""Sending gifts on their day, which is the newsroom's."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.gifts import letters
from membership.billing.gifts.models import Gift
from membership.billing.models import Donation
from membership.db import transaction

BATCH = 50


def send_due() -> int:
    """Write the letters of all gifts whose day has come; how many. Any number may run at once."""
    sent = 0
    while batch := _send_batch():
        sent += batch
    return sent


def _send_batch() -> int:
    with transaction() as session:
        due = session.scalars(
            select(Gift)
            .where(Gift.state == "ready", Gift.send_on <= clock.newsroom_day())
            .order_by(Gift.send_on, Gift.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        for gift in due:
            _send(session, gift)
    return len(due)


def _send(session: Session, gift: Gift) -> None:
    letters.gift(session, gift)
    giver = session.scalar(
        select(Account)
        .join(Donation, Donation.account_id == Account.id)
        .where(Donation.id == gift.donation_id, Account.deleted_at.is_(None))
    )
    if giver is not None:
        letters.gift_sent(session, giver, gift)
    gift.state, gift.sent_at = "sent", clock.now()
