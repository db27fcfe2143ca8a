"""From words to a PDF, by Typst: tagged for screen readers (PDF/UA-1), its fonts in it.

The words reach the template as data and are never read as markup. The same words of the same day
give the same bytes.
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import typst

TEMPLATE = Path(__file__).with_name("paper.typ")


def typeset(words: dict[str, Any], on: date) -> bytes:
    """The PDF of `words` (as wording.py makes them), dated `on`.

    Letters that Typst's own fonts lack come from the machine's, if it has them; PDF/UA-1 cannot be
    promised then, since it allows no letter to be missing.
    """
    try:
        return _compile(words, on, typst.Fonts(include_system_fonts=False), "ua-1")
    except typst.TypstError as error:
        if "could not be displayed" not in error.message:
            raise
    return _compile(words, on, typst.Fonts(include_system_fonts=True), None)


def _compile(
    words: dict[str, Any], on: date, fonts: typst.Fonts, standard: Literal["ua-1"] | None
) -> bytes:
    return typst.compile(
        TEMPLATE,
        font_paths=fonts,
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"words": json.dumps(words)},
        pdf_standards=standard,
        timestamp=datetime(on.year, on.month, on.day, tzinfo=UTC),
    )
