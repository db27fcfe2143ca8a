"""The way past a proof of work without JavaScript: a link by mail, for one page, for an hour.

A bot would need a mailbox for each page, and all of them together get few links.
"""

import secrets
from datetime import timedelta
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.billing.defence import attempts, rules
from membership.billing.defence.attempts import Giver
from membership.billing.defence.proofs import use_once
from membership.db import lock
from membership.mail import kinds, outbox
from membership.mail.models import OutboxEmail
from membership.web.languages import address

LASTS = timedelta(hours=1)
# Links in an hour: to one address, and to all. The site must not become a way to flood others.
MOST_OF_ADDRESS = 2
MOST = 60


def send(
    session: Session, email: str, network: str, language: str, page: str, **choices: str
) -> bool:
    """Mail `email` a link to the form `page` (an endpoint) with these choices filled in.

    False, and nothing is sent, when too many were asked for within the hour.
    """
    giver = Giver.of(email, network)
    lock(session, "giving passes")
    asked = attempts.asked(session, giver)
    if rules.level(asked, is_tested=False) or _are_too_many(session, email):
        return False
    attempts.opened(session, giver)
    nonce = secrets.token_urlsafe(16)
    outbox.put(
        session,
        kind=GIVING_PASS,
        recipient=email,
        subject=f"pass:{nonce}",
        language=language,
        context={
            "nonce": nonce,
            "giver": giver.email_hash.hex(),
            "page": page,
            "choices": choices,
        },
        not_after=clock.now() + LASTS,
    )
    return True


def spend(session: Session, giver: Giver, text: str) -> bool:
    """Whether `text` is the pass that was mailed to this address, used for the first time."""
    try:
        owner, nonce = _signer().loads(text, max_age=int(LASTS.total_seconds()))
    except (BadData, ValueError, TypeError):
        return False
    return owner == giver.email_hash.hex() and use_once(
        session, f"pass:{nonce}", clock.now() + LASTS
    )


def forget_old(session: Session) -> None:
    """Delete the mails, which name strangers too (S10)."""
    outbox.forget(session, (GIVING_PASS,), before=clock.now() - timedelta(days=1))


def _are_too_many(session: Session, email: str) -> bool:
    to_address, to_all = session.execute(
        select(func.count().filter(OutboxEmail.recipient == email), func.count()).where(
            OutboxEmail.kind == GIVING_PASS, OutboxEmail.created_at > clock.now() - LASTS
        )
    ).one()
    return to_address >= MOST_OF_ADDRESS or to_all >= MOST


def _with_link(context: dict[str, Any], language: str) -> dict[str, Any]:
    """The pass itself is not kept: a copy of the database opens nothing."""
    made = _signer().dumps([context["giver"], context["nonce"]])
    return {"link": address(context["page"], language, **context["choices"], **{"pass": made})}


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().secret_key, salt="kava.giving pass")


GIVING_PASS = kinds.transactional("giving_pass", _with_link)
