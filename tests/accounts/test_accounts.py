"""Accounts: one for an address, and staff among them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from membership.accounts import accounts
from membership.accounts.models import Account, AuditEntry
from membership.db import transaction
from membership.mail import addresses
from tests import factories


def test_an_account_is_found_however_its_address_is_cased(session: Session) -> None:
    reader = factories.account(session, email="Olena@Example.org")
    assert accounts.find(session, "olena@example.ORG") is reader
    assert accounts.find(session, "nobody@example.org") is None


def test_ensuring_creates_once_and_unverified(session: Session) -> None:
    """[B6] An address that somebody typed proves nothing, neither then nor later."""
    first = accounts.ensure(session, "olena@example.org", "uk", "Olena")
    again = accounts.ensure(session, "OLENA@example.org", "en", "Somebody")
    assert again is first
    assert (first.language, first.name, first.verified_at, first.role) == (
        "uk",
        "Olena",
        None,
        None,
    )


def test_ensuring_at_once_creates_one_account(app: Flask, committed: Engine) -> None:
    def ensure(_: int) -> int:
        with app.app_context(), transaction() as session:
            return accounts.ensure(session, "olena@example.org", "en").id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ensure, range(16)))) == 1


def test_staff_is_created_once_and_it_is_written_down(app: Flask, session: Session) -> None:
    """[S8][S9] The command may be repeated; a change of role has an audit entry."""
    command = app.test_cli_runner()
    for role, said in (
        ("editor", "is now editor"),
        ("editor", "is already editor"),
        ("admin", "is now admin"),
    ):
        result = command.invoke(args=["staff", "create", "desk@courier.example", "--role", role])
        assert (result.exit_code, result.output) == (0, f"desk@courier.example {said}.\n")
    account = session.scalars(select(Account)).one()
    assert (account.role, account.is_staff) == ("admin", True)
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.subject, entry.detail) for entry in entries] == [
        (f"account:{account.id}", {"role": "editor", "before": None}),
        (f"account:{account.id}", {"role": "admin", "before": "editor"}),
    ]


@pytest.mark.parametrize(
    ("email", "role"), [("desk@courier.example", "boss"), ("desk", "editor"), ("", "editor")]
)
def test_wrong_staff_is_one_clear_line_and_changes_nothing(
    app: Flask, session: Session, email: str, role: str
) -> None:
    result = app.test_cli_runner().invoke(args=["staff", "create", email, "--role", role])
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    assert session.scalars(select(Account)).all() == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (" Olena@Example.ORG ", "Olena@example.org"),
        ("olena@кава.укр", "olena@xn--80aaf4a.xn--j1amh"),
    ],
)
def test_an_address_is_cleaned(typed: str, meant: str) -> None:
    assert addresses.clean(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "olena",
        "olena@",
        "a@b",
        "a b@example.org",
        "a@example.org\r\nBcc: b@example.org",
        "a@b@c.de",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(addresses.InvalidAddressError):
        addresses.clean(typed)
