"""From a scheduled campaign to one that is finished: its audience frozen, then each row final.

A campaign's rows are written in the one transaction that makes it `sending` (rule M3); what
becomes of them is the outbox's work. Everything here can be run any number of times at once.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog
from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.campaigns import audience, campaigns, letter, lifecycle
from membership.campaigns.audience import Audience
from membership.campaigns.models import Campaign
from membership.db import transaction
from membership.mail import outbox
from membership.mail.models import OutboxEmail

log = structlog.get_logger(__name__)

RUNNING = ("sending", "paused")


@dataclass(frozen=True)
class Figures:
    """How many of a campaign's mails stand in each state; `returned` are among the sent ones."""

    states: dict[str, int] = field(default_factory=dict)
    returned: int = 0

    @property
    def all(self) -> int:
        return sum(self.states.values())

    @property
    def done(self) -> int:
        return self.all - self.states.get("pending", 0) - self.states.get("sending", 0)


def figures(session: Session, campaign_ids: Iterable[int]) -> dict[int, Figures]:
    """The figures of each of these campaigns, in one statement."""
    wanted = list(campaign_ids)
    states: dict[int | None, dict[str, int]] = defaultdict(dict)
    returned: dict[int | None, int] = defaultdict(int)
    for campaign_id, state, number, came_back in session.execute(
        select(
            OutboxEmail.campaign_id,
            OutboxEmail.state,
            func.count(),
            func.count(OutboxEmail.bounced_at),
        )
        .where(OutboxEmail.campaign_id.in_(wanted))
        .group_by(OutboxEmail.campaign_id, OutboxEmail.state)
    ):
        states[campaign_id][state] = number
        returned[campaign_id] += came_back
    return {each: Figures(states[each], returned[each]) for each in wanted}


def advance_due() -> None:
    """Take every step that is due, each campaign's in a transaction of its own.

    One that cannot be taken is logged and stops no other.
    """
    with transaction() as session:
        waiting = session.scalars(select(Campaign.id).where(_is_due()).order_by(Campaign.id)).all()
    for campaign_id in waiting:
        try:
            with transaction() as session:
                advance(session, campaign_id)
        except Exception:
            log.exception("campaign_not_advanced", campaign=campaign_id)


def advance(session: Session, campaign_id: int) -> None:
    """Begin a campaign whose time has come; finish one whose every mail is final.

    Does nothing while somebody else holds its row: they take the step, or the next run does.
    """
    campaign = session.scalar(
        select(Campaign)
        .where(Campaign.id == campaign_id, _is_due())
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if campaign is None:
        return
    if campaign.state == "scheduled":
        _begin(session, campaign)
    if campaign.state == "paused":
        # A mail that was on its way and must be tried again would become due.
        campaigns.hold(session, campaign.id)
    if campaign.state in RUNNING and not _has_unsettled(session, campaign.id):
        lifecycle.check("finish", campaign.state)
        campaign.state, campaign.finished_at = "finished", clock.now()
        audit.record(session, "campaign.finished", f"campaign:{campaign.id}")


def _is_due() -> ColumnElement[bool]:
    begins = and_(Campaign.state == "scheduled", Campaign.starts_at <= clock.now())
    return or_(begins, Campaign.state.in_(RUNNING))


def _begin(session: Session, campaign: Campaign) -> None:
    """Freeze the audience: write a row for each and count them, before the first is sent."""
    lifecycle.check("begin", campaign.state)
    subject = f"campaign:{campaign.id}"
    wanted = Audience.model_validate(campaign.audience)
    with session.begin_nested() as freezing:
        written = outbox.put_to_all(
            session,
            audience.readers(wanted, letter.languages(campaign)),
            letter.KIND,
            subject,
            lambda _language: {"campaign": campaign.id},
            campaign_id=campaign.id,
        )
        is_too_small = wanted.is_too_small(written)
        needs_approval = (
            campaign.approved_by_id is None and written > settings().campaign_approval_above
        )
        if is_too_small or needs_approval:
            freezing.rollback()
    if is_too_small:
        campaigns.back_to_draft(campaign)
        audit.record(session, "campaign.too_small", subject)
        return
    if needs_approval:
        campaign.state = "awaiting_approval"
        audit.record(session, "campaign.held_for_approval", subject, people=written)
        return
    campaign.state = "sending"
    campaign.recipients, campaign.frozen_at = written, clock.now()
    audit.record(session, "campaign.begun", subject, people=written)


def _has_unsettled(session: Session, campaign_id: int) -> bool:
    unsettled = exists().where(
        OutboxEmail.campaign_id == campaign_id, OutboxEmail.settled_at.is_(None)
    )
    return bool(session.scalar(select(unsettled)))
