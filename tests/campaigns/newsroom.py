"""Campaigns for tests, as they stand in each state; what became of their letters; their pages."""

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from membership import clock
from membership.accounts.models import Account
from membership.campaigns import campaigns, sending
from membership.campaigns.audience import Audience
from membership.campaigns.models import Campaign
from membership.mail.models import OutboxEmail
from tests import factories

REASON = "A mistake in the second line."


def draft(**values: Any) -> campaigns.Draft:
    defaults = {
        "title": "Spring letter",
        "subjects": {"en": "A word from us"},
        "bodies": {"en": "We have *news*."},
        "audience": Audience(),
    }
    return campaigns.Draft(**(defaults | values))


def written(session: Session, writer: Account | None = None, **values: Any) -> Campaign:
    campaign = campaigns.write(session, writer or factories.staff(session), draft(**values))
    session.flush()
    return campaign


def scheduled(session: Session, writer: Account | None = None, **values: Any) -> Campaign:
    """One whose time has come, to whoever there is."""
    writer = writer or factories.staff(session)
    campaign = written(session, writer, **values)
    campaigns.schedule(session, campaign, writer, clock.now() - timedelta(minutes=1))
    session.flush()
    return campaign


def begun(session: Session, **values: Any) -> Campaign:
    campaign = scheduled(session, **values)
    sending.advance(session, campaign.id)
    session.flush()
    return campaign


def letters(session: Session, campaign: Campaign) -> list[OutboxEmail]:
    """Its rows in the outbox, by recipient."""
    query = select(OutboxEmail).where(OutboxEmail.campaign_id == campaign.id)
    query = query.order_by(OutboxEmail.recipient).execution_options(populate_existing=True)
    return list(session.scalars(query))


def settle(session: Session, campaign: Campaign, state: str = "sent") -> None:
    """As if the outbox had done its work on every row that waits."""
    for letter in letters(session, campaign):
        if letter.settled_at is None:
            letter.state, letter.settled_at = state, clock.now()
    session.flush()


def typed(**values: Any) -> dict[str, Any]:
    return {"title": "Spring", "subject_en": "A word", "body_en": "We have *news*."} | values


def text_of(answer: TestResponse | str) -> str:
    """What a page or a part of one says, on one line."""
    main = answer if isinstance(answer, str) else answer.text.partition("<main")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def path(campaign: Campaign, *parts: str) -> str:
    return "/".join(["/staff/campaigns", str(campaign.id), *parts])
