"""What staff do with a campaign. Each step locks its row, is checked, and is written down.

Every function raises lifecycle.ForbiddenStepError, with nothing changed, where the campaign's
state does not allow the step.
"""

import json
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.background import wake
from membership.campaigns import audience, letter, lifecycle
from membership.campaigns.audience import Audience
from membership.campaigns.models import Campaign
from membership.counts import slow
from membership.mail.models import OutboxEmail

STOPPED = "stopped"
AUDIENCE = "audience"


class NobodyError(ValueError):
    """Nobody is in the audience; nothing was changed."""


class TooFewError(ValueError):
    """So few are in an audience of voters that it would tell of each; nothing was changed."""


class ChangedMeanwhileError(ValueError):
    """Somebody has changed the campaign since it was looked at; nothing was changed."""


@dataclass(frozen=True)
class Draft:
    """What is written: by language, a subject of one line and Markdown; `title` is for staff."""

    title: str
    subjects: dict[str, str]
    bodies: dict[str, str]
    audience: Audience


def find(session: Session, campaign_id: int, *, to_change: bool = False) -> Campaign | None:
    """The campaign; `to_change` waits for its row and holds it until the transaction ends."""
    query = select(Campaign).where(Campaign.id == campaign_id)
    if to_change:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)


def fingerprint(campaign: Campaign) -> str:
    """Stands for the words, the audience and the beginning that somebody has read."""
    read = [campaign.title, campaign.subjects, campaign.bodies, campaign.audience]
    begins = campaign.starts_at and campaign.starts_at.astimezone(UTC).isoformat()
    return sha256(json.dumps([*read, begins], sort_keys=True).encode()).hexdigest()


def insist_unchanged(campaign: Campaign, seen: str) -> None:
    """Raises ChangedMeanwhileError when what was `seen` is not what stands there now."""
    if seen != fingerprint(campaign):
        raise ChangedMeanwhileError


def people(session: Session, campaign: Campaign) -> audience.Count:
    """How many it would be written to now; with a million patrons this takes seconds."""
    return audience.count(session, Audience.model_validate(campaign.audience), letter.KIND)


def people_lately(session: Session, campaign: Campaign) -> slow.Counted | None:
    """The same as it was counted last, its numbers those of audience.Count; None until it was."""
    return slow.latest(session, AUDIENCE, campaign.audience)


def _count(session: Session, wanted: dict[str, Any]) -> tuple[int, ...]:
    return astuple(audience.count(session, Audience.model_validate(wanted), letter.KIND))


slow.register(AUDIENCE, _count)


def write(session: Session, actor: Account, draft: Draft) -> Campaign:
    """A new draft."""
    now = clock.now()
    campaign = Campaign(state="draft", written_by_id=actor.id, created_at=now)
    session.add(campaign)
    _fill(campaign, actor, draft, now)
    _note(session, "campaign.written", campaign, actor)
    return campaign


def change(session: Session, campaign: Campaign, actor: Account, draft: Draft) -> None:
    """Other words or another audience: it is a draft again, and what was approved is not."""
    lifecycle.check("change", campaign.state)
    _fill(campaign, actor, draft, clock.now())
    back_to_draft(campaign)
    _note(session, "campaign.changed", campaign, actor)


def schedule(session: Session, campaign: Campaign, actor: Account, starts_at: datetime) -> None:
    """Let it begin at `starts_at`; above the limit only once a second person has approved it.

    Raises NobodyError and TooFewError. Of an audience by amount, that nobody is in it would tell
    what each does not give: such a campaign ends as soon as it begins (rule S8).
    """
    lifecycle.check("schedule", campaign.state)
    reached = people(session, campaign).people
    wanted = Audience.model_validate(campaign.audience)
    if wanted.is_too_small(reached):
        raise TooFewError
    if not reached and not wanted.tells_amounts:
        raise NobodyError
    campaign.starts_at = starts_at
    campaign.state = lifecycle.after_scheduling(reached, settings().campaign_approval_above)
    _note(
        session,
        "campaign.scheduled",
        campaign,
        actor,
        people=reached,
        starts_at=starts_at.isoformat(),
        state=campaign.state,
    )
    wake(session, "campaigns.advance")


