"""Campaigns: the list, writing and changing one, its page with preview and figures."""

from typing import Any

from flask import Response as Page
from flask import abort, flash, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from config.settings import settings
from membership.accounts.models import Account, AuditEntry
from membership.campaigns import campaigns as writing
from membership.campaigns import letter, lifecycle, sending
from membership.campaigns.audience import Audience, Count
from membership.campaigns.models import Campaign
from membership.db import LARGEST_ID, transaction
from membership.reports import words
from membership.reports.deeds import DEEDS
from membership.staff.mail import campaign_numbers, campaign_words
from membership.staff.mail.campaign_forms import CampaignForm, campaign_form
from membership.staff.room import EDITORS, FINANCE, back_to, blueprint, found, me
from membership.web import access
from membership.web.languages import language_choices

SHOWN = 50
SHOWN_DEEDS = 30
# A letter is shown as its reader's program shows it: with its style, and nothing that acts.
LETTER_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; frame-ancestors 'self'"
)
Answer = str | Response | tuple[str, int]


@blueprint.errorhandler(lifecycle.ForbiddenStepError)
def _cannot(error: lifecycle.ForbiddenStepError) -> Answer:
    return render_template(
        "staff/campaign_refused.html",
        why=campaign_words.WHY_NOT[error.state],
        campaign_id=(request.view_args or {})["campaign_id"],
    ), 409


@blueprint.get("/campaigns")
@access.staff(*EDITORS, *FINANCE)
def campaigns() -> str:
    query = select(Campaign).order_by(Campaign.id.desc()).limit(SHOWN + 1)
    before = request.args.get("before", LARGEST_ID, type=int)
    with transaction() as session:
        known = session.scalars(query.where(Campaign.id < min(before, LARGEST_ID))).all()
        shown = known[:SHOWN]
        return render_template(
            "staff/campaigns.html",
            campaigns=shown,
            older=shown[-1].id if len(known) > SHOWN else None,
            figures=sending.figures(session, [each.id for each in shown]),
            may_write=access.has_role(*EDITORS),
            numbers=campaign_numbers,
            words=words,
        )


@blueprint.route("/campaigns/new", methods=["GET", "POST"])
@access.staff(*EDITORS)
def new_campaign() -> Answer:
    with transaction() as session:
        form = campaign_form(session)
        if not form.is_submitted():
            form.view.data = request.args.get("view", "")
        elif form.validate():
            written = writing.write(session, me(), form.draft())
            flash(_("The draft is saved. Nothing has been sent."), "good")
            return back_to("staff.campaign", campaign_id=written.id)
        return _form_page(form, None)


@blueprint.route("/campaigns/<int:campaign_id>/edit", methods=["GET", "POST"])
@access.staff(*EDITORS)
def edit_campaign(campaign_id: int) -> Answer:
    """The same form over one that has not begun; it is a draft again afterwards."""
    with transaction() as session:
        known = the_campaign(session, campaign_id, to_change=True)
        lifecycle.check("change", known.state)
        form = campaign_form(session, known)
        if not form.is_submitted():
            form.begin(known)
        elif form.seen.data != writing.fingerprint(known):
            return _form_page(form, known, 409)
        elif form.validate():
            writing.change(session, known, me(), form.draft())
            flash(_("The draft is saved. Nothing has been sent."), "good")
            return back_to("staff.campaign", campaign_id=known.id)
        return _form_page(form, known)


@blueprint.get("/campaigns/<int:campaign_id>")
@access.staff(*EDITORS, *FINANCE)
def campaign(campaign_id: int) -> str:
    with transaction() as session:
        shown = the_campaign(session, campaign_id)
        return render_template("staff/campaign.html", **_page(session, shown))


@blueprint.get("/campaigns/<int:campaign_id>/progress")
@access.staff(*EDITORS, *FINANCE)
def campaign_progress(campaign_id: int) -> str:
    """The part of the page that changes while it is sent, for a script that asks again."""
    with transaction() as session:
        shown = the_campaign(session, campaign_id)
        return render_template("staff/_campaign_progress.html", **progress(session, shown))


