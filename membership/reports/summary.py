"""The week in figures, by mail to the staff who asked for it: on Monday morning, each week once.

Who may see names with amounts sees amounts, the others how many came and left (rules S8, S10).
Neither is told anything of a vote that is open (rule V4).
"""

from datetime import timedelta
from typing import Any

from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from sqlalchemy import and_, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.mail import kinds, outbox
from membership.newsletter import issues
from membership.reports import rollups
from membership.reports.attention import Attention, attention
from membership.reports.models import SummaryReader
from membership.reports.weeks import Purse, Sums, Week, sums_of, week_due
from membership.voting import audience
from membership.web.languages import address
from membership.web.pages import show_money, show_number

NOT_AFTER = timedelta(days=2)
SEES_AMOUNTS = ("finance", "admin")
# Transactional: each reader has asked for it on a page of staff, and stops it there.
KIND = kinds.transactional("staff_summary")


def is_reader(session: Session, account: Account) -> bool:
    return session.get(SummaryReader, account.id) is not None


def choose(session: Session, account: Account, *, wanted: bool) -> None:
    """Send `account` the week's figures from now on, or no more; the same again changes nothing."""
    if wanted == is_reader(session, account):
        return
    if wanted:
        session.execute(
            insert(SummaryReader)
            .values(account_id=account.id, asked_at=clock.now())
            .on_conflict_do_nothing()
        )
    else:
        session.execute(delete(SummaryReader).where(SummaryReader.account_id == account.id))
    deed = "summary.asked_for" if wanted else "summary.left"
    audit.record(session, deed, f"account:{account.id}", actor_id=account.id)


def write(session: Session) -> None:
    """Write the letters about last week, if they are due and nobody has."""
    week = week_due(clock.newsroom_now())
    if week is None or not issues.begin(session, KIND, week.name):
        return
    # Before accounts are held, as whoever merges them does.
    outbox.share_addresses(session)
    rollups.refresh(session)
    sums, needs = sums_of(session, week), attention(session)
    not_after = clock.now() + NOT_AFTER
    may_see = Account.role.in_(SEES_AMOUNTS)
    for who, shown in ((may_see, sums), (~may_see, sums.without_amounts())):
        # Whoever has lost the role since, or never had one, gets nothing.
        readers = audience.readers(and_(_wants(), Account.role.is_not(None), who))

        def letter(language: str, shown: Sums = shown) -> dict[str, Any]:
            return _words(week, shown, needs) | _links(language)

        outbox.put_to_all(session, readers, KIND, f"week:{week.name}", letter, not_after)


def _wants() -> Any:
    return Account.id.in_(select(SummaryReader.account_id))


def _words(week: Week, sums: Sums, needs: Attention) -> dict[str, Any]:
    """All that the letter says, in the language of its reader."""
    figures = [
        [_("Patrons"), *_count(sums.patrons, sums.patrons - sums.patrons_before)],
        [_("New, or back again"), *_count(sums.joined, sums.joined - sums.joined_before)],
        [_("Left, or paused"), *_count(sums.left, sums.left - sums.left_before)],
    ]
    for purse in sums.purses:
        figures += _of_purse(purse)
    return {
        "first": format_date(week.first_day, "d MMMM", rebase=False),
        "last": format_date(week.last_day, "d MMMM y", rebase=False),
        "sentence": _sentence(sums),
        "figures": figures,
        "needs": _needs(needs),
    }


def _sentence(sums: Sums) -> str:
    joined = ngettext(
        "%(number)s patron joined", "%(number)s patrons joined", sums.joined,
        number=show_number(sums.joined),
    )  # fmt: skip
    left = ngettext(
        "%(number)s left or paused",
        "%(number)s left or paused",
        sums.left,
        number=show_number(sums.left),
    )
    now = ngettext(
        "%(number)s gave as it ended", "%(number)s gave as it ended", sums.patrons,
        number=show_number(sums.patrons),
    )  # fmt: skip
    return str(_("%(joined)s, %(left)s: %(now)s.", joined=joined, left=left, now=now))


def _count(value: int, change: int) -> list[str]:
    return [show_number(value), _signed(show_number(change), change)]


def _of_purse(purse: Purse) -> list[list[str]]:
    return [
        [_("MRR, %(currency)s", currency=purse.currency), *_money(purse, "mrr")],
        [_("Received, %(currency)s", currency=purse.currency), *_money(purse, "received")],
        [_("One-time, %(currency)s", currency=purse.currency), *_money(purse, "one_time")],
    ]


def _money(purse: Purse, name: str) -> list[str]:
    value, change = getattr(purse, name), getattr(purse, f"{name}_change")
    said = show_money(change, purse.currency)
    return [show_money(value, purse.currency), _signed(said, change)]


def _signed(said: str, change: int) -> str:
    return f"+{said}" if change > 0 else said


def _needs(needs: Attention) -> list[str]:
    """What waits for a person, as on the overview."""
    counts = (
        (needs.suggestions, _("Topics nobody has read yet")),
        (needs.disputes, _("Disputed payments")),
        (needs.fraud_warnings, _("Warnings of fraud")),
        (needs.late_refunds, _("Refunds that wait too long")),
        (needs.unrepaired_differences, _("Differences from Stripe")),
        (needs.failed_events, _("Events that could not be processed")),
        (needs.late_events, _("Events that wait too long")),
        (needs.failed_mails, _("Mails that failed")),
        (needs.late_mails, _("Mails that wait too long")),
    )
    said = [f"{name}: {show_number(number)}" for number, name in counts if number]
    if needs.card_testing_since:
        said.append(str(_("Somebody is testing stolen cards")))
    if needs.not_compared_since:
        said.append(str(_("Stripe was not compared with our books last night")))
    if needs.clock_off_seconds:
        said.append(str(_("The machine’s clock is off")))
    return said


def _links(language: str) -> dict[str, str]:
    """Where the letter leads."""
    return {
        "overview_url": address("staff.overview", language),
        "my_mail_url": address("staff.my_mail", language),
    }
