"""What a patron does with a running agreement: change, pause, resume, cancel, keep (rules B9, B10).

Every act waits for the subscription's turn, reads what holds at Stripe, sees whether it is still
possible, asks Stripe, and writes down what Stripe then says. So two tabs are one after the other,
and our row is never ahead of Stripe. All raise plan.NotNowError when the act is not possible (what
Stripe said is kept then), and the gateway's errors when Stripe is away or refuses.
"""

from collections.abc import Callable

from flask_babel import gettext as _
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from config.settings import settings
from membership.billing import ending, gateway, sync
from membership.billing.lifecycle import LIVE
from membership.billing.manage import pauses, plan
from membership.billing.manage.agreement import agreement_of
from membership.billing.manage.plan import Agreement
from membership.billing.models import Leaving, Subscription
from membership.db import transaction
from membership.money import Money

# Asks Stripe, with the session, the row, and what holds now. Raises plan.NotNowError.
Ask = Callable[[Session, Subscription, Agreement], None]
# Writes down who did it for the patron, and why.
Note = Callable[[Session], None]


def change(subscription_id: int, amount: Money, interval: str, seen: str) -> Subscription:
    """Another amount or interval from the next charge on, as the preview of `seen` announced.

    Asked for once more, as by a second click, it is done already.
    """

    def ask(session: Session, row: Subscription, agreement: Agreement) -> None:
        try:
            after = plan.change(agreement, amount, interval)
        except plan.SameAgreementError:
            return
        plan.insist_on_seen(agreement, seen)
        _insist_on_no_charge_under_way(row)
        try:
            gateway.change_subscription(
                row.stripe_subscription_id,
                after.amount,
                after.interval,
                _product(after.interval),
                first_charge_at=after.period_end_at,
            )
        except gateway.StripeRefusedError as error:
            # It has been seen to do what it says that it refuses; so it is asked.
            if not plan.is_beyond_trials(agreement, interval):
                raise
            raise plan.OldRhythmError(f"periods counted from {agreement.anchor_at}") from error

    return _act(subscription_id, ask)


def pause(subscription_id: int, months: int, seen: str, noted: Note | None = None) -> Subscription:
    """Leave out the next `months` charges, as was announced with `seen`."""

    def ask(session: Session, row: Subscription, agreement: Agreement) -> None:
        planned = plan.pause(agreement, months)
        plan.insist_on_seen(agreement, seen)
        pauses.insist_on_paid_since_last(session, row.id)
        _insist_on_no_charge_under_way(row)
        gateway.pause_subscription(row.stripe_subscription_id, planned.resumes_at)

    return _act(subscription_id, ask, noted)


def resume(subscription_id: int, noted: Note | None = None) -> Subscription:
    """Go on before the pause is over: the charge at the end of the running period comes."""

    def ask(session: Session, row: Subscription, agreement: Agreement) -> None:
        plan.insist("resume", agreement)
        _insist_on_no_charge_under_way(row)
        gateway.resume_subscription(row.stripe_subscription_id)

    return _act(subscription_id, ask, noted)


def cancel(subscription_id: int) -> Subscription:
    """End with the running period. What is not paid yet is not charged any more: ends at once."""

    def ask(session: Session, row: Subscription, agreement: Agreement) -> None:
        plan.insist("cancel", agreement)
        ending.ask(row)

    return _act(subscription_id, ask)


def keep(subscription_id: int) -> Subscription:
    """Take back the end that was set, and why it was; possible until that day."""

    def ask(session: Session, row: Subscription, agreement: Agreement) -> None:
        plan.insist("keep", agreement)
        if _gives_otherwise(session, row):
            raise plan.AnotherGivesError("another subscription of this account is live")
        gateway.keep_subscription(row.stripe_subscription_id)
        if (why := session.get(Leaving, row.id)) is not None:
            session.delete(why)

    return _act(subscription_id, ask)


def _act(subscription_id: int, ask: Ask, noted: Note | None = None) -> Subscription:
    """The row as Stripe has it after the act; what is `noted` is written with it, or not at all."""
    refusal = None
    with transaction() as session:
        row = sync.as_stripe_says(session, session.get_one(Subscription, subscription_id))
        try:
            ask(session, row, agreement_of(row))
        except plan.NotNowError as error:
            refusal = error
        else:
            row = sync.as_stripe_says(session, row)
            if noted is not None:
                noted(session)
    if refusal is not None:
        raise refusal
    return row


def _insist_on_no_charge_under_way(row: Subscription) -> None:
    """In the hour after a period began, what is asked now would come too late for its charge."""
    if gateway.draft_invoice(row.stripe_subscription_id) is not None:
        raise plan.ChargeUnderWayError("the invoice of the new period is about to be charged")


def _gives_otherwise(session: Session, row: Subscription) -> bool:
    return bool(
        session.scalar(
            select(
                exists().where(
                    Subscription.account_id == row.account_id,
                    Subscription.id != row.id,
                    Subscription.state.in_(LIVE),
                )
            )
        )
    )


def _product(interval: str) -> str:
    """What stands on the invoices to come, in the patron's language."""
    site = settings().site_name
    if interval == "year":
        return str(_("Yearly support for %(site)s", site=site))
    return str(_("Monthly support for %(site)s", site=site))
