"""How often stories are read is counted; who reads them is not."""

import threading
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from membership.articles import counting
from membership.articles.counting import Bound, Seen
from membership.articles.models import ReadingCount
from membership.db import transaction
from tests import factories
from tests.factories import NOON


def counts(session: Session) -> dict[tuple[str, int, int], int]:
    """By step, story and wording."""
    columns = (ReadingCount.step, ReadingCount.article_id, ReadingCount.variant_id)
    rows = session.execute(select(*columns, func.sum(ReadingCount.number)).group_by(*columns))
    return {(step, article, variant): int(number) for step, article, variant, number in rows}


def test_a_read_is_one_more_and_nothing_else(client: FlaskClient, session: Session) -> None:
    """[D4] [S10] No cookie, no answer, no row that could tell of a reader."""
    story = factories.article(session, slug="bridge")
    for step in ("read", "read", "ask_seen"):
        answer = client.post("/count", data={"step": step, "article": "bridge", "variant": "0"})
        assert (answer.status_code, answer.data) == (204, b"")
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
    client.post("/uk/count", data={"step": "support_page"})
    assert counts(session) == {
        ("read", story.id, 0): 2,
        ("ask_seen", story.id, 0): 1,
        ("support_page", 0, 0): 1,
    }
    columns = set(ReadingCount.__table__.columns.keys())
    assert columns == {"day", "article_id", "variant_id", "step", "slot", "number"}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"step": "paid", "article": "bridge"},
        {"step": "read"},
        {"step": "read", "article": "no-such"},
        {"step": "read", "article": "bridge\0"},
        {"step": "ask_seen", "article": ""},
        {"step": "read", "article": "bridge", "more": "x" * 2000},
    ],
)
def test_nonsense_counts_nothing_and_is_answered_alike(
    client: FlaskClient, session: Session, said: dict[str, str]
) -> None:
    factories.article(session, slug="bridge")
    if said.get("article") == "bridge\0":
        said = said | {"article": "bri\0dge!"}
    assert client.post("/count", data=said).status_code == 204
    assert counts(session) == {}


@pytest.mark.parametrize("variant", ["-1", "x", "٣", "9" * 30, "123456"])
def test_a_wording_that_is_none_counts_as_none(
    client: FlaskClient, session: Session, variant: str
) -> None:
    story = factories.article(session, slug="bridge")
    client.post("/count", data={"step": "ask_seen", "article": "bridge", "variant": variant})
    assert counts(session) == {("ask_seen", story.id, 0): 1}


def test_another_sites_pages_do_not_count(client: FlaskClient, session: Session) -> None:
    factories.article(session, slug="bridge")
    for site in ("cross-site", "same-site", "none"):
        client.post(
            "/count",
            data={"step": "read", "article": "bridge"},
            headers={"Sec-Fetch-Site": site},
        )
    assert counts(session) == {}


def test_one_network_adds_only_so_much_a_minute() -> None:
    """[S10] And what is remembered of it is no address, and for a minute only."""
    bound = Bound(most=2, most_networks=2)
    assert [bound.admits("192.0.2.7", NOON) for _ in range(3)] == [True, True, False]
    assert not bound.admits("192.0.2.200", NOON), "the same network"
    assert bound.admits("198.51.100.1", NOON)
    assert not bound.admits("203.0.113.1", NOON), "no more networks than that"
    assert "192" not in repr(bound._added)
    assert bound.admits("192.0.2.7", NOON + timedelta(minutes=1))


def test_readers_at_once_are_all_counted(committed: Engine) -> None:
    with transaction() as session:
        factories.article(session, slug="bridge")
    start = threading.Barrier(8)

    def read() -> None:
        start.wait()
        for _ in range(5):
            with transaction() as session:
                counting.add(session, Seen("read", "bridge", 0))

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    with transaction() as session:
        assert sum(counts(session).values()) == 40
