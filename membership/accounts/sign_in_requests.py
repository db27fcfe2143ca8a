"""Asking for a sign-in by mail, and using the link or the code that comes (rules S2 and S3).

A known and an unknown address cost the same statements and get the same page; only the mail
differs. The link's token and the code are derived from a nonce in the outbox and SECRET_KEY, so
that the database holds nothing but their hashes.
"""

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from flask import current_app
from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import accounts, audit
from membership.accounts.models import Account, SignInRequest
from membership.accounts.sign_in import hashed, open_sign_in
from membership.db import lock
from membership.mail import kinds, outbox
from membership.web.languages import address

LASTS = timedelta(minutes=10)
TRIES = 5
# Mails that one browser may ask for, and that may be asked for one address, within the window.
MOST_OF_BROWSER = 5
MOST_OF_ADDRESS = 10
WINDOW = timedelta(minutes=15)
# Wrong codes for one address, from all browsers, after which only the link works: whoever guesses
# asks for ever new codes.
TRIES_A_DAY = 20
DAY = timedelta(days=1)

LinkState = Literal["ready", "other browser", "gone"]
CodeProblem = Literal["wrong", "spent", "gone"]


@dataclass(frozen=True)
class Entered:
    """A sign-in that has just been opened: whose, its token, and where the reader wanted to go."""

    account: Account
    token: str
    next_path: str | None


def ask(session: Session, email: str, browser: str, language: str, next_path: str | None) -> None:
    """Write a request and the mail with its link and code; too many of them write nothing.

    `browser` is the random text that the asking browser keeps: link and code work there alone.
    """
    lock(session, f"sign-in:{email.lower()}")
    if _has_asked_too_often(session, email, browser):
        return
    account = accounts.find(session, email)
    nonce = secrets.token_urlsafe(32)
    token = _token(nonce)
    now = clock.now()
    session.add(
        SignInRequest(
            token_hash=hashed(token),
            code_hash=_code_hash(hashed(token), _code(nonce)),
            browser_hash=hashed(browser),
            account_id=account.id if account else None,
            address_hash=_keyed("address", email.lower()),
            next_path=next_path,
            created_at=now,
            expires_at=now + LASTS,
        )
    )
    outbox.put(
        session,
        kind=SIGN_IN if account else SIGN_IN_UNKNOWN,
        recipient=email,
        subject=f"sign_in_request:{hashed(token).hex()}",
        language=account.language if account else language,
        context={"nonce": nonce} if account else {},
        account_id=account.id if account else None,
        not_after=now + LASTS,
    )


def look_at_link(session: Session, token: str, browser: str) -> LinkState:
    """What a link would do in this browser. Changes nothing: mail scanners open links too."""
    bound_to = session.scalar(
        select(SignInRequest.browser_hash).where(
            SignInRequest.token_hash == hashed(token), _is_open(clock.now())
        )
    )
    if bound_to is None:
        return "gone"
    return "ready" if hmac.compare_digest(bound_to, hashed(browser)) else "other browser"


def use_link(session: Session, token: str, browser: str) -> Entered | None:
    """Sign in by link, once: of two at the same moment one gets None."""
    return _consume(
        session,
        and_(
            SignInRequest.token_hash == hashed(token), SignInRequest.browser_hash == hashed(browser)
        ),
    )


