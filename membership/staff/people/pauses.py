"""Pausing a patron's support for them, and ending a pause: the page says which charges come."""

import structlog
from flask import flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.accounts.models import Account
from membership.billing import gateway
from membership.billing.manage import acts, pauses, plan
from membership.billing.manage.agreement import agreement_of
from membership.billing.models import Subscription
from membership.db import transaction
from membership.reports import words
from membership.staff.forms import InnerReasonForm, PauseForm
from membership.staff.room import FINANCE, back_to, blueprint, found, me
from membership.web import access
from membership.web.pages import show_date, show_money

log = structlog.get_logger(__name__)


@blueprint.route(
    "/patrons/<int:account_id>/subscriptions/<int:subscription_id>/pause", methods=["GET", "POST"]
)
@access.staff(*FINANCE)
def pause_support(account_id: int, subscription_id: int) -> ResponseReturnValue:
    form = PauseForm()
    account, row = _asked_for(account_id, subscription_id)
    if form.validate_on_submit():
        note = _note(account, "subscription.paused", row, form.reason.data, form.months.data)
        try:
            row = acts.pause(row.id, form.months.data, form.seen.data, note)
        except plan.NotNowError as error:
            flash(_refused(error), "bad")
        except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
            _say_stripe_is_away(row, error)
        else:
            flash(_("Paused. %(next)s", next=_next_charge(row)), "good")
        return back_to("staff.patron", account_id=account.id)
    possible, refused = _possible(row)
    form.seen.data = agreement_of(row).seen
    page = render_template(
        "staff/pause.html",
        account=account,
        row=row,
        form=form,
        pauses=possible,
        refused=refused,
        words=words,
    )
    return page, 400 if form.errors else 200


@blueprint.route(
    "/patrons/<int:account_id>/subscriptions/<int:subscription_id>/resume", methods=["GET", "POST"]
)
@access.staff(*FINANCE)
def resume_support(account_id: int, subscription_id: int) -> ResponseReturnValue:
    form = InnerReasonForm()
    account, row = _asked_for(account_id, subscription_id)
    if form.validate_on_submit():
        note = _note(account, "subscription.resumed", row, form.reason.data)
        try:
            row = acts.resume(row.id, note)
        except plan.NotNowError as error:
            flash(_refused(error), "bad")
        except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
            _say_stripe_is_away(row, error)
        else:
            flash(_("It goes on. %(next)s", next=_next_charge(row)), "good")
        return back_to("staff.patron", account_id=account.id)
    is_possible = "resume" in plan.acts_in(agreement_of(row))
    page = render_template(
        "staff/resume.html",
        account=account,
        row=row,
        form=form,
        is_possible=is_possible,
        words=words,
    )
    return page, 400 if form.errors else 200


def _asked_for(account_id: int, subscription_id: int) -> tuple[Account, Subscription]:
    wanted = Subscription.id == subscription_id, Subscription.account_id == account_id
    with transaction() as session:
        row: Subscription = found(session.scalar(select(Subscription).where(*wanted)))
        audit.record(session, "patron.viewed", f"account:{account_id}", actor_id=me().id)
        return session.get_one(Account, account_id), row


def _note(
    account: Account, action: str, row: Subscription, reason: str, months: int | None = None
) -> acts.Note:
    """Writes who did it, in the transaction of the act."""
    detail = {"months": months} if months else {}

    def note(session: Session) -> None:
        audit.record(
            session,
            action,
            f"account:{account.id}",
            actor_id=me().id,
            subscription=row.id,
            reason=reason,
            **detail,
        )

    return note


def _possible(row: Subscription) -> tuple[list[plan.Pause], str]:
    """The pauses to choose from; none of them, and why not."""
    agreement = agreement_of(row)
    try:
        with transaction() as session:
            pauses.insist_on_paid_since_last(session, row.id)
        return [plan.pause(agreement, 1 + each) for each in range(plan.LONGEST_PAUSE)], ""
    except plan.NotNowError as error:
        return [], _refused(error)


def _refused(error: plan.NotNowError) -> str:
    """One sentence for staff; nothing was done."""
    match error:
        case plan.YearlyPauseError():
            return str(_("Who gives once a year cannot pause: it would leave out a whole year."))
        case plan.PausedBeforeError():
            return str(_("Nothing was paid since their last pause, so there is no other one yet."))
        case plan.ChargeUnderWayError():
            return str(_("A charge is just being made. Please try again in an hour."))
        case plan.ChangedMeanwhileError():
            return str(_("Their support has changed meanwhile, so nothing was done. Look again."))
        case _:
            return str(_("This is not possible as their support stands now. Nothing was done."))


def _next_charge(row: Subscription) -> str:
    at = agreement_of(row).next_charge_at
    if at is None:
        return str(_("No charge is to come."))
    amount = show_money(row.amount_minor, row.currency)
    return str(_("Next charge: %(amount)s on %(date)s.", amount=amount, date=show_date(at)))


def _say_stripe_is_away(row: Subscription, error: Exception) -> None:
    # Whether it was done is not known: Stripe may have done it and not said so.
    log.error("stripe_did_not_answer_staff", subscription=row.id, reason=str(error))
    flash(_("Stripe did not answer. Please look here in a minute, and try again."), "bad")