@blueprint.get("/campaigns/<int:campaign_id>/letter/<language>")
@access.staff(*EDITORS, *FINANCE)
def campaign_letter(campaign_id: int, language: str) -> Page:
    """The HTML part as a page of its own, for a frame."""
    with transaction() as session:
        shown = the_campaign(session, campaign_id)
        if language not in letter.languages(shown):
            abort(404)
        body = letter.preview(shown, language).html
    # A link in a letter opens beside the page, not inside its frame.
    page = Page(body.replace("<head>", '<head><base target="_blank">', 1))
    page.headers["Content-Security-Policy"] = LETTER_POLICY
    return page


@blueprint.post("/campaigns/<int:campaign_id>/test")
@access.staff(*EDITORS)
def test_campaign(campaign_id: int) -> Response:
    with transaction() as session:
        writing.send_test(session, the_campaign(session, campaign_id), me())
    flash(_("A test is on its way to %(address)s.", address=me().email), "good")
    return back_to("staff.campaign", campaign_id=campaign_id)


def the_campaign(session: Session, campaign_id: int, *, to_change: bool = False) -> Campaign:
    """The campaign, or the page that says there is none."""
    known = None
    if campaign_id <= LARGEST_ID:
        known = writing.find(session, campaign_id, to_change=to_change)
    row: Campaign = found(known)
    return row


def progress(session: Session, shown: Campaign) -> dict[str, Any]:
    """What the template of a campaign's progress sees."""
    figures = sending.figures(session, [shown.id])[shown.id]
    return {
        "campaign": shown,
        "figures": figures,
        "numbers": campaign_numbers,
        "may_write": access.has_role(*EDITORS),
        "can": lifecycle.can,
        "words": words,
    }


def whole(session: Session, shown: Campaign) -> dict[str, Any]:
    """What the templates of a campaign's letter and of its audience see."""
    counted = None if shown.frozen_at else writing.people_lately(session, shown)
    count = Count(*counted.numbers) if counted else None
    names = dict(language_choices())
    return {
        "campaign": shown,
        "count": count,
        "counted_at": counted and counted.at,
        "how_many": campaign_numbers.how_many(shown, count.people) if count else "",
        "who_gets_none": campaign_numbers.who_gets_none(shown, count) if count else "",
        "limit": settings().campaign_approval_above,
        "audience": campaign_words.described(session, Audience.model_validate(shown.audience)),
        "letters": [
            (code, names[code], letter.preview(shown, code)) for code in letter.languages(shown)
        ],
    }


def _page(session: Session, shown: Campaign) -> dict[str, Any]:
    deeds = _deeds(session, shown)
    return (
        progress(session, shown)
        | whole(session, shown)
        | {
            "may_approve": writing.may_approve(shown, me()),
            "deeds": deeds,
            "called": DEEDS,
            "people": _names(session, shown, deeds),
        }
    )


def _deeds(session: Session, shown: Campaign) -> list[AuditEntry]:
    """What was done to it, newest first."""
    query = select(AuditEntry).where(AuditEntry.subject == f"campaign:{shown.id}")
    return list(session.scalars(query.order_by(AuditEntry.id.desc()).limit(SHOWN_DEEDS)))


def _names(session: Session, shown: Campaign, deeds: list[AuditEntry]) -> dict[int, str]:
    ids = {deed.actor_id for deed in deeds} | {shown.written_by_id, shown.changed_by_id}
    rows = session.scalars(select(Account).where(Account.id.in_(ids - {None})))
    return {account.id: account.name or account.email for account in rows}


def _form_page(form: CampaignForm, known: Campaign | None, refused: int = 422) -> Answer:
    page = render_template(
        "staff/campaign_form.html",
        form=form,
        campaign=known,
        was_changed=refused == 409,
        zone=settings().time_zone,
        first=settings().languages[0],
    )
    return (page, refused) if form.is_submitted() else page
