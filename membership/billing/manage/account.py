"""A patron's own pages: change, pause, go on, cancel, and take that back (rules B9 and B10)."""

from collections.abc import Callable
from functools import wraps

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from config.settings import settings
from membership.billing import gateway, giving
from membership.billing.manage import acts, pauses, plan, reasons
from membership.billing.manage.agreement import agreement_of
from membership.billing.manage.forms import ChangeForm, LeavingForm, PauseForm
from membership.billing.manage.pages import blueprint, not_now, stripe_away
from membership.billing.manage.plan import Agreement
from membership.billing.manage.words import why_not
from membership.billing.models import Subscription
from membership.billing.offers import Offers, offers
from membership.db import transaction
from membership.money import Money
from membership.web import access
from membership.web.pages import show_date, show_money

View = Callable[..., ResponseReturnValue]


def _with_agreement(view: View) -> View:
    """Calls `view` with the patron's subscription; says in one sentence what is not possible.

    409 as things stand, 503 when Stripe is away; who never gave is sent to their own page.
    """

    @wraps(view)
    def act() -> ResponseReturnValue:
        with transaction() as session:
            row = giving.of_account(session, current_user.id).subscription
        if row is None:
            return redirect(url_for("billing.overview"), 303)
        try:
            return view(row)
        except plan.NotNowError as error:
            return not_now(why_not(error), url_for("billing.overview")), 409
        except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
            return stripe_away(error, url_for("billing.overview")), 503

    return act


@blueprint.route("/account/change", methods=["GET", "POST"])
@access.signed_in
@_with_agreement
def change(row: Subscription) -> ResponseReturnValue:
    """GET the form, with `interval` and `amount` (major units) chosen at first; POST a preview."""
    agreement = agreement_of(row)
    plan.insist("change", agreement)
    if request.method != "POST":
        return _change_form(row, _proposed(agreement))
    form = ChangeForm()
    form.currency.data = row.currency
    if not form.validate_on_submit():
        return _change_form(row, form), 422
    return _preview(row, form)


@blueprint.post("/account/change/confirm")
@access.signed_in
@_with_agreement
def confirm_change(row: Subscription) -> ResponseReturnValue:
    """Do what the preview announced, unless it is out of date: then another preview."""
    form = ChangeForm()
    form.currency.data = row.currency
    if not form.validate_on_submit():
        return _change_form(row, form), 422
    assert form.gift is not None
    try:
        row = acts.change(row.id, form.gift, form.interval.data, form.seen.data)
    except plan.ChangedMeanwhileError:
        return _preview(_again(row), form, is_outdated=True)
    flash(
        _("Done. Your next charge: %(amount)s on %(date)s.",
          amount=show_money(row.amount_minor, row.currency),
          date=show_date(row.current_period_end_at)),
        "success",
    )  # fmt: skip
    return redirect(url_for("billing.overview"), 303)


def _again(row: Subscription) -> Subscription:
    """The row as it is by now."""
    with transaction() as session:
        return session.get_one(Subscription, row.id, populate_existing=True)


def _preview(
    row: Subscription, form: ChangeForm, *, is_outdated: bool = False
) -> ResponseReturnValue:
    assert form.gift is not None
    agreement = agreement_of(row)
    try:
        after = plan.change(agreement, form.gift, form.interval.data)
    except plan.SameAgreementError:
        form.amount.errors = [_("This is what you give already.")]
        return _change_form(row, form), 422
    page = render_template(
        "billing/change_preview.html",
        subscription=row,
        after=after,
        seen=agreement.seen,
        is_outdated=is_outdated,
    )
    return page, 409 if is_outdated else 200


def _proposed(agreement: Agreement) -> ChangeForm:
    """The form with what the address proposes, else with what is given now."""
    form = ChangeForm(formdata=None)
    form.currency.data = agreement.amount.currency
    wanted = request.args.get("interval", "")
    form.interval.data = wanted if wanted in plan.MONTHS else agreement.interval
    amount = request.args.get("amount", "")
    if not amount:
        amount = _major(plan.worth(agreement, form.interval.data))
    offered = _offers(agreement.amount.currency)[form.interval.data]
    form.choose(amount, [each.gift for each in offered])
    return form


def _major(money: Money) -> str:
    return f"{money.major.normalize():f}"


def _offers(currency: str) -> Offers:
    """A currency that is no longer offered to new patrons has no suggested amounts."""
    if currency not in settings().tiers:
        return {"month": [], "year": []}
    return offers(currency)