def withdraw(session: Session, campaign: Campaign, actor: Account, reason: str) -> None:
    """Take it back before it has begun."""
    lifecycle.check("withdraw", campaign.state)
    back_to_draft(campaign)
    _note(session, "campaign.withdrawn", campaign, actor, reason=reason)


def approve(session: Session, campaign: Campaign, actor: Account) -> None:
    """As a second person, let it begin at its time; raises lifecycle.SecondPersonError."""
    lifecycle.check("approve", campaign.state)
    if not may_approve(campaign, actor):
        raise lifecycle.SecondPersonError
    campaign.approved_by_id = actor.id
    campaign.state = "scheduled"
    reached = people(session, campaign).people
    _note(session, "campaign.approved", campaign, actor, people=reached)
    wake(session, "campaigns.advance")


def may_approve(campaign: Campaign, actor: Account) -> bool:
    return lifecycle.is_second_person(
        actor.id, actor.role, campaign.written_by_id, campaign.changed_by_id
    )


def back_to_draft(campaign: Campaign) -> None:
    """Let nothing begin; an approval holds no longer."""
    campaign.state = "draft"
    campaign.approved_by_id = None


def pause(session: Session, campaign: Campaign, actor: Account, reason: str) -> None:
    """Hold back what waits; what is being sent is left alone."""
    lifecycle.check("pause", campaign.state)
    campaign.state = "paused"
    hold(session, campaign.id)
    _note(session, "campaign.paused", campaign, actor, reason=reason)


def hold(session: Session, campaign_id: int) -> None:
    """Let no waiting mail of a campaign become due; those that are held already are left alone."""
    due = OutboxEmail.next_attempt_at.is_not(None)
    _update_waiting(session, campaign_id, {"next_attempt_at": None}, due)


def resume(session: Session, campaign: Campaign, actor: Account) -> None:
    """Let what was held back be due now."""
    lifecycle.check("resume", campaign.state)
    campaign.state = "sending"
    _update_waiting(session, campaign.id, {"next_attempt_at": clock.now()})
    _note(session, "campaign.resumed", campaign, actor)
    wake(session, "mail.deliver")


def stop(session: Session, campaign: Campaign, actor: Account, reason: str) -> None:
    """Send no more of it, for good. What is being sent is left alone, and not tried again."""
    lifecycle.check("stop", campaign.state)
    now = clock.now()
    campaign.state, campaign.finished_at = "stopped", now
    ended = {"state": "expired", "settled_at": now, "last_error": STOPPED}
    _update_waiting(session, campaign.id, ended)
    session.execute(
        update(OutboxEmail)
        .where(OutboxEmail.campaign_id == campaign.id, OutboxEmail.settled_at.is_(None))
        .values(not_after_at=now)
    )
    _note(session, "campaign.stopped", campaign, actor, reason=reason)


def send_test(session: Session, campaign: Campaign, actor: Account) -> None:
    """Send it as it stands to whoever asks; no step, and nobody is counted."""
    letter.send_test(session, campaign, actor)
    _note(session, "campaign.tested", campaign, actor)


def _fill(campaign: Campaign, actor: Account, draft: Draft, now: datetime) -> None:
    campaign.title = draft.title
    campaign.subjects = dict(draft.subjects)
    campaign.bodies = dict(draft.bodies)
    campaign.audience = draft.audience.as_json()
    campaign.changed_by_id = actor.id
    campaign.changed_at = now


def _update_waiting(
    session: Session, campaign_id: int, values: dict[str, Any], *which: ColumnElement[bool]
) -> None:
    """Write `values` to the mails that wait; rows are locked in the order of their numbers."""
    waiting = (
        select(OutboxEmail.id)
        .where(
            OutboxEmail.campaign_id == campaign_id,
            OutboxEmail.settled_at.is_(None),
            OutboxEmail.state == "pending",
            *which,
        )
        .order_by(OutboxEmail.id)
        .with_for_update()
    )
    session.execute(
        update(OutboxEmail)
        .where(OutboxEmail.id.in_(waiting))
        .values(values)
        .execution_options(synchronize_session=False)
    )


def _note(session: Session, action: str, campaign: Campaign, actor: Account, **detail: Any) -> None:
    session.flush()
    audit.record(session, action, f"campaign:{campaign.id}", actor_id=actor.id, **detail)
