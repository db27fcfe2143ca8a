"""A mail server that delivers nothing: it keeps every mail and shows it.

`python -m sandbox.inbox --smtp-port N --http-port M [--data FILE]` runs it as a process;
`start()` runs it in threads, for tests.

Over HTTP: `GET /` to read, `GET /messages.json?to=ADDRESS` (newest last), `DELETE /messages`, and
`POST /faults` with any of `{"answer": 250|421|450|550, "stall_after_data": bool}`. `answer` is what
every RCPT TO is told; a stalled mail is taken and kept, but its sender never hears so.
Of thousands of mails, `?after=ID` lists the newer ones alone, and `?fields=id,to` a part of each;
`id`, `received_at`, `to` and `message_id` are told without reading the mail, so quickly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import click
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask, Response, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.mailbox import Mail, Mailbox
from sandbox.services import free_port

HOST = "127.0.0.1"
ANSWERS = {
    250: "250 OK",
    421: "421 4.3.2 Try again later",
    450: "450 4.2.1 Mailbox busy",
    550: "550 5.1.1 No such mailbox",
}
# A mail is somebody else's page: it may show itself and open links, and do nothing else.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "img-src * data:; style-src 'unsafe-inline'"
)


@dataclass
class Faults:
    """How the mail server misbehaves."""

    answer: int = 250
    stall_after_data: bool = False

    def change(self, wanted: object) -> None:
        """Take over what is named; ValueError with one sentence, and no change, if it is wrong."""
        if not isinstance(wanted, dict) or not wanted.keys() <= {"answer", "stall_after_data"}:
            raise ValueError('Send a JSON object with "answer" and "stall_after_data" only.')
        answer = wanted.get("answer", self.answer)
        stall = wanted.get("stall_after_data", self.stall_after_data)
        if not isinstance(answer, int) or answer not in ANSWERS:
            raise ValueError('"answer" must be 250, 421, 450 or 550.')
        if not isinstance(stall, bool):
            raise ValueError('"stall_after_data" must be true or false.')
        self.answer, self.stall_after_data = answer, stall


class Receiver:
    """What aiosmtpd calls for each mail."""

    def __init__(self, mailbox: Mailbox, faults: Faults) -> None:
        self._mailbox = mailbox
        self._faults = faults

    async def handle_EHLO(  # noqa: N802 - the name is aiosmtpd's
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """aiosmtpd reads on while it answers, so it may as well say so (RFC 2920)."""
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if self._faults.answer == 250:
            envelope.rcpt_tos.append(address)
        return ANSWERS[self._faults.answer]

    async def handle_DATA(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        source = envelope.original_content or b""
        self._mailbox.add(tuple(map(str, envelope.rcpt_tos)), source)
        if self._faults.stall_after_data:
            await asyncio.Event().wait()  # until the sender gives up and hangs up
        return "250 OK: kept"


def create_app(mailbox: Mailbox, faults: Faults) -> Flask:
    """The pages and the JSON over one mailbox."""
    app = Flask(__name__, static_folder=None)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]

    def find(number: int) -> Mail:
        return mailbox.get(number) or abort(404)

    @app.get("/")
    @app.get("/messages/<int:number>")
    def read(number: int | None = None) -> str:
        mail = find(number) if number else None
        mails = mailbox.all(request.args.get("to") or None)
        return render_template("inbox.html", mails=mails[::-1], shown=mail)

    @app.get("/messages/<int:number>/html")
    def html(number: int) -> Response:
        # A link in a mail opens beside the inbox, not inside its frame.
        base = '<base target="_blank">'
        body = find(number).part("html")
        body, found = re.subn(r"(<head[^>]*>)", rf"\1{base}", body, count=1, flags=re.IGNORECASE)
        response = Response(body if found else base + body, mimetype="text/html")
        response.headers["Content-Security-Policy"] = MAIL_POLICY
        return response

    @app.get("/messages/<int:number>/source")
    def source(number: int) -> Response:
        return Response(find(number).source, mimetype="text/plain")

    @app.get("/messages.json")
    def messages() -> ResponseReturnValue:
        fields = [name for name in request.args.get("fields", "").split(",") if name]
        after = request.args.get("after", 0, int)
        mails = mailbox.all(request.args.get("to"), after)
        try:
            return jsonify([mail.as_json(fields) for mail in mails])
        except KeyError as error:
            return {"error": f"A mail has no field {error}."}, 400

    @app.delete("/messages")
    def clear() -> ResponseReturnValue:
        mailbox.clear()
        return "", 204

    @app.post("/faults")
    def misbehave() -> ResponseReturnValue:
        try:
            faults.change(request.get_json(force=True, silent=True))
        except ValueError as error:
            return {"error": str(error)}, 400
        return {"answer": faults.answer, "stall_after_data": faults.stall_after_data}

    return app


class Reader:
    """Reads any inbox over HTTP."""

    def __init__(self, http_url: str) -> None:
        self.http_url = http_url

    def messages(
        self, to: str | None = None, after: int = 0, fields: str = ""
    ) -> list[dict[str, Any]]:
        """All mails, or all to one address, newest last, in the shape of `/messages.json`.

        With `after`, those with a greater id; with `fields` (comma-separated), a part of each.
        """
        asked = {"to": to, "after": after, "fields": fields}
        query = urllib.parse.urlencode({name: each for name, each in asked.items() if each})
        found = json.loads(self._call("GET", f"/messages.json?{query}"))
        return cast(list[dict[str, Any]], found)

    def wait_for(
        self,
        to: str | None = None,
        subject_contains: str = "",
        count: int = 1,
        timeout: float = 10,
    ) -> list[dict[str, Any]]:
        """Return the fitting mails, newest last, once there are at least `count`.

        Raises TimeoutError, naming what did arrive, after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            arrived = self.messages()
            fitting = [
                mail
                for mail in arrived
                if subject_contains in mail["subject"]
                and (to is None or to.lower() in mail["to"].lower().split(", "))
            ]
            if len(fitting) >= count:
                return fitting
            if time.monotonic() > deadline:
                seen = [(mail["to"], mail["subject"]) for mail in arrived]
                raise TimeoutError(
                    f"Wanted {count} to {to} with {subject_contains!r} in the subject; got {seen}"
                )
            time.sleep(0.05)

    def clear(self) -> None:
        """Forget all mails."""
        self._call("DELETE", "/messages")

    def misbehave(self, answer: int = 250, stall_after_data: bool = False) -> None:
        """Set both faults; without arguments the server behaves again."""
        self._call("POST", "/faults", {"answer": answer, "stall_after_data": stall_after_data})

    def _call(self, method: str, path: str, content: object = None) -> bytes:
        data = None if content is None else json.dumps(content).encode()
        call = urllib.request.Request(self.http_url + path, data=data, method=method)
        with urllib.request.urlopen(call, timeout=10) as response:
            return bytes(response.read())


