"""Tasks of billing: open a transaction, call one function of the feature."""

from celery import shared_task

from membership.billing import backfill as missed_events
from membership.billing import customers, giving_back, inbox, leaving, stripping
from membership.billing.comparison import run
from membership.billing.defence import attempts, passes, tested_pages
from membership.billing.dunning import notices, reminders
from membership.billing.gifts import sending
from membership.billing.papers import announcing
from membership.db import transaction


@shared_task(name="billing.process_events")
def process_events() -> None:
    """Each event has transactions of its own: to claim it, and to follow it."""
    inbox.process_due_side_by_side()


@shared_task(name="billing.backfill")
def backfill() -> None:
    """What Stripe could not deliver; each page of it has a transaction of its own."""
    missed_events.fetch_undelivered()


@shared_task(name="billing.compare")
def compare() -> None:
    """A part of the nightly comparison; its steps have transactions of their own."""
    run.go_on()


@shared_task(name="billing.send_gifts")
def send_gifts() -> None:
    """Those whose day has come; a batch has a transaction of its own."""
    sending.send_due()


@shared_task(name="billing.watch_card_testing")
def watch_card_testing() -> None:
    """Its transactions are its own: no row is held while Stripe is asked."""
    tested_pages.watch()


@shared_task(name="billing.forget_attempts")
def forget_attempts() -> None:
    with transaction() as session:
        attempts.forget_old(session)
        passes.forget_old(session)


@shared_task(name="billing.remind")
def remind() -> None:
    """Letters about payments that fail; each has transactions of its own."""
    reminders.remind_due()


@shared_task(name="billing.notify")
def notify() -> None:
    """Notices before a charge, and invitations; batch after batch."""
    notices.notify_due()


@shared_task(name="billing.announce_statements")
def announce_statements() -> None:
    """In January, that the year's statement is ready; a run tells a few."""
    announcing.announce_due()


@shared_task(name="billing.delete_due")
def delete_due() -> None:
    """Accounts whose owners asked; each has transactions of its own."""
    leaving.delete_due()


@shared_task(name="billing.finish_refunds")
def finish_refunds() -> None:
    """What staff asked to give back; each has a transaction of its own."""
    giving_back.finish_due()


@shared_task(name="billing.tell_addresses")
def tell_addresses() -> None:
    """Stripe hears of changed mail addresses; each has a transaction of its own."""
    customers.tell_due()


@shared_task(name="billing.strip_events")
def strip_events() -> None:
    """Names on events that an older release stored; each batch has a transaction of its own."""
    stripping.strip_old()
