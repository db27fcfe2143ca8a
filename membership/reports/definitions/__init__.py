"""What each figure means: one dictionary that the pages and docs/metrics.md share.

`python -m membership.reports.definitions` writes docs/metrics.md.
"""

from pathlib import Path

from membership.reports.definitions.acquisition import ACQUISITION
from membership.reports.definitions.definition import Definition
from membership.reports.definitions.overview import OVERVIEW
from membership.reports.definitions.participation import PARTICIPATION
from membership.reports.definitions.recovery import RECOVERY
from membership.reports.definitions.retention import RETENTION

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"

# By page, in the order of the pages.
PAGES = {
    "overview": OVERVIEW,
    "retention": RETENTION,
    "recovery": RECOVERY,
    "acquisition": ACQUISITION,
    "participation": PARTICIPATION,
}
DEFINITIONS: dict[str, Definition] = {each.key: each for page in PAGES.values() for each in page}


def document() -> str:
    """docs/metrics.md, in English."""
    parts = [
        "# What the figures mean",
        "",
        "Written by `python -m membership.reports.definitions` from the dictionary that the pages "
        "use; do not edit by hand.",
        "",
        "- Days and months are those of UTC.",
        "- Amounts are whole minor units of one currency; currencies are never added up.",
        "- A figure has a value, says whether it could be computed, and names what it rests on: "
        "“0 of 3” is shown as such, and nothing is divided by nought.",
        "- Amounts, averages of them and shares in money are for finance and admin: two of them "
        "beside each other tell what one person gives. Other staff see how many people gave, and "
        "shares of them; a group of fewer than 5 is hidden from them. How often something happened "
        "(who came, left, paid) is told to all staff.",
        "- The public page shows quarters that are over, rounded: amounts to two significant "
        "digits, patrons down to fives. What came in one way, regularly or one-time, is shown if "
        "in one month of the quarter 5 people or more gave that way in that currency; the sum of "
        "both ways only if both are shown.",
        "",
    ]
    for each in DEFINITIONS.values():
        parts += [
            f"## {each.name}",
            "",
            f"`{each.key}` · {each.sentence}",
            "",
            f"    {each.formula}",
            "",
        ]
    return "\n".join(parts)
