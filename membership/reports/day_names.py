"""What pages of figures call days and months, in the language of the page."""

from datetime import date

from flask_babel import format_date


def day_name(day: date) -> str:
    """Such as 3 Mar 2026."""
    return str(format_date(day, "d MMM yyyy", rebase=False))


def month_name(day: date) -> str:
    """Such as March 2026."""
    return str(format_date(day, "LLLL yyyy", rebase=False))


def short_month_name(day: date) -> str:
    """Such as Mar 2026."""
    return str(format_date(day, "LLL yyyy", rebase=False))
