"""A statement as CSV, for spreadsheets.

A row is a donation or what was given back of one, which is negative: the amounts of a currency sum
up to what remains. Written from the facts of an issued statement, so it never differs from its PDF.
"""

from collections.abc import Iterator
from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _

from membership.billing.papers.wording import method, purpose
from membership.money import Money
from membership.web.spreadsheet import file_of, plain_text


def csv_of(facts: dict[str, Any]) -> bytes:
    """The rows of a statement's facts, in its language; what is not counted has no amount."""
    with force_locale(facts["language"]):
        head = [_("Day"), _("What"), _("Paid"), _("Amount"), _("Currency"), _("Note")]
        return file_of([head, *(row for gift in facts["gifts"] for row in _rows(gift))])


def _rows(gift: dict[str, Any]) -> Iterator[list[str]]:
    currency = gift["currency"]
    amount = _plain(gift["amount_minor"], currency)
    about = [plain_text(purpose(gift)), plain_text(method(gift))]
    if gift["is_disputed"]:
        note = _("%(amount)s not counted: the bank takes it back", amount=amount)
        yield [gift["paid_on"], *about, "", currency, note]
        return
    yield [gift["paid_on"], *about, amount, currency, ""]
    for each in gift["returns"]:
        back = _plain(-each["amount_minor"], currency)
        yield [each["on"], *about, back, currency, _("given back")]


def _plain(minor: int, currency: str) -> str:
    """As every program reads it: a point, no thousands."""
    return f"{Money(minor, currency).major:f}"
