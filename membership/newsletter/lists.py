"""Lists of readers from and for elsewhere: who has said yes there, and who reads us here.

Only for who has consented already: nobody is asked by mail because a file names them.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.mail import addresses
from membership.mail.models import MailRefusal, Suppression
from membership.newsletter import readers
from membership.newsletter.models import NewsletterReader
from membership.newsletter.readers import NEWSLETTER

ADDRESS_HEADERS = {"address", "email", "e-mail", "mail"}
LANGUAGE_HEADER = "language"
# A statement with more values than this is slower, not faster.
BATCH = 1_000


class UnreadableListError(ValueError):
    """The file is no list of addresses; the text says why."""


@dataclass(frozen=True)
class Line:
    """One address as a file has it, by the number of its line."""

    number: int
    address: str
    language: str


@dataclass
class Outcome:
    """What became of a file: how many were new or known, and each line that was not taken."""

    taken: int = 0
    known: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people: a sentence a line."""
        said = [f"Line {number}: {reason}" for number, reason in sorted(self.refused)]
        return [
            *said,
            f"New readers: {self.taken}. Readers before: {self.known}. "
            f"Not taken: {len(self.refused)}.",
        ]


def read(content: bytes, languages: Sequence[str]) -> Iterator[Line]:
    """The lines of a CSV file (address, and language if there is one), or of one address a line.

    A header is optional; a language that is not said is the first of `languages`. Raises
    UnreadableListError.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableListError("This file is not written in UTF-8.") from error
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    places = (0, 1)
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if rows.line_num == 1 and (found := _header(cells)):
                places = found
            elif any(cells):
                address, language = (_cell(cells, place) for place in places)
                yield Line(rows.line_num, address, language or languages[0])
    except csv.Error as error:
        raise UnreadableListError(f"Line {rows.line_num} cannot be read: {error}.") from error


def bring_in(session: Session, lines: Iterable[Line], languages: Sequence[str]) -> Outcome:
    """Take the addresses as confirmed elsewhere. Who has said no here, or bounced, is not taken.

    Readers of before stay as they are. The caller's transaction holds all of it, or nothing.
    """
    outcome = Outcome()
    valid = _valid(lines, languages, outcome)
    everybody = list(valid)
    for start in range(0, len(everybody), BATCH):
        batch = everybody[start : start + BATCH]
        barred = _barred(session, batch)
        outcome.refused += [(valid[each].number, barred[each]) for each in batch if each in barred]
        wanted = {each: valid[each].language for each in batch if each not in barred}
        known = _known(session, wanted)
        outcome.known += len(known)
        outcome.taken += len(wanted) - len(known)
        if wanted:
            readers.confirm_all(session, wanted)
    audit.record(session, "newsletter.imported", "newsletter", readers=outcome.taken)
    return outcome


def take_out(session: Session) -> Iterator[str]:
    """The readers as a CSV file, line by line; the audit log says that somebody took them."""
    audit.record(session, "newsletter.exported", "newsletter")
    yield "address,language,confirmed_at\n"
    asked = (
        select(NewsletterReader.address, NewsletterReader.language, NewsletterReader.confirmed_at)
        .where(readers.gets())
        .order_by(NewsletterReader.id)
    )
    for reader in session.execute(asked).yield_per(BATCH):
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(reader)
        yield line.getvalue()


def _delimiter(text: str) -> str:
    """What spreadsheets of some countries write instead of a comma."""
    first = text.partition("\n")[0]
    return ";" if ";" in first and "," not in first else ","


def _header(cells: Sequence[str]) -> tuple[int, int] | None:
    """Where address and language stand; -1 for no language. None when this is no header."""
    names = [cell.lower() for cell in cells]
    address = next((place for place, name in enumerate(names) if name in ADDRESS_HEADERS), None)
    if address is None:
        return None
    return address, names.index(LANGUAGE_HEADER) if LANGUAGE_HEADER in names else -1


def _cell(cells: Sequence[str], place: int) -> str:
    return cells[place] if 0 <= place < len(cells) else ""


def _valid(lines: Iterable[Line], languages: Sequence[str], outcome: Outcome) -> dict[str, Line]:
    """By address in lower case, the first line of each; the others go to `outcome`."""
    valid: dict[str, Line] = {}
    for line in lines:
        try:
            address = addresses.clean(line.address).lower()
        except addresses.InvalidAddressError:
            outcome.refused.append((line.number, "no mail address"))
            continue
        if line.language not in languages:
            reason = f"no language of ours ({', '.join(languages)})"
            outcome.refused.append((line.number, reason))
        elif address in valid:
            outcome.refused.append((line.number, f"the same as line {valid[address].number}"))
        else:
            valid[address] = line
    return valid


def _barred(session: Session, batch: Sequence[str]) -> dict[str, str]:
    """Who must not be written to, in lower case, and why."""
    refused = select(MailRefusal.address).where(
        MailRefusal.kind == NEWSLETTER, MailRefusal.address.in_(batch)
    )
    suppressed = select(Suppression.address).where(Suppression.address.in_(batch))
    return {
        **{each.lower(): "has unsubscribed here" for each in session.scalars(refused)},
        **{each.lower(): "is suppressed" for each in session.scalars(suppressed)},
    }


def _known(session: Session, wanted: Iterable[str]) -> list[str]:
    asked = select(NewsletterReader.address).where(
        NewsletterReader.confirmed_at.is_not(None), NewsletterReader.address.in_(list(wanted))
    )
    return list(session.scalars(asked))
