"""Who may see a page. Every view says so; one that does not stops the application from starting."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, abort, current_app
from flask_login import current_user

View = TypeVar("View", bound=Callable[..., Any])


class UndeclaredAccessError(RuntimeError):
    """A view does not say who may see it."""


def anyone(view: View) -> View:
    """Open to everyone, signed in or not."""
    view.access = "anyone"  # type: ignore[attr-defined]
    return view


def signed_in(view: View) -> View:
    """For whoever is signed in; others are sent to sign in and come back."""
    return _guarded(view, "signed in", lambda: True)


def staff(*roles: str) -> Callable[[View], View]:
    """For staff with one of `roles` (reporter, editor, finance); admins may everything.

    Without roles: for all staff.
    """

    def decorate(view: View) -> View:
        return _guarded(view, f"staff: {', '.join(roles) or 'all'}", lambda: has_role(*roles))

    return decorate


def has_role(*roles: str) -> bool:
    """Whether the current account is staff in one of `roles` (in any, when none is named)."""
    role = getattr(current_user, "role", None)
    return role is not None and (role == "admin" or not roles or role in roles)


def _guarded(view: View, access: str, allowed: Callable[[], bool]) -> View:
    @wraps(view)
    def guard(*args: Any, **kwargs: Any) -> Any:
        if not current_user.is_authenticated:
            return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
        if not allowed():
            abort(403)
        return view(*args, **kwargs)

    guard.access = access  # type: ignore[attr-defined]
    return guard  # type: ignore[return-value]


def insist_on_declared_access(app: Flask) -> None:
    """Raise UndeclaredAccessError unless every view of `app` says who may see it."""
    silent = [
        endpoint
        for endpoint, view in app.view_functions.items()
        if endpoint != "static" and not hasattr(view, "access")
    ]
    if silent:
        raise UndeclaredAccessError(f"no access declared for {', '.join(sorted(silent))}")