class Inbox(Reader):
    """An inbox that runs in threads of this process."""

    def __init__(self, smtp_port: int, http_port: int, file: Path | None) -> None:
        mailbox, faults = Mailbox(file), Faults()
        self._smtp = Controller(
            Receiver(mailbox, faults), hostname=HOST, port=smtp_port, server_hostname="inbox"
        )
        app = create_app(mailbox, faults)
        self._web = make_server(HOST, http_port, app, threaded=True, request_handler=_Quiet)
        self._web_thread = threading.Thread(
            target=self._web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self.smtp_url = f"smtp://{HOST}:{smtp_port}"
        super().__init__(f"http://{HOST}:{self._web.server_port}")
        self._smtp.start()
        self._web_thread.start()

    def stop(self) -> None:
        """Stop both servers and wait for their threads."""
        self._smtp.stop()
        self._web.shutdown()
        self._web_thread.join()
        self._web.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Reading mail is nothing to log."""


def start(smtp_port: int = 0, http_port: int = 0, file: Path | None = None) -> Inbox:
    """Run an inbox in this process, on free ports unless they are named."""
    return Inbox(smtp_port or free_port(), http_port, file)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="sandbox.inbox", description="Keeps and shows mail.")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--data", type=Path, help="keep the mails in this file")
    options = parser.parse_args()
    stopped = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopped)
    with start(options.smtp_port, options.http_port, options.data) as inbox:
        click.echo(f"Mail comes in at {inbox.smtp_url}, read it at {inbox.http_url}")
        signal.sigwait(stopped)


if __name__ == "__main__":
    main()
