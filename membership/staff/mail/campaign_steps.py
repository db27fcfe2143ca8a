"""The steps of a campaign, each with a page that says what it does before it is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flask import flash, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from config.settings import settings
from membership.campaigns import campaigns as writing
from membership.campaigns import lifecycle, sending
from membership.campaigns.models import Campaign
from membership.db import transaction
from membership.staff.forms import InnerReasonForm
from membership.staff.mail import campaign_numbers
from membership.staff.mail.campaign_forms import ScheduleForm, SeenForm
from membership.staff.mail.campaigns import the_campaign, whole
from membership.staff.room import EDITORS, back_to, blueprint, me
from membership.web import access

Answer = str | Response | tuple[str, int]


@dataclass(frozen=True)
class Said:
    """What the page of a step says: its heading, what will be, its button; and once it is done."""

    heading: Any
    text: Any
    button: Any
    done: Any
    kind: str = "primary"


SAID: Mapping[str, Said] = MappingProxyType(
    {
        "schedule": Said(
            _l("Schedule it"),
            _l("Whoever is in the audience when it begins gets it. Until then it can be changed."),
            _l("Schedule"),
            _l("The campaign is scheduled."),
        ),
        "withdraw": Said(
            _l("Withdraw it"),
            _l("It is a draft again, and nothing is sent. An approval is given anew."),
            _l("Withdraw it"),
            _l("The campaign is a draft again."),
            "secondary",
        ),
        "approve": Said(
            _l("Approve it"),
            _l(
                "You say that these words may go to these people. It begins at its time, by itself."
            ),
            _l("Approve"),
            _l("Approved."),
        ),
        "pause": Said(
            _l("Pause it"),
            _l("What waits is held back. A letter that is on its way just now still arrives."),
            _l("Pause"),
            _l("The campaign is paused."),
            "secondary",
        ),
        "resume": Said(
            _l("Go on sending"),
            _l("What was held back is sent. Nobody gets it twice."),
            _l("Go on"),
            _l("The campaign goes on."),
        ),
        "stop": Said(
            _l("Stop it for good"),
            _l("Whoever has not got the letter yet will not get it. This cannot be taken back."),
            _l("Stop for good"),
            _l("The campaign is stopped."),
            "danger",
        ),
    }
)
REFUSED: Mapping[type[Exception], Any] = MappingProxyType(
    {
        writing.ChangedMeanwhileError: _l(
            "Somebody has changed it since you looked. Read it again first."
        ),
        writing.NobodyError: _l("Nobody is in this audience: change it first."),
        writing.TooFewError: _l(
            "So few people are in this audience that it would tell who voted: widen it."
        ),
    }
)


@blueprint.route(
    "/campaigns/<int:campaign_id>/<any(schedule,withdraw,approve,pause,resume,stop):step>",
    methods=["GET", "POST"],
)
@access.staff(*EDITORS)
def campaign_step(campaign_id: int, step: str) -> Answer:
    """GET asks and changes nothing; POST takes the step. 409 where its state does not allow it."""
    form = _form(step)
    with transaction() as session:
        campaign = the_campaign(session, campaign_id, to_change=form.is_submitted())
        lifecycle.check(step, campaign.state)
        if step == "approve" and not writing.may_approve(campaign, me()):
            said = _("Who wrote or last changed a campaign cannot approve it: ask somebody else.")
            return _page(session, campaign, step, None, said), 403
        if not form.is_submitted():
            if hasattr(form, "seen"):
                form.seen.data = writing.fingerprint(campaign)
            return _page(session, campaign, step, form)
        if not form.validate():
            return _page(session, campaign, step, form), 422
        try:
            _take(session, campaign, step, form)
        except tuple(REFUSED) as error:
            # It stands on the page as it is now.
            form.seen.data = writing.fingerprint(campaign)
            return _page(session, campaign, step, form, REFUSED[type(error)]), 409
    flash(SAID[step].done, "good")
    return back_to("staff.campaign", campaign_id=campaign_id)


def _form(step: str) -> Any:
    if step == "schedule":
        return ScheduleForm()
    return InnerReasonForm() if step in ("withdraw", "pause", "stop") else SeenForm()


def _take(session: Session, campaign: Campaign, step: str, form: Any) -> None:
    if step in ("schedule", "approve"):
        writing.insist_unchanged(campaign, form.seen.data)
    match step:
        case "schedule":
            writing.schedule(session, campaign, me(), form.at)
        case "approve":
            writing.approve(session, campaign, me())
        case "resume":
            writing.resume(session, campaign, me())
        case "withdraw":
            writing.withdraw(session, campaign, me(), form.reason.data)
        case "pause":
            writing.pause(session, campaign, me(), form.reason.data)
        case "stop":
            writing.stop(session, campaign, me(), form.reason.data)


def _page(session: Session, campaign: Campaign, step: str, form: Any, refused: Any = "") -> str:
    known = whole(session, campaign)
    count = known["count"]
    return render_template(
        "staff/campaign_step.html",
        **known,
        figures=sending.figures(session, [campaign.id])[campaign.id],
        numbers=campaign_numbers,
        step=step,
        said=SAID[step],
        form=form,
        refused=refused,
        needs_approval=count is not None and count.people > known["limit"],
        zone=settings().time_zone,
    )
