"""Who left, how, and why they say they did (rule D2)."""

from dataclasses import dataclass, replace
from datetime import date

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.models import Leaving, Subscription
from membership.reports import keyset, pictures, words
from membership.reports.daily import Count, Counts
from membership.reports.day_names import short_month_name
from membership.reports.figures import Figure
from membership.reports.keyset import Page
from membership.reports.report import Asked, Behind, Cell, Column, Table, people, people_of
from membership.reports.rollups.left import UNSAID
from membership.web.pages import show_number

PAGE = 25
# Told apart on the page; other ends are ours, or a bank's.
TOLD_APART = ("voluntary", "payment_failed")


@dataclass(frozen=True)
class Said:
    """What somebody wrote."""

    leaving: Leaving
    subscription: Subscription
    account: Account


def left_table(found: Counts, asked: Asked, behind: Behind) -> Table:
    """By month, with what they brought."""
    months = [each for each in asked.period.months if each <= asked.today]
    columns = (
        Column("month", _("Month"), "month"),
        Column("voluntary", _("By their own wish")),
        Column("payment_failed", _("By a failed payment")),
        Column("other", _("Otherwise")),
        Column("voluntary_mrr", _("MRR by their own wish"), "money"),
        Column("payment_failed_mrr", _("MRR by a failed payment"), "money"),
        Column("other_mrr", _("MRR otherwise"), "money"),
    )
    rows: list[tuple[Cell, ...]] = []
    for month in months:
        ways = _ways(found, month)
        rows.append((month, *(each.number for each in ways), *(each.minor for each in ways)))
    table = Table(
        "left",
        _left_title(*(each.number for each in _ways(found))),
        columns,
        tuple(rows),
        currency=asked.currency,
        links=tuple(behind("left", f"{each:%Y-%m}") for each in months),
    )
    tones = {"voluntary": "coffee", "payment_failed": "ember", "other": "muted"}
    return replace(table, picture=pictures.stacked(table, "month", tones, short_month_name))


def _left_title(voluntary: int, failed: int, other: int) -> str:
    left = voluntary + failed + other
    if not left:
        return str(_("Nobody left in these days"))
    return str(
        ngettext(
            "%(number)s left: %(voluntary)s by their own wish, %(failed)s by a failed payment",
            "%(number)s left: %(voluntary)s by their own wish, %(failed)s by a failed payment",
            left,
            number=show_number(left),
            voluntary=show_number(voluntary),
            failed=show_number(failed),
        )
    )


def _ways(found: Counts, month: date | None = None) -> tuple[Count, Count, Count]:
    """By their own wish, by a failed payment, otherwise."""
    voluntary, failed = (found.total("left", month, each) for each in TOLD_APART)
    total = found.total("left", month)
    return (
        voluntary,
        failed,
        Count(
            total.number - voluntary.number - failed.number,
            total.minor - voluntary.minor - failed.minor,
        ),
    )


def why_table(found: Counts, asked: Asked, behind: Behind) -> Table:
    """The reasons given, the most frequent first; then how many gave none."""
    reasons = found.by_part("left_why")
    silent = reasons.pop(UNSAID, Count())
    said = sum(each.number for each in reasons.values())
    rows: list[tuple[Cell, ...]] = [
        (str(words.LEAVING[reason]), *people_of(each.number, said, asked))
        for reason, each in reasons.items()
    ]
    if silent.number:
        rows.append((str(_("gave no reason")), people(silent.number, asked), None))
    links = [behind("reason", reason) for reason in reasons] + [""] * bool(silent.number)
    table = Table(
        "left_why",
        _why_title(reasons, said, asked),
        (
            Column("reason", _("What they say"), "text"),
            Column("left", _("Who left")),
            Column("share", _("Of those who said why"), "share"),
        ),
        tuple(rows),
        links=tuple(links),
    )
    return replace(table, picture=pictures.bars(table, "reason", {"left": "coffee"}))


def _why_title(reasons: dict[str, Count], said: int, asked: Asked) -> str:
    reason, count = next(iter(reasons.items()), ("", Count()))
    if not said or isinstance(people(count.number, asked), Figure):
        return str(_("Why they left"))
    return str(
        _(
            "Most often they say “%(reason)s”: %(number)s of %(said)s who gave a reason",
            reason=words.LEAVING[reason],
            number=show_number(count.number),
            said=show_number(said),
        )
    )


def in_their_words(
    session: Session, asked: Asked, reason: str = "", before: str = "", *, limit: int = PAGE
) -> Page[Said]:
    """What was written in the days asked for, in all currencies, newest first; one query.

    `reason` is one of words.LEAVING, or empty for all; `before` is what stood in Page.older, and
    is left out when it makes no sense.
    """
    query = (
        select(Leaving, Subscription, Account)
        .join(Subscription, Subscription.id == Leaving.subscription_id)
        .join(Account, Account.id == Subscription.account_id)
        .where(
            Leaving.comment.is_not(None),
            Leaving.created_at >= asked.period.since,
            Leaving.created_at < asked.period.until,
        )
    )
    if reason:
        query = query.where(Leaving.reason == reason)
    order = Leaving.created_at, Leaving.subscription_id
    return keyset.newest_first(session, query, order, Said, before, limit)
