"""Of a patron's story: votes, topics, mails, notes, sign-ins, and what staff did."""

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Select, func, select

from membership.accounts import accounts
from membership.accounts.models import Account, AuditEntry, Note, SignIn
from membership.mail.models import OutboxEmail
from membership.reports import words
from membership.reports.deeds import DEEDS
from membership.reports.timeline.entry import Source, Told
from membership.voting.models import Round, Topic, Turnout
from membership.voting.telling import shows_who_voted

Rows = Select[*tuple[Any, ...]]
# Looking is no part of the story, and these stand in it by themselves.
NOT_TOLD = (
    "patron.viewed",
    "merge.previewed",
    "note.written",
    "donation.refunded",
    "donation.taken_back",
    "staff_signed_in",
)
_BAD = frozenset({"failed", "suppressed", "uncertain"})


def _mails(account: Account) -> Rows:
    mail = OutboxEmail
    return select(mail.kind, mail.state).where(mail.account_id == account.id, ~shows_who_voted())


def _mail(row: Any) -> Told:
    return Told(
        _("Mail: %(kind)s", kind=words.KIND.get(row.kind, row.kind)),
        str(words.MAIL[row.state]),
        "bad" if row.state in _BAD else "neutral",
    )


def _rounds(account: Account) -> Rows:
    return (
        select(Round.title)
        .join(Turnout, Turnout.round_id == Round.id)
        .where(Turnout.account_id == account.id)
    )


def _round(row: Any) -> Told:
    return Told(_("Had taken part when the round was settled"), row.title)


def _topics(account: Account) -> Rows:
    return select(Topic.title).where(Topic.suggested_by_id == account.id)


def _topic(row: Any) -> Told:
    return Told(_("Suggested a topic"), row.title)


def _notes(account: Account) -> Rows:
    return (
        select(Note.kind, Note.text, Account.email.label("author"))
        .outerjoin(Account, Account.id == Note.author_id)
        .where(Note.account_id == account.id)
    )


def _note(row: Any) -> Told:
    author = row.author or _("somebody")
    if row.kind == "call":
        return Told(_("Called by %(author)s", author=author), row.text)
    return Told(_("Note by %(author)s", author=author), row.text)


def _sign_ins(account: Account) -> Rows:
    return select(SignIn.account_id).where(SignIn.account_id == account.id)


def _sign_in(_row: Any) -> Told:
    return Told(_("Signed in"))


def _deeds(account: Account) -> Rows:
    """Also of accounts that were merged into this one: the log is never changed."""
    merged = accounts.with_merged(account.id).subquery()
    return (
        select(
            AuditEntry.action,
            AuditEntry.detail["reason"].astext.label("reason"),
            Account.email.label("actor"),
        )
        .outerjoin(Account, Account.id == AuditEntry.actor_id)
        .where(
            AuditEntry.subject.in_(select(func.concat("account:", merged.c.id))),
            AuditEntry.action.not_in(NOT_TOLD),
        )
    )


def _deed(row: Any) -> Told:
    who = row.actor or _("by the system")
    # The log keeps what former versions called a deed.
    return Told(
        str(DEEDS.get(row.action, row.action)), f"{row.reason} – {who}" if row.reason else who
    )


_MAILED = func.coalesce(OutboxEmail.sent_at, OutboxEmail.created_at)
_SETTLED = func.coalesce(Round.settled_at, Round.closes_at)
SOURCES = (
    Source("mail", "mail", _MAILED, OutboxEmail.id, _mails, _mail),
    Source("round", "votes", _SETTLED, Round.id, _rounds, _round),
    Source("topic", "votes", Topic.created_at, Topic.id, _topics, _topic),
    Source("note", "notes", Note.created_at, Note.id, _notes, _note),
    Source("sign_in", "account", SignIn.created_at, SignIn.id, _sign_ins, _sign_in),
    Source("deed", "account", AuditEntry.created_at, AuditEntry.id, _deeds, _deed),
)
