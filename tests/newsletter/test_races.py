"""Two beats and four workers write each issue once, in real transactions."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from membership import clock
from membership.db import transaction
from membership.mail.models import OutboxEmail
from membership.newsletter.readers import DIGEST, NEWSLETTER
from tasks import newsletter as tasks
from tests import factories
from tests.newsletter.steps import ADDRESS, KYIV, SATURDAY, confirmed

pytestmark = pytest.mark.usefixtures("committed")
WORKERS = 4
FIRST = datetime(2026, 11, 1, 8, tzinfo=KYIV)


@pytest.fixture
def workers(app: Flask) -> Iterator[ThreadPoolExecutor]:
    context = app.app_context
    with ThreadPoolExecutor(WORKERS, initializer=lambda: context().push()) as pool:
        yield pool


def all_at_once(workers: ThreadPoolExecutor, at: datetime, act: Callable[[], None]) -> None:
    ready = threading.Barrier(WORKERS)

    def once_all_are_ready(_: int) -> None:
        ready.wait(timeout=30)
        with clock.fixed(at):
            act()

    list(workers.map(once_all_are_ready, range(WORKERS)))


def letters(kind: str) -> Counter[str]:
    with transaction() as session:
        asked = select(OutboxEmail.recipient).where(OutboxEmail.kind == kind)
        return Counter(session.scalars(asked))


def test_a_weeks_letter_is_written_once(workers: ThreadPoolExecutor) -> None:
    """[M8] [V11] One issue, one letter to each reader."""
    day = timedelta(days=1)
    with transaction() as session:
        factories.article(session, published_at=SATURDAY - day)
        for number in range(20):
            confirmed(session, f"reader{number}@example.org")
    for at in (SATURDAY, SATURDAY + day):
        all_at_once(workers, at, tasks.issue)
    assert letters(NEWSLETTER) == {f"reader{number}@example.org": 1 for number in range(20)}


def test_a_months_digest_is_written_once(workers: ThreadPoolExecutor) -> None:
    """[M8] [V11] One issue, one digest for each patron."""
    with transaction() as session:
        factories.article(session, published_at=FIRST - timedelta(days=5))
        patrons = [factories.patron(session).email for _ in range(20)]
    all_at_once(workers, FIRST, tasks.write_digest)
    assert letters(DIGEST) == dict.fromkeys(patrons, 1)


def test_an_address_that_is_asked_for_many_times_at_once(
    app: Flask, workers: ThreadPoolExecutor
) -> None:
    """[S3] It gets no more mails than its day allows, and is one row."""
    app.config["WTF_CSRF_ENABLED"] = False
    ready = threading.Barrier(WORKERS)

    def ask_twice(_: int) -> list[int]:
        browser = app.test_client()
        ready.wait(timeout=30)
        return [browser.post("/newsletter", data={"email": ADDRESS}).status_code for _ in range(2)]

    assert list(workers.map(ask_twice, range(WORKERS))) == [[303, 303]] * WORKERS
    assert letters("newsletter_confirm") == {ADDRESS: 3}
