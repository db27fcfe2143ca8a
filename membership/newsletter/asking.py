"""Asking for the weekly letter by mail, and confirming it (rules M8, S3, L23).

Every address gets the same answer and costs the same statements: one that is new, known,
unsubscribed or suppressed. The link is derived from the outbox's row and SECRET_KEY, so that a
copy of the database confirms nobody.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.articles.models import Article
from membership.billing.defence.keys import keyed
from membership.db import lock
from membership.mail import kinds, outbox, refusals
from membership.mail.models import MailRefusal, OutboxEmail
from membership.newsletter.models import NewsletterReader
from membership.newsletter.readers import LASTS, NEWSLETTER
from membership.web import networks
from membership.web.languages import address

NOT_AFTER = timedelta(days=2)
# Mails in a day to one address; addresses in an hour from one network, be it a whole office.
MOST_OF_ADDRESS = 3
MOST_OF_NETWORK = 40
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

State = Literal["ready", "done", "gone"]


class TooManyError(Exception):
    """So many addresses came from this network within the hour that it must wait."""


@dataclass(frozen=True)
class _Asked:
    """What a link speaks of: a row, whose address never changes, and when it was asked for."""

    reader_id: int
    at: datetime


def ask(session: Session, email: str, network: str, language: str, slug: str) -> None:
    """Write down who asks, at the end of the story `slug` if there is one, and mail the link.

    `network` is the IP address of the browser. An address that has had its mails of the day gets
    no other. Raises TooManyError, whatever the address.
    """
    origin = keyed("newsletter", networks.prefix(network)).hex()
    lock(session, f"newsletter:{origin}")
    if _from_network(session, origin) >= MOST_OF_NETWORK:
        raise TooManyError
    lock(session, f"newsletter:{email.lower()}")
    if _to_address(session, email) >= MOST_OF_ADDRESS:
        return
    now = clock.now()
    reader_id = _write_down(session, email, language, slug, now)
    outbox.put(
        session,
        kind=NEWSLETTER_CONFIRM,
        recipient=email,
        subject=f"newsletter_reader:{reader_id}:{now.isoformat()}",
        language=language,
        context={"reader": reader_id, "asked_at": now.timestamp(), "network": origin},
        not_after=now + NOT_AFTER,
    )


def look(session: Session, token: str) -> State:
    """What a link would do. Changes nothing: mail scanners open links, too."""
    asked = _read(token)
    reader = session.get(NewsletterReader, asked.reader_id) if asked else None
    if asked is None or reader is None:
        return "gone"
    no_at = _said_no_at(session, reader.address)
    if reader.confirmed_at is not None and no_at is None:
        return "done"
    # Who said no after asking has said the last word.
    is_open = asked.at > clock.now() - LASTS and (no_at is None or no_at < asked.at)
    return "ready" if is_open else "gone"


def confirm(session: Session, token: str) -> State:
    """Let the letter come to whom the link was mailed; may be repeated. "done" unless "gone".

    It ends a refusal and a pause of before. A block stays, and is not spoken of: who meets one
    here reads on the page, as everybody does, where to write.
    """
    state = look(session, token)
    asked = _read(token)
    if state == "ready" and asked is not None:
        reader = session.get_one(NewsletterReader, asked.reader_id, with_for_update=True)
        reader.confirmed_at = clock.now()
        refusals.accept(session, reader.address, NEWSLETTER)
        refusals.unpause(session, reader.address)
        session.flush()
        return "done"
    return state


def forget_old(session: Session) -> None:
    """Delete the mails, which name strangers and networks, too (rule S10)."""
    outbox.forget(session, (NEWSLETTER_CONFIRM,), before=clock.now() - LASTS)


def _said_no_at(session: Session, address: str) -> datetime | None:
    """When the newest word was said that keeps the letter from `address`: a refusal or a pause."""
    refused_at = session.scalar(
        select(MailRefusal.created_at).where(
            MailRefusal.address == address, MailRefusal.kind == NEWSLETTER
        )
    )
    pause = refusals.find_pause(session, address)
    return max((at for at in (refused_at, pause and pause.created_at) if at), default=None)


def _write_down(session: Session, email: str, language: str, slug: str, now: datetime) -> int:
    """The id of the address' row; what is confirmed does not change by who types the address."""
    article = select(Article.id).where(Article.slug == slug).scalar_subquery()
    row = insert(NewsletterReader).values(
        address=email, language=language, article_id=article, asked_at=now
    )
    is_confirmed = NewsletterReader.confirmed_at.is_not(None)
    kept = {
        column.name: case((is_confirmed, column), else_=row.excluded[column.name])
        for column in (NewsletterReader.language, NewsletterReader.article_id)
    }
    reader_id: int = session.execute(
        row.on_conflict_do_update(
            index_elements=["address"], set_={"asked_at": now, **kept}
        ).returning(NewsletterReader.id)
    ).scalar_one()
    return reader_id


def _from_network(session: Session, origin: str) -> int:
    return _count(session, OutboxEmail.context["network"].astext == origin, HOUR)


def _to_address(session: Session, email: str) -> int:
    return _count(session, OutboxEmail.recipient == email, DAY)


def _count(session: Session, which: Any, span: timedelta) -> int:
    """How many of these mails were asked for within the span."""
    return session.scalars(
        select(func.count()).where(
            OutboxEmail.kind == NEWSLETTER_CONFIRM,
            which,
            OutboxEmail.created_at > clock.now() - span,
        )
    ).one()


def link(reader_id: int, asked_at: float, language: str) -> str:
    """The address at which a reader confirms what was asked for then (seconds since 1970)."""
    token = _signer().dumps([reader_id, asked_at])
    return address("newsletter.confirm", language, token=token)


def _with_link(context: dict[str, Any], language: str) -> dict[str, Any]:
    return {"link": link(context["reader"], context["asked_at"], language)}


def _read(token: str) -> _Asked | None:
    try:
        reader_id, asked_at = _signer().loads(token)
    except (BadData, ValueError, TypeError):
        return None
    return _Asked(reader_id, datetime.fromtimestamp(asked_at, UTC))


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(settings().secret_key, salt="kava.newsletter")


NEWSLETTER_CONFIRM = kinds.transactional("newsletter_confirm", _with_link)
