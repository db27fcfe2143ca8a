"""Who gets the weekly letter: addresses that asked for it and were proven (rule M8)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import belongings
from membership.accounts.models import Account
from membership.mail import kinds, refusals
from membership.mail.models import MailRefusal
from membership.newsletter.models import NewsletterReader

# How long an address may take to confirm; then it is forgotten.
LASTS = timedelta(days=7)


def subscribe(session: Session, address: str, language: str) -> None:
    """Send `address`, which is proven, the weekly letter from now on; may be repeated."""
    confirm_all(session, {address: language})
    refusals.accept(session, address, NEWSLETTER)


def confirm_all(session: Session, languages: Mapping[str, str]) -> None:
    """Write down proven addresses with their languages; those that are readers stay as they are.

    A refusal holds: whoever has unsubscribed gets nothing for being written down again.
    """
    now = clock.now()
    rows = [
        {"address": address, "language": language, "asked_at": now, "confirmed_at": now}
        for address, language in languages.items()
    ]
    session.execute(
        insert(NewsletterReader).on_conflict_do_update(
            index_elements=["address"],
            set_={"confirmed_at": func.coalesce(NewsletterReader.confirmed_at, now)},
        ),
        rows,
    )


def is_subscribed(session: Session, address: str) -> bool:
    """Whether `address` gets the weekly letter."""
    return bool(session.scalar(select(exists().where(NewsletterReader.address == address, gets()))))


def gets() -> ColumnElement[bool]:
    """SQL: a row's address has confirmed and has not unsubscribed since."""
    return and_(NewsletterReader.confirmed_at.is_not(None), ~_has_refused())


def wanted(who: ColumnElement[bool] | None = None) -> Select[*tuple[Any, ...]]:
    """Address, language and account id of all readers; nobody who is having an account deleted.

    `who` may ask of the Account that has the address; where there is none, it is NULL.
    """
    asked = (
        select(NewsletterReader.address, NewsletterReader.language, Account.id)
        .outerjoin(Account, Account.email == NewsletterReader.address)
        .where(gets(), or_(Account.id.is_(None), Account.delete_after_at.is_(None)))
        .order_by(NewsletterReader.id)
    )
    return asked if who is None else asked.where(who)


def forget(session: Session, address: str) -> None:
    """Delete what is kept of a reader; its refusals stay."""
    session.execute(delete(NewsletterReader).where(NewsletterReader.address == address))


def move(session: Session, old: str, new: str) -> None:
    """Let the letter come to the new address of an account that has changed it."""
    reader = session.scalar(select(NewsletterReader).where(NewsletterReader.address == old, gets()))
    if reader is not None:
        confirm_all(session, {new: reader.language})
    # Also who has unsubscribed: the refusal moves, too, and must not leave a reader behind.
    forget(session, old)


def forget_old(session: Session) -> None:
    """Delete who did not confirm in time, and who has unsubscribed (rule S10)."""
    too_late = and_(
        NewsletterReader.confirmed_at.is_(None), NewsletterReader.asked_at < clock.now() - LASTS
    )
    gone = and_(NewsletterReader.confirmed_at.is_not(None), _has_refused())
    session.execute(delete(NewsletterReader).where(or_(too_late, gone)))


def _has_refused() -> ColumnElement[bool]:
    return exists().where(
        MailRefusal.address == NewsletterReader.address, MailRefusal.kind == NEWSLETTER
    )


NEWSLETTER = kinds.bulk(
    "newsletter",
    _l("The week’s stories"),
    _l("On Saturdays, if you have asked for it: what we published that week."),
    opt_in=kinds.OptIn(is_in=is_subscribed, join=subscribe),
)
# Here, where pages find it: only a task writes its letters.
DIGEST = kinds.bulk(
    "digest",
    _l("The month at a glance"),
    _l("In the first days of a month: what you helped publish, and the vote that is open."),
)
belongings.register(belongings.Belonging(move=move, forget=forget))
