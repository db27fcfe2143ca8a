"""From facts to words, to a PDF, to a spreadsheet."""

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from typing import Any

import pytest
import typst
from flask import Flask

from membership.billing.papers.spreadsheet import csv_of
from membership.billing.papers.typesetting import TEMPLATE, typeset
from membership.billing.papers.wording import amount, words
from membership.web.spreadsheet import plain_text

DAY = date(2027, 1, 3)
GIFT: dict[str, Any] = {
    "donation": 1, "paid_on": "2026-03-02", "purpose": "support", "method": "stripe",
    "reference": None, "amount_minor": 123450, "currency": "EUR", "is_disputed": False,
    "returns": [{"on": "2026-04-01", "amount_minor": 50}],
}  # fmt: skip
FACTS: dict[str, Any] = {
    "number": "S-2027-000001",
    "issued_on": "2027-01-03",
    "language": "en",
    "replaces": None,
    "newsroom": {
        "name": "The Courier Foundation",
        "address": "1 Example Street\nKyiv",
        "tax_text": "Nothing was given in return.",
    },
    "giver": {"name": "Olena Koval", "address": "Kyiv"},
    "from_on": "2026-01-01",
    "to_on": "2026-12-31",
    "gifts": [GIFT],
    "sums": [
        {"currency": "EUR", "given_minor": 123450, "returned_minor": 50, "kept_minor": 123400}
    ],
}
# All that Typst would act on if it read it as markup.
HOSTILE = "#panic() $x$ *b* _i_ `c` <label> @ref [content] \\ // = \"q\" 'a' <b>&amp;"


