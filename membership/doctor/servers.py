"""The servers that the newsroom stands on: mail, PostgreSQL, Redis, worker and beat, and clocks."""

import time
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config.settings import LOCAL_HOSTS, settings
from membership import background, clock
from membership.db import database_now, transaction
from membership.doctor.findings import Finding, ok, warning, wrong
from membership.mail.smtp import MailServer, ServerAwayError
from membership.reports import heartbeat
from membership.web import health

OLDEST_POSTGRES = 15
# For a worker to answer; a busy one may take longer, and is then judged by its last heartbeat.
PATIENCE_SECONDS = 5.0


def mail_server() -> Iterator[Finding]:
    """Whether the server of SMTP_URL answers, takes our password, and speaks TLS."""
    about, url = "Mail server", urlsplit(settings().smtp_url)
    try:
        server = MailServer(settings().smtp_url)
    except ServerAwayError as error:
        advice = "Look at SMTP_URL, and whether this machine may connect there."
        yield wrong(about, f"{url.hostname} does not let us in: {error}.", advice)
        return
    is_encrypted = server.is_encrypted
    server.quit()
    if is_encrypted:
        yield ok(about, f"{url.hostname} answers, over TLS.")
    elif url.hostname in LOCAL_HOSTS:
        yield ok(about, f"{url.hostname} answers; without TLS, on this machine.")
    else:
        said = f"{url.hostname} offers no TLS, so anybody on the way can read our mail."
        yield wrong(about, said, "Use a port that does, such as 587, or smtps://… with 465.")


def database() -> Iterator[Finding]:
    """PostgreSQL's version, our migrations, and its clock against this machine's."""
    try:
        with transaction() as session:
            yield from _database(session)
    except SQLAlchemyError as error:
        advice = "Look at DATABASE_URL, and whether the server runs."
        yield wrong("PostgreSQL", f"does not answer ({type(error).__name__}).", advice)


def _database(session: Session) -> Iterator[Finding]:
    version = int(session.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    if version < OLDEST_POSTGRES:
        advice = f"Move to {OLDEST_POSTGRES} or later."
        yield wrong("PostgreSQL", f"its version is {version}.", advice)
    else:
        yield ok("PostgreSQL", f"version {version} answers.")
    if health.is_migrated(session):
        yield ok("Migrations", "the database has the newest.")
    else:
        yield wrong("Migrations", "the database is not at the newest.", "Run: flask migrate")
    yield clocks("PostgreSQL", database_now(session))


def clocks(whose: str, there: datetime) -> Finding:
    """This machine's clock against another's (rule B17)."""
    about, off = f"Clock against {whose}", (clock.now() - there).total_seconds()
    if abs(off) <= clock.TOLERANCE.total_seconds():
        return ok(about, "they agree.")
    ahead = "ahead" if off > 0 else "behind"
    advice = "Let both machines take the time from the network (NTP)."
    return wrong(about, f"this machine's is {abs(off):.0f} s {ahead}.", advice)


def redis() -> Iterator[Finding]:
    if health.redis_answers():
        yield ok("Redis", "answers.")
    else:
        yield wrong("Redis", "does not answer.", "Look at REDIS_URL, and whether the server runs.")


def workers() -> Iterator[Finding]:
    """A worker is asked now, through Redis; of beat, only its last sign can be read (rule M10)."""
    before = _ages()
    answered = health.redis_answers() and _a_worker_answers()
    yield _alive(
        "Worker",
        0.0 if answered else before["worker"],
        "Is it running? Without one no mail leaves and no payment is written down.",
    )
    beat = _alive("Beat", before["beat"], "Is it running? Without it what is due comes late.")
    if beat.state != "ok" and not answered:
        said = f"{beat.said} Without a worker that is no sign."
        beat = warning("Beat", said, "Mend the worker first, and run this again.")
    yield beat


def _alive(about: str, age: float | None, advice: str) -> Finding:
    if age is None:
        return wrong(about, "has never given a sign of life.", advice)
    if age > heartbeat.LATE.total_seconds():
        return wrong(about, f"last gave a sign of life {age / 60:.0f} minutes ago.", advice)
    return ok(about, f"gave a sign of life {age:.0f} s ago.")


def _a_worker_answers() -> bool:
    """Whether one answers within PATIENCE_SECONDS; it is asked as the canary asks it."""
    asked_at = time.monotonic()
    background.send("reports.answer_heart")
    while True:
        age = _ages()["worker"]
        waited = time.monotonic() - asked_at
        if age is not None and age < waited:
            return True
        if waited > PATIENCE_SECONDS:
            return False
        time.sleep(0.1)


def _ages() -> dict[str, float | None]:
    with transaction() as session:
        return heartbeat.ages(session)
