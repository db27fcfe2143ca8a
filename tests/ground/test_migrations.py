"""Migrations come while the release before is still at work."""

import json
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.config import Config
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, text

from membership import db
from membership.billing import stripping

OLD_EVENT = {
    "id": "evt_old",
    "type": "invoice.upcoming",
    "livemode": False,
    "data": {
        "object": {
            "object": "invoice",
            "customer_email": "reader@example.org",
            "parent": {"subscription_details": {"subscription": "sub_1"}},
        },
        "previous_attributes": {"customer_name": "Olena"},
    },
}
ACCOUNT = "INSERT INTO account (email, language) VALUES ('reader@example.org', 'en')"
DONATIONS = (
    "INSERT INTO donation (account_id, stripe_payment_intent_id, amount_minor, currency, paid_at,"
    " refunded_minor, refunded_at)"
    " SELECT 1, 'pi_' || n, 500, 'EUR', now(), 200 * n, CASE n WHEN 0 THEN NULL ELSE now() END"
    " FROM generate_series(0, 1) n"
)
EVENT = (
    "INSERT INTO stripe_event (id, type, payload, state, attempts, created_at)"
    " VALUES (:id, 'invoice.upcoming', CAST(:payload AS jsonb), 'pending', 0, now())"
)


@pytest.fixture
def older(app: Flask, engine: Engine) -> Iterator[Engine]:
    """A database of the first release, with a patron in it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE older"))
        made = create_engine(engine.url.set(database="older"))
        with made.begin() as begun:
            upgrade(begun, "0001")
            begun.execute(text(ACCOUNT))
            begun.execute(text(DONATIONS))
            keep_event(begun, "evt_old")
        db.use(made)
        yield made
        db.use(engine)
        made.dispose()
        connection.execute(text("DROP DATABASE older"))


def upgrade(connection: Connection, revision: str) -> None:
    config = Config(toml_file="pyproject.toml")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def keep_event(connection: Connection, event_id: str) -> None:
    """As the first release did: whole."""
    connection.execute(text(EVENT), {"id": event_id, "payload": json.dumps(OLD_EVENT)})


def test_what_the_first_release_left_is_taken_over(older: Engine) -> None:
    """[S10] Its refunds get rows at once; its events are stripped later, in small steps."""
    with older.begin() as connection:
        upgrade(connection, "head")
        keep_event(connection, "evt_between")
        found = connection.execute(text("SELECT donation_id, amount_minor, state FROM refund"))
        assert [tuple(each) for each in found] == [(2, 200, "done")]
        kept = connection.scalar(text("SELECT count(*) FROM stripe_event WHERE NOT is_stripped"))
        assert kept == 2
    assert stripping.strip_old() == 2
    with older.begin() as connection:
        for payload in connection.scalars(text("SELECT payload FROM stripe_event")):
            parent = {"subscription_details": {"subscription": "sub_1"}}
            said = {"data": {"object": {"object": "invoice", "parent": parent}}}
            assert payload == {**OLD_EVENT, **said}
    assert stripping.strip_old() == 0


def test_who_holds_a_table_makes_nobody_wait_long(committed: Engine, app: Flask) -> None:
    """What waits for a lock holds up all that come after; so the migration gives way."""
    with committed.connect() as other:
        other.execute(text("LOCK TABLE alembic_version"))
        result = app.test_cli_runner().invoke(args=["migrate"])
    assert result.exit_code == 1
    assert "Somebody has held a table for more than five seconds" in result.output
    assert app.test_cli_runner().invoke(args=["migrate"]).exit_code == 0
