"""A worker that is killed while it hands mail over."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from membership.mail import delivery
from sandbox.inbox import Inbox
from tests.mail import mails

ROOT = Path(__file__).parents[2]


def kill_while_handing_over(settings: Settings, inbox: Inbox) -> None:
    """Let a process deliver, and kill it when the server has taken the first mail unanswered."""
    inbox.misbehave(stall_after_data=True)
    values = settings.model_dump(include={"public_url", "secret_key", "database_url", "redis_url"})
    values |= {
        "stripe_secret_key": settings.stripe_secret_key,
        "stripe_webhook_secrets": "whsec_tests",
        "smtp_url": inbox.smtp_url,
        "mail_from": settings.mail_from,
    }
    environment = os.environ | {name.upper(): str(value) for name, value in values.items()}
    command = [sys.executable, "-m", "flask", "--app", "app", "mail", "deliver"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            inbox.wait_for(count=1, timeout=60)
        finally:
            process.send_signal(signal.SIGKILL)
    inbox.misbehave()


@pytest.mark.parametrize(
    ("kind", "left", "times_sent"), [("sign_in_unknown", "sent", 2), ("news", "uncertain", 1)]
)
def test_only_the_mail_in_flight_is_in_doubt(
    committed: Engine,
    settings: Settings,
    inbox: Inbox,
    kind: str,
    left: str,
    times_sent: int,
) -> None:
    """[M2][L22] A sign-in goes once more as the same mail, news does not; the next is not lost."""
    for number in (1, 2):
        mails.put(number, "sign_in_unknown")
    kill_while_handing_over(settings, inbox)
    first, second = mails.rows()
    assert (first.state, first.attempts) == ("sending", 1), "committed before the server heard it"
    assert (second.state, second.attempts) == ("pending", 0)
    with committed.begin() as connection:
        connection.execute(text("UPDATE outbox_email SET kind = :kind"), {"kind": kind})

    assert delivery.deliver_due() == {}, "a lease still holds"
    mails.let_time_pass()
    delivery.deliver_due()
    assert mails.states() == [left, "sent"]
    ids = [mail["headers"]["Message-ID"] for mail in inbox.messages(to=first.recipient)]
    assert ids == [first.message_id] * times_sent
    assert len(inbox.messages(to=second.recipient)) == 1
