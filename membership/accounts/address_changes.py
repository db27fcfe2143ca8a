"""Giving an account another mail address, with proof (rule S5).

Proof is needed twice: of who asks, by a sign-in that has just been opened, and of the new address,
by a link mailed there. Only who is signed in to the account can use the link, so that a slip of the
key gives nobody's account away. The link is derived from a nonce in the outbox and SECRET_KEY, so
that the database holds nothing but its hash.
"""

import base64
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import accounts, audit, belongings, sign_in
from membership.accounts.models import Account, AddressChange, AuditEntry
from membership.accounts.sign_in import hashed
from membership.accounts.sign_in_requests import SIGN_IN, SIGN_IN_UNKNOWN
from membership.db import lock
from membership.mail import kinds, moving, outbox
from membership.mail.models import OutboxEmail
from membership.web.languages import address

# How long ago the sign-in of who asks may have been opened.
FRESH = timedelta(minutes=15)
LASTS = timedelta(hours=1)
# Mails that one account may ask for in an hour, and that may be asked for one address in a day.
MOST_OF_ACCOUNT = 5
MOST_OF_ADDRESS = 5
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CHANGED = "account.address_changed"
MERGED = "account.merged"


class SameAddressError(ValueError):
    """The account has this address already."""


class TooManyError(RuntimeError):
    """Too many mails were asked for, by this account or for this address."""


class TakenError(RuntimeError):
    """Another account has this address by now."""


def may_ask(session: Session, token: str) -> bool:
    """Whether the sign-in of `token` proves enough to ask for another address."""
    return sign_in.is_fresh(session, token, FRESH)


def ask(session: Session, account_id: int, new: str) -> None:
    """Write down that an account wants `new`, a clean address, and mail the link there.

    It takes the place of what was asked for before. Whether another account has the address
    changes nothing but the mail (rule S3). Raises SameAddressError and TooManyError.
    """
    lock(session, f"address-change:{account_id}")
    lock(session, f"address-change-to:{new.lower()}")
    account = session.get_one(Account, account_id, populate_existing=True)
    if account.email.lower() == new.lower():
        raise SameAddressError(new)
    if _asked_too_often(session, account_id, new):
        raise TooManyError(new)
    other = accounts.find(session, new)
    nonce = secrets.token_urlsafe(32)
    token, now = _token(nonce), clock.now()
    wanted = {
        "address": new,
        "token_hash": hashed(token),
        "asked_at": now,
        "expires_at": now + LASTS,
    }
    session.execute(
        insert(AddressChange)
        .values(account_id=account_id, **wanted)
        .on_conflict_do_update(index_elements=["account_id"], set_=wanted)
    )
    outbox.put(
        session,
        kind=ADDRESS_TAKEN if other else ADDRESS_CHANGE,
        recipient=new,
        subject=f"address_change:{hashed(token).hex()}",
        language=other.language if other else account.language,
        context={} if other else {"nonce": nonce},
        account_id=account_id,
        not_after=now + LASTS,
    )


def asked(session: Session, account_id: int) -> AddressChange | None:
    """The change that an account has asked for and not shown to be right yet."""
    return session.scalar(
        select(AddressChange).where(
            AddressChange.account_id == account_id, AddressChange.expires_at > clock.now()
        )
    )


def of_link(session: Session, account_id: int, token: str) -> AddressChange | None:
    """The change of this account that a link proves; None when it is used up, old, or another's."""
    change = asked(session, account_id)
    is_it = change is not None and hmac.compare_digest(change.token_hash, hashed(token))
    return change if is_it else None


def change(session: Session, account_id: int, token: str, kept: str) -> str | None:
    """Give an account the address that `token` proves; the address, or None when it does not.

    All sign-ins end but that of the token `kept`, and the old address is told. Raises TakenError.
    """
    outbox.hold_addresses(session)
    # Whoever signs in, deletes the account or uses the same link waits here.
    account = session.get_one(Account, account_id, with_for_update=True, populate_existing=True)
    wanted = of_link(session, account_id, token)
    if wanted is None or account.deleted_at is not None:
        return None
    old, new = account.email, wanted.address
    try:
        with session.begin_nested():
            account.email = new
    except IntegrityError as error:
        raise TakenError(new) from error
    account.verified_at = clock.now()
    session.delete(wanted)
    sign_in.revoke_others(session, account_id, kept)
    belongings.move(session, old, new)
    moving.move(session, account_id, old, new, staying=ABOUT_AN_ADDRESS)
    outbox.put(
        session,
        kind=ADDRESS_CHANGED,
        recipient=old,
        subject=f"address_changed:{hashed(token).hex()}",
        language=account.language,
        account_id=account_id,
    )
    # By number alone: the audit log outlives the address.
    audit.record(session, CHANGED, f"account:{account_id}", actor_id=account_id)
    return new


def has_changed(session: Session, account_id: int, since: datetime) -> bool:
    """Whether an account was given another address, or merged with that of another one, after
    `since`, which is in whole seconds.
    """
    changed = exists().where(
        AuditEntry.subject == f"account:{account_id}",
        AuditEntry.action.in_((CHANGED, MERGED)),
        AuditEntry.created_at >= since + timedelta(seconds=1),
    )
    return bool(session.scalar(select(changed)))


def forget_old(session: Session) -> None:
    """Delete what was asked for and never proven; its mails name strangers, too (rule S10)."""
    now = clock.now()
    session.execute(delete(AddressChange).where(AddressChange.expires_at < now))
    outbox.forget(session, (ADDRESS_CHANGE, ADDRESS_TAKEN), before=now - DAY)


def _asked_too_often(session: Session, account_id: int, new: str) -> bool:
    now = clock.now()
    by_account = (OutboxEmail.account_id == account_id) & (OutboxEmail.created_at > now - HOUR)
    for_address = (OutboxEmail.recipient == new) & (OutboxEmail.created_at > now - DAY)
    asked = session.execute(
        select(func.count().filter(by_account), func.count().filter(for_address)).where(
            by_account | for_address, OutboxEmail.kind.in_([ADDRESS_CHANGE, ADDRESS_TAKEN])
        )
    ).one()
    return asked[0] >= MOST_OF_ACCOUNT or asked[1] >= MOST_OF_ADDRESS


def _token(nonce: str) -> str:
    key = str(current_app.config["SECRET_KEY"]).encode()
    proof = hmac.digest(key, f"address change:{nonce}".encode(), "sha256")
    return base64.urlsafe_b64encode(proof).rstrip(b"=").decode()


def _with_link(context: dict[str, Any], language: str) -> dict[str, Any]:
    return {"link": address("accounts.address.confirm", language, token=_token(context["nonce"]))}


def _with_way_in(context: dict[str, Any], language: str) -> dict[str, Any]:
    return {**context, "link": address("accounts.sign_in", language)}


ADDRESS_CHANGE = kinds.transactional("address_change", _with_link)
ADDRESS_TAKEN = kinds.transactional("address_taken", _with_way_in)
ADDRESS_CHANGED = kinds.transactional("address_changed")
ACCOUNTS_MERGED = kinds.transactional("accounts_merged", _with_way_in)
# None of these follows an account to its new address.
ABOUT_AN_ADDRESS = (
    SIGN_IN,
    SIGN_IN_UNKNOWN,
    ADDRESS_CHANGE,
    ADDRESS_TAKEN,
    ADDRESS_CHANGED,
    ACCOUNTS_MERGED,
)
