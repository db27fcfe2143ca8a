"""What came in: one mail as bytes with its envelope, and all of them in order, kept in a file."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Mail:
    """One mail as it came in; `recipients` are the envelope's, so Bcc is in it."""

    id: int
    received_at: datetime
    recipients: tuple[str, ...]
    source: bytes

    @property
    def message_id(self) -> str:
        """As the header says, empty without one."""
        head = self.source.partition(b"\r\n\r\n")[0]
        found = re.search(rb"^Message-ID:\s*(\S+)", head, re.IGNORECASE | re.MULTILINE)
        return found[1].decode(errors="replace") if found else ""

    @property
    def content(self) -> EmailMessage:
        return message_from_bytes(self.source, policy=policy.default)

    def part(self, kind: str) -> str:
        """The `plain` or `html` body, empty when there is none."""
        body = self.content.get_body((kind,))
        return str(body.get_content()).replace("\r\n", "\n") if body else ""

    def is_to(self, address: str) -> bool:
        return address.lower() in (recipient.lower() for recipient in self.recipients)

    def as_json(self, fields: Collection[str] = ()) -> dict[str, Any]:
        """The mail, or `fields` of it, as `/messages.json` shows it.

        `to` is addresses alone, comma-separated. KeyError for a field that there is not.
        """
        shown = {
            "id": self.id,
            "received_at": self.received_at.isoformat(timespec="microseconds"),
            "to": ", ".join(self.recipients),
            "message_id": self.message_id,
        }
        if not fields or not shown.keys() >= set(fields):
            content = self.content
            shown |= {
                "from": str(content["From"] or ""),
                "subject": str(content["Subject"] or ""),
                "headers": {name: str(value) for name, value in content.items()},
                "text": self.part("plain"),
                "html": self.part("html"),
            }
        return {name: shown[name] for name in fields} if fields else shown


class Mailbox:
    """All mails in the order they came, kept in a file of JSON lines when one is named."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._mails: list[Mail] = []
        if file and file.exists():
            for line in file.read_text().splitlines():
                kept = json.loads(line)
                received_at = datetime.fromisoformat(kept["received_at"])
                source = base64.b64decode(kept["source"])
                self._keep(received_at, tuple(kept["recipients"]), source)

    def add(self, recipients: tuple[str, ...], source: bytes) -> None:
        """Keep a mail, in the file before it is shown."""
        with self._lock:
            received_at = datetime.now(UTC)
            if self._file:
                kept = {
                    "received_at": received_at.isoformat(),
                    "recipients": recipients,
                    "source": base64.b64encode(source).decode(),
                }
                with self._file.open("a") as file:
                    file.write(json.dumps(kept) + "\n")
            self._keep(received_at, recipients, source)

    def all(self, to: str | None = None, after: int = 0) -> list[Mail]:
        """All mails or all to one address, newest last; with `after`, those of greater numbers."""
        mails = list(self._mails)
        # Numbers ascend without gaps.
        newer = mails[max(after + 1 - mails[0].id, 0) :] if mails else []
        return [mail for mail in newer if to is None or mail.is_to(to)]

    def get(self, number: int) -> Mail | None:
        return next((mail for mail in self.all(after=number - 1) if mail.id == number), None)

    def clear(self) -> None:
        with self._lock:
            self._mails.clear()
            if self._file:
                self._file.write_text("")

    def _keep(self, received_at: datetime, recipients: tuple[str, ...], source: bytes) -> None:
        number = self._mails[-1].id + 1 if self._mails else 1
        self._mails.append(Mail(number, received_at, recipients, source))
