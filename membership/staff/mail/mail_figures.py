"""What became of our mail, in figures: by day, kind, reason and domain; what still waits.

Reminders of a vote are left out of every figure: who got none had voted (rules V4, V8).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _
from sqlalchemy import cast, func, or_, select, types
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.counts import slow
from membership.mail.models import MailProvider, MailReport, OutboxEmail
from membership.reports import words
from membership.staff.mail import mail_reasons
from membership.staff.mail.mail_reasons import Failure
from membership.voting.telling import shows_who_voted

SHOWN_DAYS = 14
SETTLED = "settled mail"
# Of failures, so many of the newest are told apart; a broken server may leave a million.
LOOKED_AT = 5000
FINAL = ("sent", "failed", "suppressed", "expired", "uncertain")
# To be told apart by the colour-blind, too.
TONES = {
    "sent": "chart-good",
    "failed": "bad",
    "suppressed": "edge",
    "expired": "ink",
    "uncertain": "chart-doubt",
}
Counts = Mapping[str, int]


@dataclass(frozen=True)
class Settled:
    """How many mails came to each final state, by day (newest first) and by kind."""

    days: Sequence[tuple[date, Counts]]
    kinds: Sequence[tuple[str, Counts]]
    at: datetime | None


@dataclass(frozen=True)
class Waiting:
    """Mails on their way: `held` ones wait for somebody, the others since `due_since` or later."""

    mails: int
    held: int
    due_since: datetime | None


@dataclass(frozen=True)
class Failures:
    """By reason and by domain, of mails that were not taken and of those that came back."""

    reasons: list[tuple[str, int]]
    domains: list[tuple[str, int]]
    elsewhere: int
    reports: Counts


def settled(session: Session) -> Settled | None:
    """By the day (UTC) on which a mail's state became final, over SHOWN_DAYS, as it was counted
    last; None until it was."""
    counted = slow.latest(session, SETTLED, {})
    if counted is None:
        return None
    days: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    kinds: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for on, kind, state, count in counted.numbers:
        days[date.fromisoformat(on)][state] += count
        kinds[kind][state] += count
    by_size = sorted(kinds.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    return Settled(sorted(days.items(), reverse=True), by_size, counted.at)


def _settled(session: Session, _question: slow.Question) -> list[tuple[str, str, str, int]]:
    day = cast(cast(func.timezone("UTC", OutboxEmail.settled_at), types.Date), types.Text)
    found = session.execute(
        select(day, OutboxEmail.kind, OutboxEmail.state, func.count())
        .where(OutboxEmail.settled_at >= _since(), ~shows_who_voted())
        .group_by(day, OutboxEmail.kind, OutboxEmail.state)
    )
    return [(on, kind, state, count) for on, kind, state, count in found]


slow.register(SETTLED, _settled)


def waiting(session: Session) -> dict[bool, Waiting]:
    """By whether they may be refused: that is, whether nobody sits and waits for them."""
    held = func.count().filter(OutboxEmail.next_attempt_at.is_(None))
    rows = session.execute(
        select(OutboxEmail.is_bulk, func.count(), held, func.min(OutboxEmail.next_attempt_at))
        .where(OutboxEmail.settled_at.is_(None), ~shows_who_voted())
        .group_by(OutboxEmail.is_bulk)
    ).all()
    found = {is_bulk: Waiting(mails, held, due_since) for is_bulk, mails, held, due_since in rows}
    nothing = Waiting(0, 0, None)
    return {is_bulk: found.get(is_bulk, nothing) for is_bulk in (False, True)}


def failures(session: Session) -> Failures:
    """Of the last SHOWN_DAYS, and at most LOOKED_AT of each sort."""
    refused = session.execute(
        select(OutboxEmail.last_error, OutboxEmail.recipient)
        .where(OutboxEmail.state.in_(["failed", "uncertain"]), OutboxEmail.settled_at >= _since())
        .where(~shows_who_voted())
        .order_by(OutboxEmail.id.desc())
        .limit(LOOKED_AT)
    ).all()
    reported = session.execute(
        select(MailReport.detail, MailReport.address, MailReport.kind)
        .outerjoin(OutboxEmail, OutboxEmail.id == MailReport.outbox_id)
        .where(MailReport.reported_at >= _since())
        .where(or_(MailReport.outbox_id.is_(None), ~shows_who_voted()))
        .order_by(MailReport.id.desc())
        .limit(LOOKED_AT)
    ).all()
    reports = Counter(kind for _said, _address, kind in reported)
    all_of_them = [Failure(said or "", address) for said, address in refused]
    all_of_them += [Failure(said, address) for said, address, _kind in reported]
    domains, elsewhere = mail_reasons.by_domain(all_of_them)
    return Failures(mail_reasons.by_reason(all_of_them), domains, elsewhere, reports)


def provider(session: Session) -> MailProvider | None:
    """The mail server that workers speak to; None before the first mail."""
    name = urlsplit(settings().smtp_url).hostname or "localhost"
    return session.get(MailProvider, name, populate_existing=True)


def picture(found: Settled, name_of_day: Any) -> dict[str, Any]:
    """The days as bars, oldest first, for chart.js; the table beside it says the same."""
    days = found.days[::-1]
    return {
        "kind": "stacked",
        "labels": [name_of_day(day) for day, _counts in days],
        "unit": "",
        "series": [
            {
                "name": str(words.MAIL[state]),
                "tone": TONES[state],
                "values": [counts.get(state, 0) for _day, counts in days],
            }
            for state in FINAL
        ],
    }


def meaning(reason: str) -> str:
    """What a reason says, in words; by the subject of an enhanced status where we know no more."""
    if reason in words.MAIL_REASON:
        return str(words.MAIL_REASON[reason])
    if "." in reason:
        subject = reason.split(".")[1]
        return str(words.MAIL_REASON.get(f"x.{subject}", words.MAIL_REASON["x"]))
    return str(_("refused for good") if reason.startswith("5") else _("refused for now"))


def why(said: str) -> str:
    """What stands in a mail's `last_error`: ours in words, what a mail server answered as it is."""
    ours, _then, answer = said.partition("; then ")
    if ours not in words.MAIL_WHY:
        return said
    return "; ".join(filter(None, [str(words.MAIL_WHY[ours]), answer]))


def _since() -> datetime:
    """The beginning of the first day that is shown, in UTC."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=SHOWN_DAYS - 1)
