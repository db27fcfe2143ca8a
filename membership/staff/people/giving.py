"""What staff do for a patron: end the support, give money back, send a receipt again, take notes.

Each act stands on a page of its own that says what will happen, asks for a reason, and is written
into the audit log (rules S8, S9).
"""

from uuid import UUID, uuid4

import structlog
from flask import abort, flash, make_response, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from membership.accounts import audit
from membership.accounts.models import Account, Note
from membership.billing import ending, gateway, giving_back, letters
from membership.billing.models import Donation, Subscription
from membership.db import transaction
from membership.money import display
from membership.reports import words
from membership.staff.forms import AgainForm, EndForm, NoteForm, RefundForm, no_more_than
from membership.staff.people.patron import page_of
from membership.staff.room import FINANCE, back_to, blueprint, found, me
from membership.web import access
from membership.web.languages import current_language

log = structlog.get_logger(__name__)


@blueprint.route(
    "/patrons/<int:account_id>/subscriptions/<int:subscription_id>/end", methods=["GET", "POST"]
)
@access.staff(*FINANCE)
def end_support(account_id: int, subscription_id: int) -> ResponseReturnValue:
    form = EndForm()
    with transaction() as session:
        account, row = _subscription(session, account_id, subscription_id)
    if form.validate_on_submit():
        try:
            _end(account, row, form)
        except ending.NothingToEndError:
            flash(_("There is nothing to end: it is over, or ends with the paid period already."))
        except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
            # Whether it was done is not known: Stripe may have done it and not said so.
            log.error("stripe_did_not_end", subscription=row.id, reason=str(error))
            flash(_("Stripe did not answer. Please look here in a minute, and try again."), "bad")
        return _back(account)
    page = render_template("staff/end.html", account=account, row=row, form=form, words=words)
    return page, 400 if form.errors else 200


def _end(account: Account, row: Subscription, form: EndForm) -> None:
    at_once = form.when.data == "now"
    with transaction() as session:
        row = ending.by_staff(session, row.id, at_once=at_once)
        # Last: everybody needs the audit log's lock, and Stripe was asked before.
        audit.record(
            session,
            "subscription.ended",
            f"account:{account.id}",
            actor_id=me().id,
            subscription=row.id,
            when=form.when.data,
            reason=form.reason.data,
        )
    if row.state == "ended":
        flash(_("The support has ended; nothing more is charged."), "good")
    else:
        flash(_("The support ends with the paid period; nothing more is charged."), "good")


@blueprint.route(
    "/patrons/<int:account_id>/donations/<int:donation_id>/refund", methods=["GET", "POST"]
)
@access.staff(*FINANCE)
def give_back(account_id: int, donation_id: int) -> ResponseReturnValue:
    with transaction() as session:
        account, donation = _donation(session, account_id, donation_id)
        given = giving_back.given(session, donation)
    form = RefundForm(given)
    if form.validate_on_submit() and _give_back(form, donation):
        return _back(account)
    if not form.is_submitted():
        form.refund.data = str(uuid4())
        form.amount.data = f"{given.left.major:f}"
    page = render_template("staff/refund.html", account=account, given=given, form=form)
    return page, 400 if form.errors else 200


def _give_back(form: RefundForm, donation: Donation) -> bool:
    """Whether it is written down; what Stripe says of it then is told as well."""
    refund_id, amount = UUID(form.refund.data), form.money
    assert amount is not None, "a valid form has an amount"
    try:
        with transaction() as session:
            giving_back.ask(
                session,
                donation.id,
                amount,
                refund_id=refund_id,
                actor_id=me().id,
                reason=form.reason.data,
            )
    except giving_back.TooMuchError as error:
        form.amount.errors = [no_more_than(error.left)]
        return False
    except giving_back.AskedOtherwiseError as error:
        shown = display(error.amount, current_language())
        abort(409, _("This form gave back %(amount)s already. Please open it anew.", amount=shown))
    try:
        state = giving_back.finish(refund_id)
    except gateway.StripeUnavailableError as error:
        log.warning("refund_waits_for_stripe", refund=str(refund_id), reason=str(error))
        flash(_("It is written down. Stripe does not answer now and is asked again every minute."))
        return True
    shown = display(amount, current_language())
    if state == "failed":
        flash(_("Stripe refused to give %(amount)s back; why stands below.", amount=shown), "bad")
    else:
        flash(_("%(amount)s is on its way back.", amount=shown), "good")
    return True


@blueprint.route(
    "/patrons/<int:account_id>/donations/<int:donation_id>/receipt", methods=["GET", "POST"]
)
@access.staff(*FINANCE)
def send_receipt(account_id: int, donation_id: int) -> ResponseReturnValue:
    form = AgainForm()
    with transaction() as session:
        account, donation = _donation(session, account_id, donation_id)
        returns = letters.returned(session, donation)
    if account.deleted_at is not None:
        abort(404)
    if donation.disputed_at is not None:
        # As no paper is issued of it.
        flash(_("The bank took this donation back. There is a receipt only of what is with us."))
        return _back(account)
    if form.validate_on_submit():
        with transaction() as session:
            _send_receipt(session, form, account, donation)
        flash(_("The receipt goes out again to %(address)s.", address=account.email), "good")
        return _back(account)
    if not form.is_submitted():
        form.again.data = str(uuid4())
    page = render_template(
        "staff/receipt.html",
        account=account,
        donation=donation,
        returns=letters.returns_in_words(returns, donation.currency, current_language()),
        form=form,
    )
    return page, 400 if form.errors else 200


def _send_receipt(session: Session, form: AgainForm, account: Account, donation: Donation) -> None:
    interval = "once"
    if donation.subscription_id is not None:
        interval = session.get_one(Subscription, donation.subscription_id).interval
    letters.receipt(session, account, donation, interval, again=UUID(form.again.data))
    audit.record(
        session,
        "receipt.sent_again",
        f"account:{account.id}",
        actor_id=me().id,
        donation=donation.id,
        reason=form.reason.data,
    )


@blueprint.post("/patrons/<int:account_id>/notes")
@access.staff(*FINANCE)
def write_note(account_id: int) -> ResponseReturnValue:
    form = NoteForm()
    if not form.validate():
        return make_response(page_of(account_id, form), 400)
    with transaction() as session:
        # Who merges the account waits for us, and we for them.
        account: Account = found(
            session.get(Account, account_id, with_for_update={"read": True, "key_share": True})
        )
        if account.merged_into_id is not None:
            abort(409, _("This account was merged meanwhile. Please look at the other one."))
        note = Note(
            account_id=account.id, author_id=me().id, kind=form.kind.data, text=form.text.data
        )
        session.add(note)
        session.flush()
        # Without its text: the audit log never forgets, a note can be deleted.
        audit.record(
            session, "note.written", f"account:{account.id}", actor_id=me().id, note=note.id
        )
    flash(_("The note is kept; staff alone see it."), "good")
    return _back(account)


def _back(account: Account) -> Response:
    return back_to("staff.patron", account_id=account.id)


def _subscription(
    session: Session, account_id: int, subscription_id: int
) -> tuple[Account, Subscription]:
    wanted = Subscription.id == subscription_id, Subscription.account_id == account_id
    row: Subscription = found(session.scalar(select(Subscription).where(*wanted)))
    return session.get_one(Account, account_id), row


def _donation(session: Session, account_id: int, donation_id: int) -> tuple[Account, Donation]:
    wanted = Donation.id == donation_id, Donation.account_id == account_id
    row: Donation = found(session.scalar(select(Donation).where(*wanted)))
    return session.get_one(Account, account_id), row
