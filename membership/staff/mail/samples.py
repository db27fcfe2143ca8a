"""What stands in sample letters of each kind: for the preview of their wording, and for tests.

As the outbox keeps it, but for WHOLE. Together, the letters of a kind say each of its sentences.
No link in them is signed, and what would open something has the number -1, which no row has.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask_babel import force_locale, format_date
from flask_babel import gettext as _
from markupsafe import Markup

from membership.mail import kinds
from membership.money import Money, display
from membership.web.languages import address
from membership.web.pages import show_date, show_number, show_time

Context = dict[str, Any]
# What is said of a kind, by its name, in a language.
Samples = Mapping[str, list[Context]]

NOBODY = -1
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = datetime(2026, 4, 2, 12, tzinfo=UTC)
# These are as templates see them: they would be completed from rows, or with a secret.
WHOLE = frozenset(
    {
        "address_change",
        "campaign",
        "campaign_test",
        "giving_pass",
        "newsletter_confirm",
        "sign_in",
    }
)
# What completing signs, by its name, and the page it leads to.
SIGNED = {"manage_url": "manage.by_link", "mend_url": "dunning.mend", "gift_url": "gifts.take"}
# Each takes a form of its own in a language with three.
NUMBERS = (2, 1, 5)


def of(kind: str, language: str) -> list[Context]:
    """What the templates of each sample letter see, the commonest first; KeyError without one."""
    with force_locale(language):
        for written in ALL:
            if kind in (samples := written(language)):
                if kind in WHOLE:
                    return samples[kind]
                complete = kinds.find(kind).complete
                return [_unsigned(complete(each, language), language) for each in samples[kind]]
    raise KeyError(f"write a sample of {kind!r} here")


def _unsigned(completed: Context, language: str) -> Context:
    """With links that open nothing, and are the same whenever one looks."""
    links = {
        name: address(endpoint, language, token="sample")
        for name, endpoint in SIGNED.items()
        if completed.get(name)
    }
    return {**completed, **links}


def _accounts(language: str) -> Samples:
    until = {"until_at": LATER.isoformat(), "privacy_url": address("privacy.privacy", language)}

    def link(endpoint: str) -> str:
        return address(endpoint, language, token="sample")

    form = address("billing.support", language, interval="month")
    return {
        "sign_in": [{"link": link("accounts.confirm"), "code": "123456"}],
        "sign_in_unknown": [{}],
        "deletion_asked": [{**until, "gave": True}],
        "giving_pass": [{"link": form}],
        "address_change": [{"link": link("accounts.address.confirm")}],
        "address_taken": [{}],
        "address_changed": [{}],
        "accounts_merged": [{"is_kept": True}, {"is_kept": False}],
    }


def _support(language: str) -> Samples:
    account = {"account_url": address("billing.overview", language)}
    amount = {"amount_minor": 400, "currency": "EUR"}
    welcome = {"name": None, "purpose": "support", "topics_url": address("voting.topics", language)}
    given = {**amount, **account, "number": 1024, "paid_at": NOON.isoformat()}
    returns = [{"on": LATER.date().isoformat(), "amount_minor": 150}]
    runs = {**amount, "subscription": NOBODY, "interval": "month", "is_over": False}
    terms = {**runs, "until_at": LATER.isoformat(), "next_charge_at": LATER.isoformat()}
    refunds = [{**amount, **account, "has_refund": refund} for refund in (True, False)]
    return {
        "welcome": [
            {**welcome, "name": _("Olena"), "interval": "month"},
            *({**welcome, "interval": "once", "purpose": p} for p in ("support", "gift", "pool")),
        ],
        "arrived": [
            {"name": _("Olena"), "elsewhere": None, "topics_url": welcome["topics_url"]},
            {"name": None, "elsewhere": "Patreon", "topics_url": welcome["topics_url"]},
        ],
        "receipt": [
            {**given, "interval": "month", "subscription": NOBODY},
            {**given, "interval": "year", "subscription": NOBODY},
            {**given, "interval": "once", "subscription": None},
            {**given, "interval": "once", "subscription": None, "returns": returns},
        ],
        "annual_statement": [
            {
                "year": NOON.year - 1,
                "statement_url": address("papers.papers", language, year=NOON.year - 1),
            }
        ],
        "second_subscription_refunded": refunds,
        "ended_while_leaving": refunds,
        "support_changed": [terms, {**terms, "interval": "year"}],
        "support_paused": [terms],
        "support_resumed": [terms],
        "support_cancelled": [
            {**terms, "is_over": is_over, "by_staff": by_staff}
            for by_staff in (False, True)
            for is_over in (False, True)
        ],
        "cancel_undone": [terms],
    }


def _payments(language: str) -> Samples:
    amount = {"amount_minor": 400, "currency": "EUR", "interval": "month", "card_last4": "4242"}
    failed = {**amount, "failed_at": NOON.isoformat(), "dunning": NOBODY}
    failed |= {"is_hard": False, "is_last": False, "next_attempt_at": LATER.isoformat()}
    ended = {**amount, "failed_at": NOON.isoformat()}
    ended |= {"support_url": address("billing.support", language)}
    ahead = {**amount, "charged_at": LATER.isoformat(), "subscription": NOBODY}
    return {
        "payment_failed": [
            {**failed, "step": 1},
            {**failed, "step": 1, "card_last4": None, "next_attempt_at": None},
            {**failed, "step": 2},
            {**failed, "step": 3},
            {**failed, "step": 3, "is_hard": True},
            {**failed, "step": 4, "is_last": True},
            {**failed, "step": 4, "is_last": True, "is_hard": True},
        ],
        "payment_action": [
            *({**failed, "step": step} for step in (1, 2, 3)),
            {**failed, "step": 4, "is_last": True},
        ],
        "payment_recovered": [{**ended, "account_url": address("billing.overview", language)}],
        "support_ended_unpaid": [ended, {**ended, "interval": "year"}],
        "renewal_ahead": [ahead, {**ahead, "card_last4": None}],
        "card_expires": [{**ahead, "expires_at": NOON.isoformat()}],
        "invitation": [{"support_url": address("billing.support", language, interval="month")}],
    }


def _gifts(language: str) -> Samples:
    words = _("You read us every morning anyway.")
    gift = {"gift_id": NOBODY, "message": words, "months": 12, "is_from_pool": False}
    gift |= {"recipient_name": _("Taras"), "sender_name": _("Olena")}
    pool = gift | {"sender_name": None, "message": None, "is_from_pool": True}
    return {
        "gift": [
            gift,
            {**gift, "recipient_name": None, "sender_name": None, "message": None},
            *({**pool, "months": months} for months in NUMBERS),
        ],
        "gift_sent": [{"recipient": _("Taras"), "gifts_url": address("gifts.overview", language)}],
    }


def _votes(language: str) -> Samples:
    title, topic = _("What shall we look into next?"), _("Who owns the new harbour?")
    asked = {"title": title, "topics": 6, "until": show_time(LATER), "last_day": show_date(LATER)}
    asked |= {"url": address("voting.ballot", language, round_id=NOBODY)}
    asked_for = [
        {**asked, "method": method, "most": most}
        for method in ("approval", "instant_runoff")
        for most in NUMBERS
    ]
    counted = {"title": title, "ballots": "214", "electorate": "530"}
    counted |= {"url": address("voting.result", language, round_id=NOBODY)}
    return {
        "round_opened": asked_for,
        "round_closing": asked_for,
        "round_result": [
            *(
                {**counted, "outcome": outcome, "ahead": [topic] * number}
                for outcome in ("decided", "advisory")
                for number in (1, 2, 5)
            ),
            {**counted, "outcome": "void", "ahead": []},
        ],
        "topic_news": _topic_news(language, topic),
        "published": [
            {
                "topic": topic,
                "title": _("The harbour belongs to three families"),
                "standfirst": _("Two years of papers lead to the same address."),
                "url": address("articles.show", language, slug="sample"),
            }
        ],
    }


def _topic_news(language: str, topic: str) -> list[Context]:
    said = {"topic": topic, "reason": None, "original": None, "until": None}
    said |= {"url": address("voting.topic", language, slug="sample")}
    reason = {"reason": _("Another paper has just told this story well.")}
    merged = reason | {"original": _("The new harbour")}
    return [
        {**said, "step": "assigned"},
        {**said, "step": "on_ballot", "until": show_time(LATER)},
        *({**said, "step": step, **merged} for step in ("merged", "reported")),
        *({**said, "step": step, **reason} for step in ("overruled", "advised")),
        *({**said, "step": step, **reason} for step in ("rejected", "dropped")),
    ]


def _staff(language: str) -> Samples:
    letter = {
        "first": format_date(NOON - timedelta(days=6), "d MMMM"),
        "last": format_date(NOON, "d MMMM y"),
        "sentence": _(
            "12 patrons joined, 3 left or paused: %(number)s gave as it ended.",
            number=show_number(1204),
        ),
        "figures": [[_("Patrons"), show_number(1204), "+9"], [_("New, or back again"), "12", ""]],
        "overview_url": address("staff.overview", language),
        "my_mail_url": address("staff.my_mail", language),
    }
    needs = [_("Topics nobody has read yet") + ": 3"]
    return {"staff_summary": [{**letter, "needs": needs}, {**letter, "needs": []}]}


def _newsroom(language: str) -> Samples:
    stories = [
        {
            "title": title,
            "standfirst": _("Two years of papers lead to the same address."),
            "date": show_date(NOON),
            "language": language,
            "url": address("articles.show", language, slug="sample"),
            "topic": _("Who owns the new harbour?"),
        }
        for title in (_("The harbour belongs to three families"), _("Why the bridge is closed"))
    ]
    ask = {
        "price": display(Money(400, "EUR"), language),
        "url": address("billing.support", language),
    }
    vote = {"title": _("What shall we look into next?"), "until": show_time(LATER)}
    vote |= {"url": address("voting.ballot", language, round_id=NOBODY)}
    figures = {"stories": "34", "topics": "2", "patrons": "18"}
    text = _("We have moved. From Monday on you find us at the harbour.")
    campaign = {"line": _("We have moved"), "text": text, "html": Markup("<p>%s</p>") % text}
    file = {
        "link": address("staff.export", language, export_id=NOBODY),
        "until_at": LATER.isoformat(),
    }
    return {
        "export_ready": [{"kind": "patrons"} | file, file],
        "newsletter_confirm": [
            {"link": address("newsletter.confirm", language, token="sample")},
        ],
        "newsletter": [
            {"date": show_date(NOON), "stories": stories, "ask": ask},
            {"date": show_date(NOON), "stories": stories, "ask": None},
        ],
        "digest": [
            {
                "month": format_date(NOON, "LLLL y"),
                "stories": stories,
                "rounds": [vote],
                "figures": figures,
            },
        ],
        "campaign": [campaign],
        "campaign_test": [campaign],
    }


ALL: tuple[Callable[[str], Samples], ...] = (
    _accounts,
    _support,
    _payments,
    _gifts,
    _votes,
    _newsroom,
    _staff,
)
# What all letters share is shown on one that may be refused, which has all of it.
SHARED = "published"
