"""The inbox keeps what a mail server would deliver, shows it, and can misbehave."""

import json
import smtplib
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import pytest

from sandbox import inbox as inboxes
from sandbox.services import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture
def inbox() -> Iterator[inboxes.Inbox]:
    with inboxes.start() as running:
        yield running


def send(inbox: inboxes.Inbox, to: str = "reader@example.org", timeout: float = 30) -> None:
    mail = EmailMessage()
    mail["From"] = "Kava <post@kava.example>"
    mail["To"] = to
    mail["Subject"] = "Дякуємо! Your receipt"
    mail["Message-ID"] = make_msgid(domain="kava.example")
    mail.set_content("Ви дали 3 €: https://kava.example/account\n")
    mail.add_alternative(
        "<html><head><title>x</title></head><body><p>Дякуємо</p></body></html>", subtype="html"
    )
    host, port = inbox.smtp_url.removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port), timeout=timeout) as server:
        server.send_message(mail)


def get(url: str) -> tuple[str, dict[str, str]]:
    with urllib.request.urlopen(url, timeout=30) as response:
        return response.read().decode(), dict(response.headers)


def test_messages_json_shows_a_mail_as_it_is_read(inbox: inboxes.Inbox) -> None:
    send(inbox)
    (mail,) = inbox.messages()
    assert mail["id"] == 1
    assert mail["to"] == "reader@example.org"
    assert mail["from"] == "Kava <post@kava.example>"
    assert mail["subject"] == "Дякуємо! Your receipt"
    assert mail["headers"]["Subject"] == mail["subject"]
    assert mail["text"] == "Ви дали 3 €: https://kava.example/account\n"
    assert "<p>Дякуємо</p>" in mail["html"]


def test_newest_stands_last_and_to_chooses_one_reader(inbox: inboxes.Inbox) -> None:
    for reader in ("a@example.org", "b@example.org", "a@example.org"):
        send(inbox, to=reader)
    assert [mail["id"] for mail in inbox.messages()] == [1, 2, 3]
    assert [mail["id"] for mail in inbox.messages(to="A@example.org")] == [1, 3]
    assert inbox.messages(to="example.org") == []


def test_of_many_mails_a_part_can_be_listed(inbox: inboxes.Inbox) -> None:
    before = datetime.now(UTC)
    for reader in ("a@example.org", "b@example.org", "a@example.org"):
        send(inbox, to=reader)
    ids = [mail["message_id"] for mail in inbox.messages()]
    assert ids == [mail["headers"]["Message-ID"] for mail in inbox.messages()]
    assert len(set(ids)) == 3
    newer = inbox.messages(after=1, fields="id,to,message_id")
    assert newer == [
        {"id": 2, "to": "b@example.org", "message_id": ids[1]},
        {"id": 3, "to": "a@example.org", "message_id": ids[2]},
    ]
    assert inbox.messages(to="a@example.org", after=1, fields="id") == [{"id": 3}]
    assert inbox.messages(after=3) == []
    times = [mail["received_at"] for mail in inbox.messages(fields="received_at")]
    assert times == sorted(times)
    assert before < datetime.fromisoformat(times[0]) < datetime.fromisoformat(times[2])
    (last,) = inbox.messages(after=2, fields="subject,id")
    assert last == {"subject": "Дякуємо! Your receipt", "id": 3}
    with pytest.raises(urllib.error.HTTPError) as refused:
        inbox.messages(fields="id,colour")
    with refused.value:
        assert refused.value.code == 400
        assert json.load(refused.value) == {"error": "A mail has no field 'colour'."}


def test_it_takes_commands_that_do_not_wait_for_the_answer_before(inbox: inboxes.Inbox) -> None:
    """RFC 2920: a whole mail, and the greeting of the next, in two writes."""
    host, port = inbox.smtp_url.removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port), timeout=30) as server:
        server.ehlo()
        assert server.has_extn("pipelining")
        for number in (1, 2):
            start = f"MAIL FROM:<a@example.org>\r\nRCPT TO:<{number}@example.org>\r\nDATA\r\n"
            server.send(start)
            assert [server.getreply()[0] for _ in range(3)] == [250, 250, 354]
            server.send(f"Message-ID: <{number}@here>\r\n\r\nHello\r\n.\r\nRSET\r\n")
            assert [server.getreply()[0] for _ in range(2)] == [250, 250]
    listed = inbox.messages(fields="to,message_id")
    assert listed == [
        {"to": f"{number}@example.org", "message_id": f"<{number}@here>"} for number in (1, 2)
    ]


