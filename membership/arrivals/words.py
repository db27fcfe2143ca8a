"""How people are told what an import does, in the language of the page."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask_babel import lazy_gettext as _

from membership.arrivals.summary import Problem

Words = Mapping[str, Any]

SOURCE: Words = MappingProxyType(
    {"stripe": "Stripe", "patreon": "Patreon", "steady": "Steady", "ghost": "Ghost"}
)
# Where each platform has its export, and what must be in it.
WHERE: Words = MappingProxyType(
    {
        "patreon": _(
            "In Patreon, under Audience → Relationship manager: “Export CSV”. The columns "
            "%(columns)s must be in it."
        ),
        "steady": _(
            "In Steady, under Members: “Export as CSV”. The columns %(columns)s must be in it."
        ),
        "ghost": _(
            "In Ghost, under Members, in the menu of the gear: “Export all members”. The columns "
            "%(columns)s must be in it."
        ),
    }
)
STATE: Words = MappingProxyType(
    {
        "asked": _("being looked at"),
        "shown": _("waits for you"),
        "confirmed": _("being done"),
        "done": _("done"),
        "failed": _("failed"),
    }
)
STATE_TONE: Words = MappingProxyType(
    {
        "asked": "neutral",
        "shown": "warning",
        "confirmed": "neutral",
        "done": "good",
        "failed": "bad",
    }
)
COUNT: Words = MappingProxyType(
    {
        "new": _("Taken as new"),
        "changed": _("Known, told otherwise now"),
        "same": _("Known, and the same"),
        "ended": _("Known, and over now"),
        "over": _("Over before we knew of it"),
        "free": _("Give nothing there"),
        "not_taken": _("Not taken, each with its reason"),
        "not_asked_for": _("Of other prices"),
        "entitled": _("Patrons by this, who may vote in rounds that open from now on"),
        "letters_begun": _("Get the week’s stories from now on"),
        "letters_known": _("Get the week’s stories already"),
        "letters_refused": _("Want no letters"),
    }
)
# By an export of readers nobody becomes a patron, and of one line several things may be said.
_COUNT_OF_READERS: Words = MappingProxyType(
    {name: said for name, said in COUNT.items() if name != "new"}
    | {"not_taken": _("Remarks on lines")}
)
# What the box that mails who is new does, by source; from Ghost nobody comes whom it could mail.
WELCOME: Words = MappingProxyType(
    dict.fromkeys(
        ("patreon", "steady"),
        _(
            "Without this, they get no mail at all, neither of votes nor of campaigns nor the "
            "monthly letter, before they have signed in here or given here."
        ),
    )
    | {
        "stripe": _(
            "Without this, the import mails nobody. Either way they get from then on what "
            "everybody gets who gives here: mails of payments, of votes and campaigns, and the "
            "monthly letter."
        )
    }
)
# What a column of a file becomes.
FIELD: Words = MappingProxyType(
    {
        "email": _("address"),
        "name": _("name"),
        "first_name": _("name"),
        "last_name": _("name"),
        "source_id": _("who it is there, to know them again"),
        "status": _("whether they support us"),
        "state": _("whether they support us"),
        "amount": _("amount"),
        "currency": _("currency"),
        "interval": _("monthly or yearly"),
        "tier": _("tier"),
        "given": _("whether anything was paid"),
        "since": _("supporter since"),
        "charged": _("until when it is paid"),
        "charge_status": _("whether the last payment came"),
        "expires": _("until when it is paid"),
        "next_charge": _("until when it is paid"),
        "trial_ends": _("whether anything was paid"),
        "is_free": _("whether anything was paid"),
        "newsletter": _("whether they want letters"),
        "is_complimentary": _("whether anything was paid"),
        "customer": _("whether they pay through Stripe"),
        "deleted": _("whether they are still there"),
    }
)
# Why a line of a file, or a subscription at Stripe, is not taken. What it speaks of follows.
REASON: Words = MappingProxyType(
    {
        "shifted": _("This line has more cells than the file has columns."),
        "no_address": _("There is no mail address in it."),
        "twice": _("The same person as in line %(detail)s."),
        "no_day": _("There is no day that makes sense in “%(detail)s”."),
        "to_come": _("The day in “%(detail)s” is still to come."),
        "no_amount": _("The amount cannot be read."),
        "unknown_state": _("We do not know its state: it is neither paid nor over."),
        "other_interval": _("It is paid neither monthly nor yearly."),
        "given_back": _("Their last payment was given back (%(detail)s)."),
        "declined": _("Their last payment failed, so nothing is paid for now."),
        "not_paid_yet": _("They have not paid anything there yet."),
        "guest": _("A guest of somebody else’s support."),
        "is_leaving": _("The account with this address is being deleted."),
        "deleted_there": _("Deleted there."),
        "complimentary": _("Nobody pays for this; you can grant months from the pool."),
        "pays_at_stripe": _("Pays through Stripe: comes with the import from Stripe. %(detail)s"),
        "unclear_letters": _(
            "Whether they want letters says neither yes nor no: nothing changes for them."
        ),
        "no_letters": _("Gets no letters here: %(detail)s."),
        "unreadable": _("It has a shape that we do not know. %(detail)s"),
        "first_payment_open": _("Its first payment has not come yet."),
        "other_rhythm": _("It is charged neither every month nor every year (%(detail)s)."),
        "metered": _("Its price is no fixed amount (%(detail)s)."),
        "free_there": _("It costs nothing (%(detail)s)."),
        "discount": _("It has a discount, which we could not keep in step with (%(detail)s)."),
        "by_invoice": _("It is paid by invoice and not charged by itself (%(detail)s)."),
        "schedule": _("It follows a schedule, which would change it behind us (%(detail)s)."),
        "other_currency": _("It is paid in %(detail)s, which is no currency of ours."),
        "gives_already": _("The account with this address gives by another subscription already."),
        "second": _("The same address as %(detail)s; one subscription a patron."),
        "unproven": _(
            "An account with this address gives by another customer of Stripe, and nobody has "
            "proven the address: import again once its reader has signed in."
        ),
        "refused_by_stripe": _("Stripe refused: %(detail)s"),
        "over": _("It is over."),
        "free": _("They give nothing there."),
    }
)

# Why an import failed, so that nothing more was taken. What it speaks of follows.
FAILED: Words = MappingProxyType(
    {
        "encoding": _("This file is not written in UTF-8."),
        "line": _("Line %(detail)s cannot be read."),
        "no_column": _("This is not the export that was chosen: it has no column %(detail)s."),
        "refused_by_stripe": REASON["refused_by_stripe"],
        "cut_off": _(
            "This was begun several times and cut off each time: please run “%(detail)s” on the "
            "server, which may take as long as it needs."
        ),
    }
)


def failed(why: str) -> str:
    """In a sentence: a reason of FAILED and, after a blank, what it speaks of.

    The release before wrote the sentence itself.
    """
    reason, _blank, detail = why.partition(" ")
    return str(FAILED[reason] % {"detail": detail}) if reason in FAILED else why


def counts(source: str) -> Words:
    """What each count of an import is called."""
    return _COUNT_OF_READERS if source == "ghost" else COUNT


def sentence(problem: Problem) -> str:
    """Why it is not taken."""
    return str(REASON[problem.reason] % {"detail": problem.detail}).strip()
