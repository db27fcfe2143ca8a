"""What the pictures of the overview draw; the tables beside them say the same. Pure.

A picture is coarse: its values are whole major units, None where there is nothing to show.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _

from membership.money import Money
from membership.reports import words
from membership.reports.figures import Month

NameOfMonth = Callable[[date], str]

GAINS = ("new", "reactivation", "expansion")
LOSSES = ("contraction", "churn_voluntary", "churn_involuntary")
TONES = {
    "new": "good",
    "reactivation": "coffee",
    "expansion": "edge",
    "contraction": "muted",
    "churn_voluntary": "bad",
    "churn_involuntary": "warning",
}


def mrr_line(months: Sequence[Month], currency: str, name: NameOfMonth) -> dict[str, Any]:
    """MRR at the end of each month."""
    return {
        "kind": "line",
        "labels": [name(month.first_day) for month in months],
        "unit": currency,
        "series": [
            {
                "name": _("MRR"),
                "tone": "coffee",
                "values": [_whole(month.mrr, currency) for month in months],
            }
        ],
    }


def movement_bars(months: Sequence[Month], currency: str, name: NameOfMonth) -> dict[str, Any]:
    """Gains upwards, losses downwards."""
    return {
        "kind": "stacked",
        "labels": [name(month.first_day) for month in months],
        "unit": currency,
        "series": [
            {
                "name": str(words.MOVEMENT[movement]),
                "tone": TONES[movement],
                "values": [
                    _whole(getattr(month.movements, movement), currency) for month in months
                ],
            }
            for movement in (*GAINS, *LOSSES)
        ],
    }


def _whole(minor: int, currency: str) -> int:
    return int(Money(minor, currency).major.to_integral_value())
