"""Addresses that get no mail of ours: looked for, added and taken off by hand, each with a reason.

When a mail server's report came is told by the month: it may have been about a reminder of a vote,
and who got that had not voted (rule V8).
"""

import hmac
from typing import Any

from flask import flash, render_template, request
from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import StringField
from wtforms.validators import DataRequired, Length, ValidationError

from config.settings import settings
from membership.accounts import audit
from membership.accounts.models import Account
from membership.billing.forms import tidy
from membership.db import transaction
from membership.mail import addresses, suppression
from membership.mail.models import Suppression
from membership.reports import words
from membership.staff.forms import InnerReasonForm
from membership.staff.room import FINANCE, back_to, blueprint, me
from membership.web import access

PAGE = 50
Answer = Any


class SuppressionForm(InnerReasonForm):
    """An address, and why it is blocked or no longer is."""

    address = StringField(
        _l("Address"),
        [DataRequired(_l("Please write the address.")), Length(max=254)],
        filters=[tidy],
    )

    def validate_address(self, field: Any) -> None:
        try:
            field.data = addresses.clean(field.data)
        except addresses.InvalidAddressError as error:
            raise ValidationError(_("This is no mail address.")) from error


class LiftForm(InnerReasonForm):
    """Why an address is no longer blocked; it is named as it stands in the list."""

    address = StringField()

    def __init__(self) -> None:
        super().__init__()
        # It is asked for in the row of its address, one of many.
        self.reason.id = f"reason-{self.address.data}"


@blueprint.route("/mail/suppressions", methods=["GET", "POST"])
@access.staff(*FINANCE)
def suppressions() -> Answer:
    """POST blocks `address` for a `reason`; what is blocked already stays as it is."""
    form = SuppressionForm()
    if not form.validate_on_submit():
        page = _page(form)
        return (page, 422) if form.is_submitted() else page
    address, reason = form.address.data, form.reason.data
    with transaction() as session:
        if suppression.suppress(session, address, "staff", reason):
            _note(session, "suppression.added", address, reason)
            flash(_("Blocked: this address gets no mail any more, not even to sign in."), "good")
        else:
            flash(_("This address was blocked before, and still is."), "info")
    return back_to("staff.suppressions", q=address)


@blueprint.route("/mail/suppressions/lift", methods=["GET", "POST"])
@access.staff(*FINANCE)
def lift_suppression() -> Answer:
    """Form fields: `address`, `reason`; the query is the list's. Lifted twice, it is lifted once.

    GET leads to the list: whoever was told here that something is missing may reload.
    """
    if request.method == "GET":
        return back_to("staff.suppressions", **_place())
    form = LiftForm()
    if not form.validate():
        return _page(SuppressionForm(formdata=None), form), 422
    address, reason = form.address.data or "", form.reason.data
    with transaction() as session:
        before = suppression.of(session, address)
        was = before.reason if before else ""
        if suppression.lift(session, address):
            _note(session, "suppression.lifted", address, reason, was=was)
            flash(_("No longer blocked. The next mail to this address goes out again."), "good")
        else:
            flash(_("This address was not blocked."), "info")
    return back_to("staff.suppressions", **_place())


def _place() -> dict[str, str | None]:
    """Which part of the list is looked at."""
    return {
        "q": request.args.get("q", "").strip()[:200] or None,
        "after": request.args.get("after") or None,
    }


def _page(form: SuppressionForm, lifting: LiftForm | None = None) -> str:
    place = _place()
    with transaction() as session:
        rows = _rows(session, **place)
        audit.record(
            session,
            "suppressions.listed",
            "suppressions",
            actor_id=me().id,
            addresses=len(rows[:PAGE]),
        )
    return render_template(
        "staff/suppressions.html",
        rows=rows[:PAGE],
        further=rows[PAGE - 1].address if len(rows) > PAGE else None,
        place=place,
        form=form,
        lifting=lifting,
        words=words,
        since=_since,
    )


def _rows(session: Session, q: str | None, after: str | None) -> list[Suppression]:
    """One page and, when there are more, one beyond it; by address, so that no order tells when."""
    query = select(Suppression).where(Suppression.reason.in_(suppression.REASONS))
    query = query.order_by(Suppression.address).limit(PAGE + 1)
    if q:
        query = query.where(Suppression.address.istartswith(q, autoescape=True))
    if after:
        query = query.where(Suppression.address > after)
    return list(session.scalars(query))


def _since(row: Suppression) -> str:
    """The day on which staff did it; of what was reported, the month."""
    return str(format_date(row.created_at, "d MMMM y" if row.reason == "staff" else "LLLL y"))


def _note(session: Session, action: str, address: str, reason: str, **detail: Any) -> None:
    """By the account's number, else by a keyed hash: the audit log outlives the address."""
    account_id = session.scalar(select(Account.id).where(Account.email == address))
    secret = settings().secret_key.encode()
    digest = hmac.digest(secret, f"suppression:{address.lower()}".encode(), "sha256").hex()[:16]
    subject = f"account:{account_id}" if account_id else f"address:{digest}"
    audit.record(session, action, subject, actor_id=me().id, reason=reason, **detail)
