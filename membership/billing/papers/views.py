"""Receipts and statements to ask for and to take along.

Looking never issues: what has no number yet gets one by the press of a button. A paper is sent as
a file to keep.
"""

from datetime import MINYEAR
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session

from membership import clock
from membership.billing.models import Donation
from membership.billing.papers import facts, issued, issuing
from membership.billing.papers.forms import GiverForm, StatementForm
from membership.billing.papers.models import Paper
from membership.billing.papers.spreadsheet import csv_of
from membership.db import transaction
from membership.web import access
from membership.web.download import download
from membership.web.languages import current_language

blueprint = Blueprint("papers", __name__)


@blueprint.route("/account/papers", methods=["GET", "POST"])
@access.signed_in
def papers() -> ResponseReturnValue:
    """What was issued; sent (`from_on`, `to_on`, `name`, `address`), it issues a statement.

    `year`, as our yearly mail has it, proposes its days and is named on the page.
    """
    year = _year_asked_for()
    with transaction() as session:
        form = StatementForm(data=_as_before(session) | _whole_year(year))
        number = _new_statement(session, form) if form.validate_on_submit() else None
        papers = issued.of_account(session, current_user.id) if number is None else []
    if number is not None:
        flash(_("Your statement no. %(number)s is ready.", number=number), "success")
        return redirect(url_for("papers.papers"), 303)
    page = render_template("billing/papers.html", papers=papers, form=form, year=year)
    return page, 422 if form.errors else 200


def _new_statement(session: Session, form: StatementForm) -> str | None:
    """Its number; None when there is none, and the form says why."""
    try:
        return issuing.statement(
            session,
            current_user.id,
            form.from_on.data,
            form.to_on.data,
            form.giver,
            current_language(),
        ).number
    except issuing.UnfitRangeError as error:
        form.refuse(_unfit(error.why))
    except issuing.NothingGivenError:
        form.refuse(_("We have received nothing from you in these days that we could count."))
    return None


def _unfit(why: facts.UnfitRange) -> str:
    sentences: dict[str, str] = {
        "backwards": _("The last day comes before the first."),
        "not over": _("A statement can end yesterday at the latest."),
        "too long": _("A statement can cover ten years at most."),
    }
    return sentences[why]


@blueprint.get("/account/papers/<number>.pdf")
@access.signed_in
def paper(number: str) -> Response:
    with transaction() as session:
        found = _own_paper(session, number)
    return download(found.pdf, "application/pdf", f"{number}.pdf")


@blueprint.get("/account/papers/<number>.csv")
@access.signed_in
def table(number: str) -> Response:
    """A statement for spreadsheets."""
    with transaction() as session:
        found = _own_paper(session, number)
    if found.kind != "statement":
        abort(404)
    return download(csv_of(found.facts), "text/csv", f"{number}.csv")


@blueprint.route("/account/receipts/<int:donation_id>", methods=["GET", "POST"])
@access.signed_in
def receipt_page(donation_id: int) -> ResponseReturnValue:
    """A donation's receipt, or the form that has it made (`name`, `address`)."""
    with transaction() as session:
        donation = _own_donation(session, donation_id)
        form = GiverForm(data=_as_before(session))
        if form.validate_on_submit():
            refused = _make_receipt(session, donation, form.giver)
            if refused is None:
                return redirect(url_for("papers.receipt_page", donation_id=donation_id), 303)
        else:
            refused = None
        receipt = issuing.receipt_of(session, donation_id)
    page = render_template(
        "billing/receipt.html", donation=donation, receipt=receipt, form=form, refused=refused
    )
    return page, 409 if refused else 422 if form.errors else 200


@blueprint.get("/account/receipts/<int:donation_id>.pdf")
@access.signed_in
def receipt(donation_id: int) -> ResponseReturnValue:
    """The receipt; on to the page that makes it when there is none yet."""
    with transaction() as session:
        _own_donation(session, donation_id)
        found = issuing.receipt_of(session, donation_id)
    if found is None:
        return redirect(url_for("papers.receipt_page", donation_id=donation_id))
    return download(found.pdf, "application/pdf", f"{found.number}.pdf")


def _make_receipt(session: Session, donation: Donation, giver: issuing.Giver) -> str | None:
    """Issue it; a sentence when it cannot be."""
    try:
        issuing.receipt(session, donation, giver, current_language())
    except issuing.NotReceiptedError as error:
        if error.why == "given back":
            return str(_("This donation was given back to you, so there is no receipt for it."))
        return str(_("The bank takes this donation back, so there is no receipt for it."))
    return None


def _own_donation(session: Session, donation_id: int) -> Donation:
    found = session.get(Donation, donation_id)
    if found is None or found.account_id != current_user.id:
        abort(404)
    return found


def _own_paper(session: Session, number: str) -> Paper:
    found = issued.find(session, number, current_user.id)
    if found is None:
        abort(404)
    return found


def _as_before(session: Session) -> dict[str, Any]:
    """The giver as on the newest paper, else as the account has them."""
    before = issued.newest_giver(session, current_user.id)
    return before or {"name": current_user.name or "", "address": ""}


def _year_asked_for() -> int | None:
    """The year in the link that was followed, if it is over."""
    year = request.args.get("year", type=int)
    return year if year is not None and MINYEAR <= year < clock.newsroom_day().year else None


def _whole_year(year: int | None) -> dict[str, Any]:
    """The days of that year, else of the last one."""
    first, last = facts.days_of(year or clock.newsroom_day().year - 1)
    return {"from_on": first, "to_on": last}
