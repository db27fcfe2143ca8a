"""What an export of everything holds: every table, and no secret."""

from datetime import timedelta

import pytest
from sqlalchemy import LargeBinary
from sqlalchemy.orm import Session

from membership.db import Base
from membership.exports import readme, tables
from membership.voting.models import Ballot, Tally, TopicSupport, Turnout
from tests import factories
from tests.factories import NOON

# Bytes that are no secret: the chain of the audit log, and papers.
BYTES = {"audit_entry.previous_hash", "audit_entry.hash", "paper.pdf"}
TELLING = ("token", "hash", "secret", "code", "payload", "action_url", "context")
NO_SECRET = {"audit_entry.previous_hash", "audit_entry.hash", "dunning.decline_code"}


def rows(session: Session, name: str) -> list[tuple[object, ...]]:
    return tables.batch(session, Base.metadata.tables[name], None, 1000).rows


def test_all_that_is_left_out_is_there_to_be_left_out(app: object) -> None:
    known = set(Base.metadata.tables) | {
        str(column) for table in Base.metadata.tables.values() for column in table.columns
    }
    assert set(tables.LEFT_OUT) | set(tables.ROWS) <= known


def test_no_secret_is_exported(app: object) -> None:
    """[S2] A new column that looks like one must be named here, or be left out."""
    exported = [column for table in tables.exported() for column in tables.columns(table)]
    assert {str(each) for each in exported if isinstance(each.type, LargeBinary)} == BYTES
    telling = {str(each) for each in exported if any(word in each.name for word in TELLING)}
    assert telling == NO_SECRET


def test_the_readme_says_of_each_table_what_it_is_and_what_is_left_out(app: object) -> None:
    said = readme.text(NOON)
    for table in tables.exported():
        assert f"\n{table.name.upper()}\n" in said
        assert table.name == "article_tag" or readme.meaning(table), table.name
    assert "- sign_in: " in said
    assert "  account_id: bigint, of account.id" in said


def test_nothing_tells_of_a_round_that_is_open(session: Session) -> None:
    """[V4] [L20]"""
    voter = factories.patron(session)
    held = factories.round_(session)
    topic = factories.topic(session, state="on_ballot")
    session.add_all(
        [
            Ballot(round_id=held.id, account_id=voter.id, choices=[topic.id], cast_at=NOON),
            Turnout(round_id=held.id, account_id=voter.id),
            TopicSupport(topic_id=topic.id, account_id=voter.id),
        ]
    )
    session.flush()
    assert [rows(session, name) for name in ("ballot", "turnout", "topic_support")] == [[], [], []]
    assert "outbox_email" not in {table.name for table in tables.exported()}


def test_nothing_tells_who_follows_what(session: Session) -> None:
    """[V8] Who votes may follow what they choose: beside the turnout, that would be a ballot."""
    assert "topic_follow" not in {table.name for table in tables.exported()}
    assert "- topic_follow: who votes may follow what they choose" in readme.text(NOON)


@pytest.mark.parametrize(("ballots", "shown"), [(4, 0), (5, 5)])
def test_few_ballots_of_a_settled_round_stay_here(
    session: Session, ballots: int, shown: int
) -> None:
    """[V8] They would tell who chose what."""
    now = NOON
    held = factories.round_(
        session, state="settled", opens_at=now - timedelta(days=2), closes_at=now
    )
    session.add(
        Tally(
            round_id=held.id, method="approval", version=1, ballots=ballots, electorate=9,
            digest="d", result={},
        )
    )  # fmt: skip
    session.add_all(Ballot(round_id=held.id, choices=[1]) for _ in range(ballots))
    session.flush()
    assert rows(session, "ballot") == [(held.id, [1], None)] * shown


def test_a_table_is_read_in_batches_each_row_once(session: Session) -> None:
    """[L13]"""
    made = [factories.account(session).id for _ in range(5)]
    table, after, seen = Base.metadata.tables["account"], None, []
    while True:
        batch = tables.batch(session, table, after, 2)
        seen += [row[0] for row in batch.rows]
        if (after := batch.last) is None:
            break
    assert seen == made
