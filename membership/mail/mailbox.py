"""Reports that come by mail, to the address that bounces go to (RFC 3464, RFC 5965).

Without a provider's webhook these are how a newsroom hears that a mail did not arrive. Anybody may
send one: bounces.take() believes those alone that name a mail of ours by its Message-ID.
"""

import mailbox
import sys
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from hashlib import sha256
from pathlib import Path

from membership.db import transaction
from membership.mail import bounces
from membership.mail.bounces import (
    COMPLAINT,
    MAILBOX,
    NO_COMPLAINT,
    SOFT_BOUNCE,
    Report,
    UnreadableError,
    bounce_of,
)

STANDARD_INPUT = "-"


class NoMailboxError(ValueError):
    """There is nothing to read; says so in a sentence."""


def take_all(path: str) -> Counter[str]:
    """Take every report in a Maildir, an mbox or a message ("-": from standard input).

    How many: "messages" there, those that were "unreadable", "reports" in the others, and of these
    the kinds that were new; nothing is moved or deleted, and the same mailbox may be read again.
    Raises NoMailboxError.
    """
    counted: Counter[str] = Counter()
    for raw in _messages(path):
        counted["messages"] += 1
        try:
            reports = reports_of(raw)
        except UnreadableError:
            counted["unreadable"] += 1
            continue
        with transaction() as session:
            for report in reports:
                counted["reports"] += 1
                counted[report.kind] += bounces.take(session, report)
    return counted


def reports_of(raw: bytes) -> list[Report]:
    """What a message reports; nothing when it is no report. Raises UnreadableError."""
    try:
        message = message_from_bytes(raw)
    except RecursionError as error:
        raise UnreadableError("It has too many parts within parts.") from error
    if message.get_content_type() != "multipart/report":
        return []
    parts = _parts(message)
    name = _field(message, "Message-ID") or sha256(raw).hexdigest()
    returned = next(filter(None, map(_returned_message_id, parts)), None)
    return [
        Report(MAILBOX, f"{name} {address}", kind, address, returned, detail)
        for part in parts
        for kind, address, detail in (*_failures(part), *_feedback(part))
    ]


def _failures(part: Message) -> Iterator[tuple[str, str, str]]:
    """Kind, address and detail for each recipient that a delivery status tells of."""
    if part.get_content_type() != "message/delivery-status":
        return
    # The first group of fields is about the mail, each further one about a recipient.
    for fields in _parts(part)[1:]:
        # A comment may follow: "5.1.1 (no such user)".
        status = (_field(fields, "Status").split() or [""])[0]
        match _field(fields, "Action").lower():
            case "failed":
                kind = bounce_of(status)
            case "delayed":
                kind = SOFT_BOUNCE
            case _:
                continue
        detail = _field(fields, "Diagnostic-Code") or status
        yield kind, _address(fields, "Original-Recipient", "Final-Recipient"), detail


def _feedback(part: Message) -> Iterator[tuple[str, str, str]]:
    """The same of a complaint that a receiving side passes on."""
    if part.get_content_type() != "message/feedback-report":
        return
    for fields in _parts(part):
        kind = _field(fields, "Feedback-Type").lower()
        if kind and kind not in NO_COMPLAINT:
            yield COMPLAINT, _address(fields, "Original-Rcpt-To"), kind


def _parts(message: Message) -> list[Message]:
    """What a message consists of; of a machine-readable part, its groups of fields."""
    parts = message.get_payload()
    if not isinstance(parts, list):
        return []
    return [each for each in parts if isinstance(each, Message)]


def _returned_message_id(part: Message) -> str:
    """Of our mail, or of its head, as it comes back with the report."""
    match part.get_content_type():
        case "message/rfc822" | "message/global" | "message/rfc822-headers":
            return next((_field(each, "Message-ID") for each in _parts(part)), "")
        case "text/rfc822-headers" | "message/global-headers":
            head = part.get_payload(decode=True)
            return _field(message_from_bytes(head), "Message-ID") if isinstance(head, bytes) else ""
    return ""


def _address(fields: Message, *names: str) -> str:
    """The first of these fields that is there, without its type: "rfc822; anna@example.org"."""
    said = next(filter(None, (_field(fields, name) for name in names)), "")
    return said.rpartition(";")[2].strip().strip("<>")


def _field(message: Message, name: str) -> str:
    return " ".join(str(message.get(name, "")).split())


def _messages(path: str) -> Iterator[bytes]:
    if path == STANDARD_INPUT:
        yield sys.stdin.buffer.read()
        return
    place = Path(path)
    if place.is_dir():
        yield from _maildir(place)
    elif place.is_file():
        yield from _file(place)
    else:
        raise NoMailboxError(f"There is no file or directory {path}.")


def _maildir(place: Path) -> Iterator[bytes]:
    if not all((place / each).is_dir() for each in ("cur", "new")):
        raise NoMailboxError(f"{place} is no Maildir: it has no cur and new in it.")
    # Not the library's Maildir, which clears out tmp as it goes.
    for each in sorted((*(place / "new").iterdir(), *(place / "cur").iterdir())):
        yield each.read_bytes()


def _file(place: Path) -> Iterator[bytes]:
    with place.open("rb") as file:
        is_mbox = file.read(5) == b"From "
    if not is_mbox:
        yield place.read_bytes()
        return
    box = mailbox.mbox(place, create=False)
    try:
        for key in box.iterkeys():
            yield box.get_bytes(key)
    finally:
        box.close()
