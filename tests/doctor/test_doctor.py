"""The command, and what it looks at beside the domain name system."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from config.settings import Settings
from membership import background, clock
from membership.billing.sync import WANTED_EVENTS
from membership.doctor import payments, servers
from membership.doctor.findings import Finding, examine, ok
from membership.doctor.names import Names
from membership.reports import heartbeat
from sandbox import inbox as inboxes
from sandbox import services
from sandbox.stripe.account import add_webhook_endpoint
from tests.billing.conftest import Stripe
from tests.doctor.conftest import NameServer, Set
from tests.doctor.test_sender import GOOD_KEY

ZONE = {
    "courier.example": ["v=spf1 include:mail.example -all"],
    "pm._domainkey.courier.example": [GOOD_KEY],
    "_dmarc.courier.example": ["v=DMARC1; p=reject"],
}


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with services.start_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def worker(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does at once what it is woken for."""
    monkeypatch.setattr(background, "send", lambda _task: heartbeat.answer(session))


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis takes what is sent, and nobody fetches it."""
    monkeypatch.setattr(background, "send", lambda _task: None)
    monkeypatch.setattr(servers, "PATIENCE_SECONDS", 0.0)


@pytest.fixture
def no_stripe(app: Flask) -> Iterator[None]:
    """Nothing listens at its address; the client that learned so is of no use to others."""
    yield
    app.extensions.pop("kava.stripe", None)


def run(app: Flask, *options: str) -> Result:
    return app.test_cli_runner().invoke(args=["doctor", *options])


def states(findings: list[Finding]) -> dict[str, str]:
    return {each.about: each.state for each in findings}


def point_at(stripe: Stripe, url: str = "http://localhost/webhooks/stripe") -> str:
    """A webhook endpoint at Stripe; gives its id."""
    with stripe.server.world.lock:
        add_webhook_endpoint(stripe.server.world, url)
        (endpoint,) = stripe.server.world.all("webhook_endpoint")
        return str(endpoint["id"])


def test_all_is_well(
    app: Flask,
    session: Session,
    stripe: Stripe,
    redis: str,
    names: Names,
    name_server: NameServer,
    settings_are: Set,
    worker: None,
) -> None:
    """[M11] One line for each check, and exit status 0; the same as JSON."""
    point_at(stripe)
    name_server.zone = ZONE
    heartbeat.beat(session)
    with inboxes.start() as mail:
        settings_are(smtp_url=mail.smtp_url, redis_url=redis, postmark_webhook_login="kava:secret")
        result = run(app)
        as_json = run(app, "--json", "--selector", "pm")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert all(line.startswith("ok       ") for line in lines)
    assert [line[9:].partition(":")[0] for line in lines] == [
        "PostgreSQL", "Migrations", "Clock against PostgreSQL", "Redis", "Worker", "Beat",
        "Mail server", "Letters", "List-Unsubscribe", "Bounces", "SPF", "DKIM", "DMARC",
        "Alignment", "Stripe", "Stripe's webhook", "Clock against Stripe",
    ]  # fmt: skip
    assert as_json.exit_code == 0
    found = json.loads(as_json.output)
    assert len(found) == len(lines)
    assert found[0].keys() == {"about", "state", "said", "advice"}


def test_what_is_wrong_is_said_with_what_to_do_and_ends_nothing(
    app: Flask,
    session: Session,
    names: Names,
    name_server: NameServer,
    no_worker: None,
    no_stripe: None,
) -> None:
    """[M11] No Redis, no Stripe, no mail server, no name server: all looks are made. Status 1."""
    name_server.is_away = True
    result = run(app, "--json")
    assert result.exit_code == 1
    found = {each["about"]: each for each in json.loads(result.output)}
    wrong = {about for about, each in found.items() if each["state"] == "wrong"}
    assert wrong == {"Redis", "Worker", "Mail server", "Stripe"}
    assert {about for about, each in found.items() if each["state"] == "warning"} == {
        "Beat", "Bounces", "SPF", "DKIM", "DMARC", "Alignment",
    }  # fmt: skip
    assert all(each["advice"] for each in found.values() if each["state"] != "ok")
    plain = run(app)
    assert plain.exit_code == 1
    assert len(plain.output.splitlines()) == len(found)
    assert all(len(line) < 400 for line in plain.output.splitlines())


def test_a_check_that_breaks_is_wrong_and_ends_none_of_the_others() -> None:
    """[M11]"""

    def broken() -> list[Finding]:
        raise RuntimeError("unforeseen")

    found = examine([("First", broken), ("Second", lambda: [ok("Second", "is well.")])])
    assert states(found) == {"First": "wrong", "Second": "ok"}
    assert "RuntimeError" in found[0].line()


def test_a_mail_server_elsewhere_must_offer_tls(session: Session, settings_are: Set) -> None:
    """[M11] On this machine nobody listens in; elsewhere they may."""
    with inboxes.start() as mail:
        settings_are(smtp_url=mail.smtp_url)
        assert states(list(servers.mail_server())) == {"Mail server": "ok"}
        # The same machine, by a name of which nobody knows that it is.
        settings_are(smtp_url=mail.smtp_url.replace("127.0.0.1", "127.1"))
        (found,) = servers.mail_server()
    assert found.state == "wrong"
    assert "offers no TLS" in found.said


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, "ok"), (59, "ok"), (61, "wrong"), (-90, "wrong")]
)
def test_clocks_agree_within_a_minute(seconds: int, state: str) -> None:
    """[B17][M11] And it says which way, and by how much."""
    now = clock.now()
    with clock.fixed(now + timedelta(seconds=seconds)):
        found = servers.clocks("Stripe", now)
    assert found.state == state
    if state == "wrong":
        assert f"{abs(seconds)} s {'ahead' if seconds > 0 else 'behind'}" in found.said


def test_the_clock_is_compared_with_the_database_and_stripe(
    app: Flask, session: Session, stripe: Stripe
) -> None:
    """[B17][M11] An hour off is wrong in both."""
    with clock.fixed(clock.now() + timedelta(hours=1)):
        found = states([*servers.database(), *payments.stripe()])
    assert found["Clock against PostgreSQL"] == "wrong"
    assert found["Clock against Stripe"] == "wrong"


def test_a_migration_that_is_missing(app: Flask, session: Session) -> None:
    """[M11]"""
    session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    found = list(servers.database())
    assert states(found)["Migrations"] == "wrong"
    assert "flask migrate" in found[1].advice


def test_a_worker_is_asked_and_beat_is_known_by_its_last_sign(
    session: Session, redis: str, settings_are: Set, worker: None
) -> None:
    """[M11][M10] A worker that answers shows that it is beat that stands still."""
    settings_are(redis_url=redis)
    heartbeat.beat(session)
    heartbeat.answer(session)
    session.execute(text("UPDATE heartbeat SET at = at - interval '10 minutes'"))
    found = list(servers.workers())
    assert states(found) == {"Worker": "ok", "Beat": "wrong"}
    assert "10 minutes ago" in found[1].said


def test_a_busy_worker_is_judged_by_its_last_heartbeat(
    session: Session, redis: str, settings_are: Set, no_worker: None
) -> None:
    """[M11][M10] Late only after three minutes."""
    settings_are(redis_url=redis)
    heartbeat.beat(session)
    heartbeat.answer(session)
    assert states(list(servers.workers())) == {"Worker": "ok", "Beat": "ok"}
    session.execute(text("UPDATE heartbeat SET at = at - interval '4 minutes'"))
    assert states(list(servers.workers())) == {"Worker": "wrong", "Beat": "warning"}


def test_a_worker_may_take_a_moment_to_answer(
    app: Flask, committed: object, redis: str, settings_are: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M11] It is waited for."""
    from tasks.reports import answer_heart

    def later(_task: str) -> None:
        threading.Timer(0.2, in_context).start()

    def in_context() -> None:
        with app.app_context():
            answer_heart()

    monkeypatch.setattr(background, "send", later)
    settings_are(redis_url=redis)
    assert states(list(servers.workers()))["Worker"] == "ok"


