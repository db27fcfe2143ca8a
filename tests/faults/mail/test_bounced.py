"""A bounce that is reported faster than our worker hears that its mail was taken."""

from email.message import EmailMessage

import requests
from aiosmtpd.controller import Controller

from sandbox.services import free_port
from tests.faults.mailroom import Mailroom
from tests.mail.reports import Impatient, postmark_bounce

LOGIN = ("kava", "sixteen letters or more")
BLOCKED = "SELECT reason FROM suppression WHERE address = :address"


def test_reported_before_our_commit(room: Mailroom) -> None:
    """[M4] [M2] The row still says `sending`; its later `sent` undoes nothing, and that was all."""
    seen: list[tuple[str, int]] = []
    room.environment["POSTMARK_WEBHOOK_LOGIN"] = ":".join(LOGIN)

    def report(letter: EmailMessage) -> None:
        hook = f"{web.url}/webhooks/mail/postmark"
        answer = requests.post(hook, json=postmark_bounce(letter), auth=LOGIN, timeout=15)
        state = room.scalar(
            "SELECT state FROM outbox_email WHERE message_id = :id", id=str(letter["Message-ID"])
        )
        seen.append((state, answer.status_code))

    peer = Controller(Impatient(report), hostname="127.0.0.1", port=free_port())
    peer.start()
    try:
        room.environment["SMTP_URL"] = f"smtp://127.0.0.1:{peer.port}"
        with room.extra_web() as web, room.worker():
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
