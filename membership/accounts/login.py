"""Flask-Login over our own sign-ins: what the cookie keeps is the token of a `sign_in` row."""

from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, redirect, request, session, url_for
from flask_login import LoginManager, current_user, login_user, logout_user
from sqlalchemy import Row
from werkzeug.wrappers import Response as BaseResponse

from membership.accounts import sign_in
from membership.accounts.models import Account
from membership.db import statements

TYPED = "typed"


@dataclass(frozen=True)
class SignedIn:
    """What `current_user` is: an account seen through one of its sign-ins."""

    token: str
    id: int
    email: str
    name: str | None
    role: str | None
    language: str
    is_authenticated = True
    is_active = True
    is_anonymous = False

    @property
    def is_staff(self) -> bool:
        return self.role is not None

    def get_id(self) -> str:
        return self.token


class _Sessions(LoginManager):  # type: ignore[misc]
    def _update_remember_cookie(self, response: Response) -> Response:
        """There is no remember cookie; looking for one would mark every page as personal."""
        return response


def enter(account: Account, token: str) -> None:
    """Let this browser keep `token`; of what its cookie held before, only keep_typed() of this very
    account is left.
    """
    kept = session.get(TYPED)
    session.clear()
    session.permanent = True
    if kept and kept[0] == account.id:
        session[TYPED] = kept
    login_user(_seen(account, token))


def keep_typed(text: str) -> None:
    """Keep in the cookie what must not be typed again after signing in once more."""
    session[TYPED] = [current_user.id, text]


def typed() -> str | None:
    """What keep_typed() kept for the account that is signed in."""
    account_id, text = session.get(TYPED, (None, None))
    return text if account_id == current_user.id else None


def forget_typed() -> None:
    session.pop(TYPED, None)


def leave() -> None:
    """Let this browser forget its sign-in."""
    logout_user()
    session.clear()


def load(token: str) -> SignedIn | None:
    with statements() as database:
        account = sign_in.find_account(database, token)
        return _seen(account, token) if account else None


def send_to_sign_in() -> BaseResponse:
    """To the sign-in page and, after it, back to the page that was wanted."""
    wanted = None
    if request.method in {"GET", "HEAD"}:
        wanted = request.script_root + request.full_path.rstrip("?")
    return redirect(url_for("accounts.sign_in", next=wanted))


def local_path(text: str | None) -> str | None:
    """`text` if it is a path on this site, else None: nobody is sent elsewhere from here.

    Browsers drop control characters and read a backslash as a slash, so both are refused.
    """
    if not text or len(text) > 500 or not text.startswith("/") or text.startswith("//"):
        return None
    if "\\" in text or any(ord(letter) <= 32 or ord(letter) == 127 for letter in text):
        return None
    return text


def _seen(account: Account | Row[*tuple[Any, ...]], token: str) -> SignedIn:
    return SignedIn(token, account.id, account.email, account.name, account.role, account.language)


def init_app(app: Flask) -> None:
    app.config.update(
        PERMANENT_SESSION_LIFETIME=sign_in.LASTS,
        # Else every page, journalism too, would set the cookie anew.
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    manager = _Sessions()
    # The sign_in row ends a stolen cookie; a changed network address ends no honest one.
    manager.session_protection = None
    manager.init_app(app, add_context_processor=False)
    manager.user_loader(load)
    manager.unauthorized_handler(send_to_sign_in)

    @app.context_processor
    def _shared() -> dict[str, Any]:
        # A proxy: a page that does not ask who reads it does not look.
        return {"current_user": current_user}
