"""Reading exchange rates as the European Central Bank publishes them. Pure.

Files: ecb.europa.eu, "Euro foreign exchange reference rates": eurofxref.csv and eurofxref-hist.csv,
as such or in their ZIP, and eurofxref-daily.xml, -hist.xml and -hist-90d.xml. A rate says how much
of a currency one euro is worth.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from xml.etree import ElementTree

from flask_babel import gettext as _

# All days since 1999 as XML are 8 MB.
LARGEST = 16 * 1024 * 1024
_CODE = re.compile(r"[A-Z]{3}")
# What stands where a currency had no rate on a day.
_NONE = ("", "N/A")
_DATES = ("%Y-%m-%d", "%d %B %Y")


class NotRatesError(ValueError):
    """A file that holds no exchange rates; its text says why, for people."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One euro was worth `per_euro` of a currency on a day."""

    currency: str
    day: date
    per_euro: Decimal


def read(content: bytes) -> list[Rate]:
    """All rates of a file, in its order. Raises NotRatesError."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        content = _unpacked(content)
    if len(content) > LARGEST:
        raise NotRatesError(_("The file is too large to be one of rates."))
    if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        found = list(_of_xml(content))
    else:
        found = list(_of_csv(content))
    if not found:
        raise NotRatesError(_("There is no exchange rate in it."))
    return found


def _unpacked(content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (only,) = archive.infolist()
            with archive.open(only) as file:
                return file.read(LARGEST + 1)
    except (ValueError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise NotRatesError(_("A ZIP of rates holds exactly one readable file.")) from error


def _of_csv(content: bytes) -> Iterator[Rate]:
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        yield from _of_lines([cell.strip() for cell in line] for line in lines if line)
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotRatesError(_("It is neither CSV nor XML of exchange rates.")) from error


def _of_lines(lines: Iterator[list[str]]) -> Iterator[Rate]:
    header = next(lines, [])
    # Each line ends with a comma, the header's too.
    codes = header[1:-1] if header and not header[-1] else header[1:]
    if not codes or header[0] != "Date" or not all(map(_CODE.fullmatch, codes)):
        raise NotRatesError(_("Its first line is not “Date” and the codes of currencies."))
    for number, row in enumerate(lines, start=2):
        if len(row) < len(codes) + 1:
            raise NotRatesError(_("Line %(number)d is shorter than the first.", number=number))
        day = _day(row[0], f"line {number}")
        for code, cell in zip(codes, row[1:], strict=False):
            if cell not in _NONE:
                yield Rate(code, day, _rate(cell, f"line {number}"))


def _of_xml(content: bytes) -> list[Rate]:
    # Only UTF-8 is read, whatever the file says of itself: in another encoding, what is looked for
    # below would be spelled otherwise. UTF-16, which the parser would take of its own, has zeros.
    if b"\0" in content:
        raise NotRatesError(_("It is XML that cannot be read."))
    # No file of rates declares entities; one that does means harm.
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise NotRatesError(_("It is XML with a document type, which files of rates do not have."))
    cubes = _Cubes()
    parser = ElementTree.XMLParser(target=cubes, encoding="utf-8")
    try:
        parser.feed(content)
        parser.close()
    except ElementTree.ParseError as error:
        raise NotRatesError(_("It is XML that cannot be read.")) from error
    return cubes.rates


class _Cubes:
    """What the XML is read into, with no tree of it: that would be many times the file."""

    def __init__(self) -> None:
        self.rates: list[Rate] = []
        self._day: date | None = None

    def start(self, _tag: str, attributes: Mapping[str, str]) -> None:
        """A day, or a rate of the day before it."""
        if "time" in attributes:
            self._day = _day(attributes["time"], "the XML")
        elif self._day is not None and "currency" in attributes:
            code = attributes["currency"]
            if not _CODE.fullmatch(code):
                raise NotRatesError(f"“{code[:40]}” of {self._day} is no code of a currency.")
            rate = _rate(attributes.get("rate", ""), str(self._day))
            self.rates.append(Rate(code, self._day, rate))

    def close(self) -> None:
        """The parser calls this at the end."""


def _day(text: str, where: str) -> date:
    for form in _DATES:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    raise NotRatesError(f"“{text[:40]}” in {where} is no day.")


def _rate(text: str, where: str) -> Decimal:
    try:
        rate = Decimal(text)
    except InvalidOperation:
        rate = Decimal(0)
    if not rate.is_finite() or rate <= 0 or rate.adjusted() > 12:
        raise NotRatesError(f"“{text[:40]}” in {where} is no exchange rate.")
    return rate