def test_delete_forgets_all(inbox: inboxes.Inbox) -> None:
    send(inbox)
    inbox.clear()
    assert inbox.messages() == []


def test_wait_for_says_what_came_instead(inbox: inboxes.Inbox) -> None:
    send(inbox)
    (mail,) = inbox.wait_for(to="reader@example.org", subject_contains="receipt")
    assert mail["id"] == 1
    with pytest.raises(TimeoutError, match=r"Wanted 2 .*reader@example\.org"):
        inbox.wait_for(subject_contains="receipt", count=2, timeout=0)


def test_a_mail_can_be_read_in_the_browser_and_runs_no_script(inbox: inboxes.Inbox) -> None:
    send(inbox)
    page, _ = get(f"{inbox.http_url}/messages/1")
    assert "Дякуємо! Your receipt" in page
    assert '<a href="https://kava.example/account"' in page
    html, headers = get(f"{inbox.http_url}/messages/1/html")
    assert '<head><base target="_blank">' in html
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "allow-scripts" not in headers["Content-Security-Policy"]
    source, _ = get(f"{inbox.http_url}/messages/1/source")
    assert source.startswith("From: Kava <post@kava.example>")
    with pytest.raises(urllib.error.HTTPError, match="404") as missing:
        get(f"{inbox.http_url}/messages/2")
    missing.value.close()


@pytest.mark.parametrize("answer", [421, 450, 550])
def test_a_refused_mail_is_not_kept(inbox: inboxes.Inbox, answer: int) -> None:
    inbox.misbehave(answer=answer)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(inbox)
    assert refused.value.recipients["reader@example.org"][0] == answer
    assert inbox.messages() == []
    inbox.misbehave()
    send(inbox)
    assert len(inbox.messages()) == 1


def test_a_stalled_mail_is_kept_though_its_sender_never_hears_so(inbox: inboxes.Inbox) -> None:
    inbox.misbehave(stall_after_data=True)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        # Long enough for all that is said before.
        send(inbox, timeout=2)
    assert len(inbox.messages()) == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "JSON object"),
        (b"[]", "JSON object"),
        (b'{"anwser": 250}', "JSON object"),
        (b'{"answer": 200}', '"answer" must be'),
        (b'{"answer": [], "stall_after_data": true}', '"answer" must be'),
        (b'{"stall_after_data": 1}', '"stall_after_data" must be'),
        (b'{"answer": 550, "stall_after_data": "yes"}', '"stall_after_data" must be'),
    ],
)
def test_wrong_faults_change_nothing(inbox: inboxes.Inbox, body: bytes, sentence: str) -> None:
    call = urllib.request.Request(f"{inbox.http_url}/faults", data=body, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(call, timeout=30)
    with refused.value:
        assert refused.value.code == 400
        assert sentence in json.load(refused.value)["error"]
    send(inbox)
    assert len(inbox.messages()) == 1


def test_the_process_keeps_mails_over_a_restart_and_ends_on_sigterm(tmp_path: Path) -> None:
    http_port = free_port()
    command = [
        sys.executable, "-m", "sandbox.inbox", "--data", str(tmp_path / "mails"),
        "--smtp-port", str(free_port()), "--http-port", str(http_port),
    ]  # fmt: skip
    with inboxes.start(file=tmp_path / "mails") as first:
        send(first)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{http_port}" in process.stdout.readline()
        (mail,) = inboxes.Reader(f"http://127.0.0.1:{http_port}").messages()
        process.terminate()
        assert process.wait(60) == 0
    assert mail["subject"] == "Дякуємо! Your receipt"