def test_stripes_webhook_must_point_here_live_and_bring_all(
    app: Flask, session: Session, stripe: Stripe
) -> None:
    """[M11][B14] Another site's is not ours; a disabled one hears nothing; an event may miss."""

    def webhook() -> Finding:
        return list(payments.stripe())[1]

    assert "none that points at this site" in webhook().said
    endpoint = point_at(stripe, "https://another.example/webhooks/stripe")
    assert "none that points at this site" in webhook().said
    assert "http://localhost/webhooks/stripe" in webhook().advice
    point_at(stripe)
    assert webhook().state == "ok"
    stripe.change(endpoint, enabled_events=sorted(WANTED_EVENTS))
    assert webhook().state == "ok"
    stripe.change(endpoint, enabled_events=sorted(WANTED_EVENTS - {"charge.failed"}))
    assert webhook().state == "wrong"
    assert "charge.failed" in webhook().said
    stripe.change(endpoint, status="disabled")
    assert webhook().state == "wrong"
    assert "disabled" in webhook().said


def test_a_wrong_key_is_said_without_repeating_it(
    app: Flask, session: Session, stripe: Stripe, settings_are: Set
) -> None:
    """[M11]"""
    settings_are(stripe_secret_key="sk_test_somebody_elses")
    (found,) = payments.stripe()
    assert found.state == "wrong"
    assert "somebody" not in found.line()


def test_test_mode_on_a_public_site_is_a_warning(
    app: Flask, session: Session, stripe: Stripe, settings_are: Set
) -> None:
    """[M11] Readers would believe that they give."""
    assert next(payments.stripe()).state == "ok"
    settings_are(public_url="https://courier.example")
    assert next(payments.stripe()).state == "warning"


def test_the_events_that_we_need_stand_in_the_manual(settings: Settings) -> None:
    """[M11][B14] Who sets the webhook up copies them from there."""
    manual = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
    assert [event for event in WANTED_EVENTS if f"`{event}`" not in manual] == []