def use_code(session: Session, code: str, browser: str) -> Entered | CodeProblem:
    """Sign in by the code of the newest mail that this browser asked for.

    Gives a problem back instead of raising it, so that the try is counted. The same happens, on
    the page and in the database, for an address without an account.
    """
    now = clock.now()
    newest = (
        select(SignInRequest.token_hash)
        .where(SignInRequest.browser_hash == hashed(browser), _is_open(now))
        .order_by(SignInRequest.created_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    request = session.scalar(
        update(SignInRequest)
        .where(SignInRequest.token_hash == newest, _is_open(now))
        .values(tries=SignInRequest.tries + 1)
        .returning(SignInRequest)
    )
    if request is None:
        return "gone"
    if request.tries > TRIES or _tries_today(session, request.address_hash) > TRIES_A_DAY:
        return "spent"
    typed = _code_hash(request.token_hash, "".join(code.split()))
    entered = None
    if hmac.compare_digest(request.code_hash, typed):
        entered = _consume(session, SignInRequest.token_hash == request.token_hash)
    return entered or ("spent" if request.tries == TRIES else "wrong")


def forget_old(session: Session) -> None:
    """Delete requests that count no more, and sign-in mails, which name strangers too (S10)."""
    now = clock.now()
    session.execute(delete(SignInRequest).where(SignInRequest.created_at < now - DAY))
    outbox.forget(session, (SIGN_IN, SIGN_IN_UNKNOWN), before=now - DAY)


def _consume(session: Session, which: ColumnElement[bool]) -> Entered | None:
    now = clock.now()
    used = session.execute(
        update(SignInRequest)
        .where(which, _is_open(now), SignInRequest.account_id.is_not(None))
        .values(consumed_at=now)
        .returning(SignInRequest.account_id, SignInRequest.next_path, SignInRequest.address_hash)
    ).one_or_none()
    if used is None:
        return None
    # Waits for a change of address that is under way: what was mailed to the old one is void then.
    account = session.get_one(
        Account,
        used.account_id,
        with_for_update={"read": True, "key_share": True},
        populate_existing=True,
    )
    if used.address_hash != _keyed("address", account.email.lower()):
        return None
    account.verified_at = account.verified_at or now
    if account.is_staff:
        audit.record(session, "staff_signed_in", f"account:{account.id}", actor_id=account.id)
    return Entered(account, open_sign_in(session, account), used.next_path)


def _has_asked_too_often(session: Session, email: str, browser: str) -> bool:
    of_browser = SignInRequest.browser_hash == hashed(browser)
    of_address = SignInRequest.address_hash == _keyed("address", email.lower())
    asked = session.execute(
        select(func.count().filter(of_browser), func.count().filter(of_address)).where(
            or_(of_browser, of_address), SignInRequest.created_at >= clock.now() - WINDOW
        )
    ).one()
    return asked[0] >= MOST_OF_BROWSER or asked[1] >= MOST_OF_ADDRESS


def _tries_today(session: Session, address_hash: bytes) -> int:
    tries = session.scalar(
        select(func.sum(SignInRequest.tries)).where(
            SignInRequest.address_hash == address_hash,
            SignInRequest.created_at >= clock.now() - DAY,
        )
    )
    return int(tries or 0)


def _is_open(now: datetime) -> ColumnElement[bool]:
    return and_(SignInRequest.consumed_at.is_(None), SignInRequest.expires_at > now)


def _token(nonce: str) -> str:
    return base64.urlsafe_b64encode(_keyed("link", nonce)).rstrip(b"=").decode()


def _code(nonce: str) -> str:
    return f"{int.from_bytes(_keyed('code', nonce)) % 1_000_000:06d}"


def _code_hash(token_hash: bytes, code: str) -> bytes:
    """Keyed, because a million codes are tried in no time by whoever has only the database."""
    return _keyed("code hash", f"{token_hash.hex()}:{code}")


def _keyed(purpose: str, text: str) -> bytes:
    key = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.digest(key, f"sign-in {purpose}:{text}".encode(), "sha256")


def _with_secrets(context: dict[str, Any], language: str) -> dict[str, Any]:
    nonce = context["nonce"]
    link = address("accounts.confirm", language, token=_token(nonce))
    return {"link": link, "code": _code(nonce)}


def _with_way_in(_context: dict[str, Any], language: str) -> dict[str, Any]:
    return {"support_url": address("billing.support", language)}


SIGN_IN = kinds.transactional("sign_in", _with_secrets)
SIGN_IN_UNKNOWN = kinds.transactional("sign_in_unknown", _with_way_in)
