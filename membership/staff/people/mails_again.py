"""Sending a patron once more what they were told: a mail that was lost, or never came.

The same words as at first, to the address of today. Only what is still true then: no reminder, and
no link to sign in, which works in the browser that asks for it alone.
"""

from uuid import UUID, uuid4

from flask import abort, flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.accounts.models import Account
from membership.db import transaction
from membership.mail import outbox
from membership.mail.models import OutboxEmail
from membership.reports import words
from membership.staff.forms import AgainForm
from membership.staff.room import FINANCE, back_to, blueprint, found, me
from membership.web import access

LASTING = (
    "welcome",
    "receipt",
    "annual_statement",
    "second_subscription_refunded",
    "payment_recovered",
    "support_cancelled",
)
SHOWN = 50


@blueprint.get("/patrons/<int:account_id>/mails")
@access.staff(*FINANCE)
def mails_again(account_id: int) -> ResponseReturnValue:
    """What can be sent again, newest first."""
    with transaction() as session:
        account = _here(session, account_id)
        mails = session.scalars(
            select(OutboxEmail)
            .where(OutboxEmail.account_id == account.id, OutboxEmail.kind.in_(LASTING))
            .order_by(OutboxEmail.id.desc())
            .limit(SHOWN)
        ).all()
        audit.record(session, "patron.viewed", f"account:{account.id}", actor_id=me().id)
    return render_template("staff/mails_again.html", account=account, mails=mails, words=words)


@blueprint.route("/patrons/<int:account_id>/mails/<int:mail_id>/again", methods=["GET", "POST"])
@access.staff(*FINANCE)
def send_again(account_id: int, mail_id: int) -> ResponseReturnValue:
    form = AgainForm()
    with transaction() as session:
        account = _here(session, account_id)
        mail = _mail(session, account, mail_id)
        if form.validate_on_submit():
            _send(session, account, mail, form)
            flash(_("It goes out again to %(address)s.", address=account.email), "good")
            return back_to("staff.patron", account_id=account.id)
        audit.record(session, "patron.viewed", f"account:{account.id}", actor_id=me().id)
    if not form.is_submitted():
        form.again.data = str(uuid4())
    page = render_template(
        "staff/mail_again.html", account=account, mail=mail, form=form, words=words
    )
    return page, 400 if form.errors else 200


def _send(session: Session, account: Account, mail: OutboxEmail, form: AgainForm) -> None:
    outbox.put(
        session,
        kind=mail.kind,
        recipient=account.email,
        subject=f"{mail.subject}:{UUID(form.again.data)}",
        language=account.language,
        context=mail.context,
        account_id=account.id,
    )
    audit.record(
        session,
        "mail.sent_again",
        f"account:{account.id}",
        actor_id=me().id,
        mail=mail.id,
        kind=mail.kind,
        reason=form.reason.data,
    )


def _here(session: Session, account_id: int) -> Account:
    account: Account = found(session.get(Account, account_id))
    if account.deleted_at is not None:
        abort(404)
    return account


def _mail(session: Session, account: Account, mail_id: int) -> OutboxEmail:
    wanted = select(OutboxEmail).where(
        OutboxEmail.id == mail_id,
        OutboxEmail.account_id == account.id,
        OutboxEmail.kind.in_(LASTING),
    )
    mail: OutboxEmail = found(session.scalar(wanted))
    return mail
