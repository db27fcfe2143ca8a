"""A campaign's letter: which words a reader gets, and the kinds of mail that carry them."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from config.settings import settings
from membership.accounts.models import Account
from membership.campaigns import writing
from membership.campaigns.models import Campaign
from membership.db import transaction
from membership.mail import kinds, letters, outbox, wording
from membership.web.languages import address


def languages(campaign: Campaign) -> list[str]:
    """The site's languages in which there is a text, its first language first."""
    return [each for each in settings().languages if campaign.bodies.get(each)]


def words(campaign: Campaign, language: str) -> dict[str, Any]:
    """What the templates see, in `language`; where it has no text, in the site's first."""
    spoken = language if language in languages(campaign) else settings().languages[0]
    body, base = campaign.bodies[spoken], settings().public_url
    return {
        "line": campaign.subjects[spoken],
        "text": writing.plain(body, base),
        "html": writing.html(body, base),
    }


def send_test(session: Session, campaign: Campaign, actor: Account) -> None:
    """Send the letter as it stands to `actor` alone, in each of its languages; may be repeated."""
    for language in languages(campaign):
        outbox.put(
            session,
            kind=TEST,
            recipient=actor.email,
            subject=f"campaign:{campaign.id}:{uuid4()}",
            language=language,
            context={"campaign": campaign.id},
            account_id=actor.id,
        )


def _complete(context: Mapping[str, Any], language: str) -> dict[str, Any]:
    with transaction() as session:
        return words(session.get_one(Campaign, context["campaign"]), language)


KIND = kinds.bulk(
    "campaign",
    _l("Letters from the newsroom"),
    _l("Now and then, when we have something to tell or to ask you."),
    _complete,
)
# No bulk mail: whoever writes waits for it, and has not refused it.
TEST = kinds.transactional("campaign_test", _complete)


def preview(campaign: Campaign, language: str) -> letters.Written:
    """The letter as it stands now, in `language`: its subject and both of its parts.

    It is nobody's, so the link that would unsubscribe leads to one's own choice of mail.
    """
    return letters.written(
        KIND,
        words(campaign, language),
        language,
        wording.of(KIND, language),
        address("mail.mail_preferences", language),
    )
