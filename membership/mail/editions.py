"""One letter to thousands: rendered once, then filled with what is each reader's own.

Those are four values: To, Date, Message-ID, and the token of the link to unsubscribe, which stands
in a header and in both bodies. To render and encode costs far more than to hand a mail over.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from secrets import token_urlsafe

from membership import clock
from membership.mail import hidden, letters, refusals, wording
from membership.mail.claiming import Claimed

# Of as many letters at once; one that has a context of its own for each reader is used once.
KEPT = 32
# What stands in To as it is. Any other address is composed for itself, and quoted, or refused.
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
PLAIN = re.compile(rf"{ATOM}(\.{ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
# As long as a token and of the same letters, so that lines break where a token's would.
MARKER = token_urlsafe(hidden.LETTERS * 3 // 4)

SOFT_BREAK = b"=\r\n"
HEADERS = {
    b"To": "recipient",
    b"Date": "date",
    b"Message-ID": "message_id",
    letters.POSTMARKS_NAME.encode(): "message_id",
}
_HEADER = re.compile(rb"^(%b): ((?:.|\r\n )*)\r\n" % b"|".join(HEADERS), re.MULTILINE)
# Quoted-printable may break a line anywhere within it.
_TOKEN = re.compile(b"(?:=\r\n)?".join(re.escape(letter.encode()) for letter in MARKER))


@dataclass(frozen=True)
class _Slot:
    """Where one of a reader's values goes, or a part of it."""

    name: str
    begin: int = 0
    end: int | None = None


class Edition:
    """All letters of one kind in one language with one context."""

    def __init__(self, mail: Claimed) -> None:
        """Renders it, as it is for `mail`. Raises whatever its templates raise."""
        sample = mail.as_row()
        sample.recipient = "reader@kava.invalid"
        head, body = letters.compose(sample, MARKER).as_bytes().split(b"\r\n\r\n", 1)
        self._parts: list[bytes | _Slot] = []
        self._cut(head + b"\r\n", is_head=True)
        self._parts.append(b"\r\n")
        self._cut(body, is_head=False)

    def letter(self, mail: Claimed) -> bytes:
        """The whole mail; its recipient is PLAIN."""
        own = {
            "recipient": mail.recipient.encode(),
            "date": _date(clock.now().replace(microsecond=0)),
            "message_id": mail.message_id.encode(),
            "token": refusals.unsubscribe_token(mail.id).encode(),
        }
        return b"".join(
            part if isinstance(part, bytes) else own[part.name][part.begin : part.end]
            for part in self._parts
        )

    def _cut(self, source: bytes, *, is_head: bool) -> None:
        """Take `source` apart at the places where readers differ."""
        places = [(*found.span(), found[0]) for found in _TOKEN.finditer(source)]
        headers = list(_HEADER.finditer(source)) if is_head else []
        at = 0
        for begin, end, slots in sorted(
            [(found.start(2), found.end(2), [_Slot(HEADERS[found[1]])]) for found in headers]
            + [(begin, end, _of_token(found)) for begin, end, found in places],
            key=lambda place: place[0],
        ):
            self._parts += [source[at:begin], *slots]
            at = end
        self._parts.append(source[at:])


@lru_cache(maxsize=1)
def _date(second: datetime) -> bytes:
    """The same for the thousand letters of a second."""
    return format_datetime(second).encode()


def _of_token(found: bytes) -> list[bytes | _Slot]:
    """The token's slots, with the soft breaks between its letters."""
    slots: list[bytes | _Slot] = []
    at = 0
    for number, piece in enumerate(found.split(SOFT_BREAK)):
        if number:
            slots.append(SOFT_BREAK)
        slots.append(_Slot("token", at, at + len(piece)))
        at += len(piece)
    return slots


class Editions:
    """Those in use, the last few of them; how they are worded is looked at for each letter."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], Edition] = OrderedDict()

    def letter(self, mail: Claimed) -> bytes:
        """The mail as it leaves. Raises whatever its templates raise."""
        if not mail.is_bulk or not PLAIN.fullmatch(mail.recipient):
            return letters.compose(mail.as_row()).as_bytes()
        words = wording.of(mail.kind, mail.language)
        key = (mail.kind, mail.language, words.version, mail.context)
        edition = self._kept.get(key)
        if edition is None:
            edition = self._kept[key] = Edition(mail)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return edition.letter(mail)
