"""A bounce that is reported faster than our worker hears that its mail was taken."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

import requests
from aiosmtpd.controller import Controller

from sandbox.demo.surroundings import ROOT
from sandbox.services import free_port, tied
from tests.faults.mailroom import Mailroom
from tests.mail.reports import Impatient, postmark_bounce
from tests.system import wait_until

LOGIN = ("kava", "sixteen letters or more")
BLOCKED = "SELECT reason FROM suppression WHERE address = :address"


@contextmanager
def web(room: Mailroom) -> Iterator[str]:
    """A web process of the room; where it answers."""
    url = room.environment["PUBLIC_URL"]
    options = ("--interface", "wsgi", "--factory", "--host", "127.0.0.1", "--no-ws")
    port = ("--port", url.rpartition(":")[2])
    command = [sys.executable, "-m", "granian", *options, *port, "app:create_app"]
    with (room.directory / "log" / "extra.log").open("ab") as log:
        process = subprocess.Popen(
            tied(command, "KILL"), cwd=ROOT, env=room.environment, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: _answers(url), "the web process", 60)
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_reported_before_our_commit(room: Mailroom) -> None:
    """[M4] [M2] The row still says `sending`; its later `sent` undoes nothing, and that was all."""
    seen: list[tuple[str, int]] = []
    room.environment["POSTMARK_WEBHOOK_LOGIN"] = ":".join(LOGIN)

    def report(letter: EmailMessage) -> None:
        hook = f"{room.environment['PUBLIC_URL']}/webhooks/mail/postmark"
        answer = requests.post(hook, json=postmark_bounce(letter), auth=LOGIN, timeout=15)
        state = room.scalar(
            "SELECT state FROM outbox_email WHERE message_id = :id", id=str(letter["Message-ID"])
        )
        seen.append((state, answer.status_code))

    peer = Controller(Impatient(report), hostname="127.0.0.1", port=free_port())
    peer.start()
    try:
        room.environment["SMTP_URL"] = f"smtp://127.0.0.1:{peer.port}"
        with web(room), room.worker():
            for name, kind in (("news", "published"), ("person", "sign_in_unknown")):
                room.put(1, name, kind)
                room.deliver()
                room.wait_until_final(name)
                (mail,) = room.mail_to(name)
                assert mail["state"] == "sent"
                assert mail["bounced_at"] < mail["sent_at"]
                assert room.scalar(BLOCKED, address=mail["recipient"]) == "hard_bounce"
                room.put(1, f"{name} again", "sign_in_unknown", recipient=mail["recipient"])
                room.deliver()
                room.wait_until_final(f"{name} again")
                assert room.states(f"{name} again") == {"suppressed": 1}
    finally:
        peer.stop()
    assert seen == [("sending", 200)] * 2