def _change_form(row: Subscription, form: ChangeForm) -> str:
    presets = {each: form[f"preset_{each}"].data for each in ("month", "year")}
    if form.amount.data and not presets[form.interval.data]:
        presets[form.interval.data] = "other"
    return render_template(
        "billing/change.html",
        subscription=row,
        offers=_offers(row.currency),
        interval=form.interval.data,
        chosen={each: preset for each, preset in presets.items() if preset},
        values=form.data,
        errors=form.errors,
    )


@blueprint.route("/account/pause", methods=["GET", "POST"])
@access.signed_in
@_with_agreement
def pause(row: Subscription) -> ResponseReturnValue:
    """`months`: 1 to 3. Each choice names the day of the next charge."""
    form = PauseForm()
    if request.method != "POST":
        return _pauses(row)
    if not form.validate():
        return _pauses(row, form), 422
    try:
        row = acts.pause(row.id, form.months.data, form.seen.data)
    except plan.ChangedMeanwhileError:
        return _pauses(_again(row), is_outdated=True), 409
    back_at = agreement_of(row).next_charge_at
    assert back_at is not None
    flash(_("Paused. It goes on by itself on %(date)s.", date=show_date(back_at)), "success")
    return redirect(url_for("billing.overview"), 303)


def _pauses(row: Subscription, form: PauseForm | None = None, *, is_outdated: bool = False) -> str:
    agreement = agreement_of(row)
    possible: list[plan.Pause] = []
    if agreement.interval == "month":
        possible = [plan.pause(agreement, count + 1) for count in range(plan.LONGEST_PAUSE)]
        with transaction() as session:
            pauses.insist_on_paid_since_last(session, row.id)
    else:
        plan.insist("change", agreement)
    return render_template(
        "billing/pause.html",
        subscription=row,
        pauses=possible,
        seen=agreement.seen,
        errors=form.errors if form else {},
        is_outdated=is_outdated,
    )


@blueprint.post("/account/resume")
@access.signed_in
@_with_agreement
def resume(row: Subscription) -> ResponseReturnValue:
    """Go on before the pause is over."""
    row = acts.resume(row.id)
    flash(
        _("It goes on. Your next charge: %(amount)s on %(date)s.",
          amount=show_money(row.amount_minor, row.currency),
          date=show_date(row.current_period_end_at)),
        "success",
    )  # fmt: skip
    return redirect(url_for("billing.overview"), 303)


@blueprint.route("/account/cancel", methods=["GET", "POST"])
@access.signed_in
@_with_agreement
def cancel(row: Subscription) -> ResponseReturnValue:
    """The second click of two; beside it, what lies between giving and leaving."""
    if request.method == "POST":
        acts.cancel(row.id)
        return redirect(url_for("manage.cancelled"), 303)
    agreement = agreement_of(row)
    plan.insist("cancel", agreement)
    return render_template(
        "billing/cancel.html",
        subscription=row,
        may=plan.acts_in(agreement),
        ends_at_once=agreement.state in plan.ENDS_AT_ONCE,
        lower=_lower(agreement),
    )


def _lower(agreement: Agreement) -> Money | None:
    """The next smaller amount that is offered, if there is one."""
    offered = [each.gift for each in _offers(agreement.amount.currency)[agreement.interval]]
    smaller = [each for each in offered if each.minor < agreement.amount.minor]
    return max(smaller, key=lambda each: each.minor, default=None)


@blueprint.route("/account/cancelled", methods=["GET", "POST"])
@access.signed_in
@_with_agreement
def cancelled(row: Subscription) -> ResponseReturnValue:
    """Until when; and why, if the patron likes to say."""
    if row.state not in reasons.LEFT:
        return redirect(url_for("billing.overview"), 303)
    form = LeavingForm()
    if request.method == "POST" and form.validate():
        reasons.note(row.id, form.reason.data, form.comment.data)
        flash(_("Thank you. We read every answer."), "success")
        return redirect(url_for("billing.overview"), 303)
    page = render_template("billing/cancelled.html", subscription=row, form=form)
    return page, 422 if form.errors else 200


@blueprint.post("/account/keep")
@access.signed_in
@_with_agreement
def keep(row: Subscription) -> ResponseReturnValue:
    """Take back the end that was set."""
    acts.keep(row.id)
    flash(_("Taken back. Your support goes on as before."), "success")
    return redirect(url_for("billing.overview"), 303)
