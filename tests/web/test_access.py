"""Who may see what is said by every view, and held."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.web import access
from tests import factories


def test_a_view_that_does_not_say_who_may_see_it_stops_the_start() -> None:
    app = Flask("silent")
    app.add_url_rule("/secret", endpoint="secret", view_func=lambda: "for whom?")
    with pytest.raises(access.UndeclaredAccessError, match="secret"):
        access.insist_on_declared_access(app)


def test_every_route_of_the_application_says_who_may_see_it(app: Flask) -> None:
    access.insist_on_declared_access(app)
    said = {getattr(view, "access", None) for view in app.view_functions.values()}
    assert {"anyone", "signed in"} < said


@pytest.mark.parametrize(
    ("role", "asked", "may"),
    [
        (None, (), False),
        ("reporter", (), True),
        ("reporter", ("finance",), False),
        ("finance", ("finance",), True),
        ("finance", ("editor",), False),
        ("admin", ("finance",), True),
    ],
)
def test_roles_are_denied_by_default(
    app: Flask,
    session: Session,
    signed_in: object,
    role: str | None,
    asked: tuple[str, ...],
    may: bool,
) -> None:
    """[S8]"""
    from flask_login import login_user, logout_user

    account = factories.account(session, role=role)
    account.is_authenticated = account.is_active = True
    account.get_id = lambda: "token"
    with app.test_request_context("/"):
        login_user(account)
        assert access.has_role(*asked) is may
        logout_user()


def test_staff_pages_are_closed_to_readers_and_patrons(
    client: FlaskClient, session: Session, signed_in: object
) -> None:
    """[S8]"""
    assert client.get("/staff/").status_code == 302
    signed_in(session, factories.patron(session))
    assert client.get("/staff/").status_code == 403