@pytest.fixture(autouse=True)
def application(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def facts(**changes: Any) -> dict[str, Any]:
    return deepcopy(FACTS) | changes


def text_of(said: dict[str, Any]) -> str:
    """What the template sets; Typst can write it as HTML, too, whose text is easily read."""
    made = typst.compile(TEMPLATE, format="html", sys_inputs={"words": json.dumps(said)})
    assert isinstance(made, bytes)
    return html.unescape(re.sub("<[^>]*>", "", made.decode().partition("<body>")[2]))


def test_a_statement_says_all_of_it() -> None:
    """[B18] Days, what was given, given back and remains; the tax text; who and to whom."""
    said = words("statement", facts())
    assert said["table"]["rows"] == [
        ["2 March 2026", "Regular support\n0.50\xa0EUR given back on 1 April 2026",
         "1,234.50\xa0EUR", "0.50\xa0EUR", "1,234.00\xa0EUR"],
    ]  # fmt: skip
    assert said["table"]["sums"] == [
        ["Together, EUR", "1,234.50\xa0EUR", "0.50\xa0EUR", "1,234.00\xa0EUR"]
    ]
    assert said["text"].startswith("From 1 January 2026 to 31 December 2026")
    assert said["giver"] == "Olena Koval\nKyiv"
    assert said["notes"][0] == "Nothing was given in return."
    assert "3 January 2027" in said["notes"][1]


def test_a_statement_says_what_it_does_not_count() -> None:
    """[B18] Disputed money is in no row; which statement is replaced is said."""
    disputed = GIFT | {"is_disputed": True, "returns": [], "amount_minor": 700}
    said = words("statement", facts(gifts=[GIFT, disputed], replaces="S-2027-000000"))
    assert len(said["table"]["rows"]) == 1
    assert any("7.00\xa0EUR on 2 March 2026" in note for note in said["notes"])
    assert said["notes"][-1] == "This statement replaces no. S-2027-000000."


def test_how_the_money_came_is_said() -> None:
    """[B18] What staff entered by hand bears its method and what stood on it."""
    manual = GIFT | {"method": "transfer", "reference": "June", "returns": [], "purpose": "once"}
    said = words("statement", facts(gifts=[manual]))
    assert said["table"]["rows"][0][1] == "One gift, by bank transfer (June)"
    for_somebody = GIFT | {"purpose": "gift", "returns": []}
    said = words("statement", facts(gifts=[for_somebody]))
    assert said["table"]["rows"][0][1] == "A year as a patron for somebody else"


def test_a_receipt_says_what_remains() -> None:
    """[B18] What was given back in part stands beside it."""
    said = words("receipt", facts())
    assert said["figure"] == "1,234.00\xa0EUR"
    assert said["shown"] == [
        ("Donation", "No. 1"),
        ("Day", "2 March 2026"),
        ("For", "Regular support"),
        ("Paid", "online"),
        ("Given", "1,234.50\xa0EUR"),
        ("Given back on 1 April 2026", "−0.50\xa0EUR"),
    ]


@pytest.mark.parametrize(
    ("minor", "currency", "language", "shown"),
    [
        (500, "EUR", "en", "5.00\xa0EUR"),
        (123456789, "UAH", "uk", "1\xa0234\xa0567,89\xa0UAH"),
        (600, "JPY", "en", "600\xa0JPY"),
        (1500, "KWD", "en", "1.500\xa0KWD"),
        (-5, "USD", "en", "−0.05\xa0USD"),
    ],
)
def test_amounts_are_exact(minor: int, currency: str, language: str, shown: str) -> None:
    """[B15] All decimals of the currency, none for one without."""
    assert amount(minor, currency, language) == shown


@pytest.mark.parametrize("kind", ["receipt", "statement"])
@pytest.mark.parametrize("language", ["en", "uk"])
def test_a_pdf_is_accessible_and_always_the_same(kind: str, language: str) -> None:
    """[B18] The same facts give the same bytes; tagged, and in its language."""
    said = words(kind, facts(language=language))
    made = typeset(said, DAY)
    assert made == typeset(words(kind, facts(language=language)), DAY)
    assert made.startswith(b"%PDF-1.7")
    assert b"<pdfuaid:part>1</pdfuaid:part>" in made
    assert f"/Lang({language})".encode() in made.replace(b" (", b"(")
    assert b"/StructTreeRoot" in made
    assert b"(D:20270103" in made


def test_every_word_stands_on_the_paper() -> None:
    """[B18] In the letter's order: who writes, to whom, what it is, the money, the law."""
    said = words("statement", facts(language="uk"))
    shown = text_of(said)
    places = [
        shown.index(part)
        for part in (
            "The Courier Foundation", "1 Example Street", "Olena Koval", "S-2027-000001",
            "3 січня 2027", "2 березня 2026", "0,50\xa0EUR", "1\xa0234,50\xa0EUR",
            "1\xa0234,00\xa0EUR", "Nothing was given in return.",
        )
    ]  # fmt: skip
    assert places == sorted(places)


def test_nothing_is_read_as_markup() -> None:
    """[B18] A name that looks like code prints as it is."""
    said = words(
        "statement",
        facts(
            giver={"name": HOSTILE, "address": HOSTILE},
            newsroom={"name": HOSTILE, "address": HOSTILE, "tax_text": HOSTILE},
            gifts=[GIFT | {"method": "other", "reference": HOSTILE}],
        ),
    )
    assert typeset(said, DAY)
    # Name, address (of both), tax text, reference.
    assert text_of(said).count(HOSTILE) == 6


def test_letters_that_the_fonts_lack_stop_no_paper() -> None:
    """[B18] A name in any script; a paper without a postal address or a name."""
    assert typeset(words("receipt", facts(giver={"name": "李明 👍", "address": ""})), DAY)
    assert typeset(words("receipt", facts(giver={"name": "", "address": ""})), DAY)


def test_an_error_of_the_template_is_an_error() -> None:
    """[B18] Nothing is issued of which a word is missing."""
    said = words("receipt", facts())
    del said["figure"]
    with pytest.raises(typst.TypstError):
        typeset(said, DAY)


def test_a_long_statement_has_several_pages() -> None:
    """[B18] Ten years of months; each page bears its number and the table's head."""
    said = words("statement", facts(gifts=[GIFT] * 120))
    assert typeset(said, DAY).count(b"/Type/Page/") >= 4


def sheet(facts: dict[str, Any]) -> list[list[str]]:
    raw = csv_of(facts)
    assert raw.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


def test_a_spreadsheet_sums_up_to_what_remains() -> None:
    """[B18] Returns are negative rows; what is disputed has no amount."""
    disputed = GIFT | {"is_disputed": True, "returns": [], "amount_minor": 700}
    head, *rows = sheet(facts(gifts=[GIFT, disputed]))
    assert head == ["Day", "What", "Paid", "Amount", "Currency", "Note"]
    assert rows == [
        ["2026-03-02", "Regular support", "online", "1234.50", "EUR", ""],
        ["2026-04-01", "Regular support", "online", "-0.50", "EUR", "given back"],
        ["2026-03-02", "Regular support", "online", "", "EUR",
         "7.00 not counted: the bank takes it back"],
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_text_becomes_a_formula(text: str) -> None:
    """[B18] A spreadsheet must not run what somebody wrote on a transfer."""
    assert plain_text(text) == f"'{text}"
    assert plain_text(f"a{text}") == f"a{text}"
