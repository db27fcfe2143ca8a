"""From the facts of a paper to the words that stand on it, in its language."""

from datetime import date
from typing import Any

from babel.dates import format_date
from babel.numbers import format_decimal
from flask_babel import force_locale
from flask_babel import gettext as _

from membership.billing.papers.facts import ONLINE, Facts
from membership.money import NO_BREAK_SPACE, Money, decimals


def words(kind: str, facts: Facts) -> dict[str, Any]:
    """What the template prints, all of it text: see paper.typ."""
    with force_locale(facts["language"]):
        return (_receipt if kind == "receipt" else _statement)(facts)


def _receipt(facts: Facts) -> dict[str, Any]:
    (gift,) = facts["gifts"]
    (total,) = facts["sums"]
    language = facts["language"]
    shown = [
        # As in the mail that thanked for it.
        (_("Donation"), _("No. %(number)s", number=gift["donation"])),
        (_("Day"), day(gift["paid_on"], language)),
        (_("For"), purpose(gift)),
        (_("Paid"), method(gift)),
    ]
    if gift["returns"]:
        shown += [
            (_("Given"), amount(total["given_minor"], total["currency"], language)),
            *[
                (_("Given back on %(day)s", day=day(each["on"], language)),
                 amount(-each["amount_minor"], total["currency"], language))
                for each in gift["returns"]
            ],
        ]  # fmt: skip
    return {
        **_letter(facts, _("Receipt")),
        "figure": amount(total["kept_minor"], total["currency"], language),
        "text": _("We have received this donation. Thank you."),
        "shown": shown,
        "table": None,
        "notes": [note for note in [facts["newsroom"]["tax_text"]] if note],
    }


def _statement(facts: Facts) -> dict[str, Any]:
    first, last = (day(facts[each], facts["language"]) for each in ("from_on", "to_on"))
    return {
        **_letter(facts, _("Statement of donations")),
        "figure": None,
        "text": _(
            "From %(first)s to %(last)s we have received these donations. Thank you.",
            first=first,
            last=last,
        ),
        "shown": [],
        "table": _table(facts),
        "notes": _notes(facts),
    }


def _letter(facts: Facts, title: str) -> dict[str, Any]:
    newsroom, giver, language = facts["newsroom"], facts["giver"], facts["language"]
    return {
        "language": language,
        "title": title,
        "number": facts["number"],
        "newsroom": newsroom["name"],
        "newsroom_address": newsroom["address"],
        "giver": "\n".join(line for line in (giver["name"], giver["address"]) if line),
        "date": day(facts["issued_on"], language),
        "number_label": _("No."),
        "page_label": _("Page"),
    }


def _table(facts: Facts) -> dict[str, Any]:
    language = facts["language"]
    counted = [gift for gift in facts["gifts"] if not gift["is_disputed"]]
    return {
        "columns": [_("Day"), _("What"), _("Given"), _("Given back"), _("Remains")],
        "rows": [_row(gift, language) for gift in counted],
        "sums": [
            [
                _("Together, %(currency)s", currency=each["currency"]),
                *[
                    amount(each[part], each["currency"], language)
                    for part in ("given_minor", "returned_minor", "kept_minor")
                ],
            ]
            for each in facts["sums"]
        ],
    }


def _row(gift: Facts, language: str) -> list[str]:
    returned = sum(each["amount_minor"] for each in gift["returns"])
    what = [purpose(gift) if gift["method"] == ONLINE else f"{purpose(gift)}, {method(gift)}"]
    what += [
        _(
            "%(amount)s given back on %(day)s",
            amount=amount(each["amount_minor"], gift["currency"], language),
            day=day(each["on"], language),
        )
        for each in gift["returns"]
    ]
    return [
        day(gift["paid_on"], language),
        "\n".join(what),
        amount(gift["amount_minor"], gift["currency"], language),
        amount(returned, gift["currency"], language) if returned else "",
        amount(gift["amount_minor"] - returned, gift["currency"], language),
    ]


def _notes(facts: Facts) -> list[str]:
    language = facts["language"]
    disputed = [
        _(
            "%(amount)s on %(day)s",
            amount=amount(gift["amount_minor"], gift["currency"], language),
            day=day(gift["paid_on"], language),
        )
        for gift in facts["gifts"]
        if gift["is_disputed"]
    ]
    issued_on = day(facts["issued_on"], language)
    notes = [
        facts["newsroom"]["tax_text"],
        _("What was given back until %(day)s is taken off.", day=issued_on),
        _("Receipts for single donations of these days speak of the same money."),
    ]
    if disputed:
        shown = "; ".join(disputed)
        notes.append(
            _("Not counted, because the giver’s bank takes it back: %(payments)s.", payments=shown)
        )
    if facts["replaces"]:
        notes.append(_("This statement replaces no. %(number)s.", number=facts["replaces"]))
    return [note for note in notes if note]


def purpose(gift: Facts) -> str:
    """What a donation was for."""
    named: dict[str, str] = {
        "support": _("Regular support"),
        "once": _("One gift"),
        "gift": _("A year as a patron for somebody else"),
        "pool": _("Support for those who cannot pay"),
    }
    return named[gift["purpose"]]


def method(gift: Facts) -> str:
    """How the money came, with what stood on the transfer or cheque."""
    named: dict[str, str] = {
        ONLINE: _("online"),
        "transfer": _("by bank transfer"),
        "cheque": _("by cheque"),
        "cash": _("in cash"),
        "paypal": _("by PayPal"),
        "crypto": _("in cryptocurrency"),
        "other": _("in another way"),
    }
    how = named[gift["method"]]
    return f"{how} ({gift['reference']})" if gift["reference"] else how


def day(iso: str, language: str) -> str:
    return str(format_date(date.fromisoformat(iso), "d MMMM y", locale=language))


def amount(minor: int, currency: str, language: str) -> str:
    """All decimals and the currency's code: columns stand in line and no $ is left to guess."""
    places = decimals(currency)
    pattern = "#,##0." + "0" * places if places else "#,##0"
    number = format_decimal(abs(Money(minor, currency).major), pattern, locale=language)
    return f"{'−' if minor < 0 else ''}{number}{NO_BREAK_SPACE}{currency}"
