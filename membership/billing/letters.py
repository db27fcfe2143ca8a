"""The mails of giving. Subjects are neutral: whoever sees a reader's inbox learns little (S10)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from babel.dates import format_date
from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing import links
from membership.billing.models import Donation, Subscription
from membership.billing.papers import donations as papers
from membership.billing.papers import facts, wording
from membership.mail import kinds, outbox
from membership.mail.models import OutboxEmail
from membership.money import Money, display
from membership.web.languages import address


def in_words(context: dict[str, Any], language: str) -> dict[str, Any]:
    """Amounts and days as people who read `language` write them: `paid_at` becomes `paid_on`.

    The number of a `subscription` becomes the link to manage it: the outbox keeps no secrets.
    """
    said = dict(context)
    number = said.pop("subscription", None)
    said["manage_url"] = links.manage_url(number, language) if number else None
    if "amount_minor" in said:
        money = Money(said.pop("amount_minor"), said.pop("currency"))
        said["amount"] = display(money, language)
    for name in [each for each in said if each.endswith("_at")]:
        said[f"{name.removesuffix('_at')}_on"] = _day(said.pop(name), language)
    return said


def _day(at: str | None, language: str) -> str | None:
    if at is None:
        return None
    local = datetime.fromisoformat(at).astimezone(clock.newsroom_zone())
    return format_date(local, "d MMMM y", locale=language)


def returned(session: Session, donation: Donation) -> list[facts.Facts]:
    """What went back of a donation, as its paper has it: `on` (a day), `amount_minor`."""
    if not donation.refunded_minor:
        return []
    said = facts.receipt(papers.one(session, donation.id), clock.newsroom_zone())
    (gift,) = said["gifts"]
    found: list[facts.Facts] = gift["returns"]
    return found


def returns_in_words(
    returns: list[facts.Facts], currency: str, language: str
) -> list[tuple[str, str]]:
    """Day and amount of each, which stands below 0."""
    return [
        (
            wording.day(each["on"], language),
            display(Money(-each["amount_minor"], currency), language),
        )
        for each in returns
    ]


def _receipt_in_words(context: dict[str, Any], language: str) -> dict[str, Any]:
    """With what went back of it, and what `remains`."""
    # A mail that an older release wrote says nothing of it.
    returns = context.get("returns")
    if not returns:
        return {**in_words(context, language), "returns": []}
    currency = context["currency"]
    kept = context["amount_minor"] - sum(each["amount_minor"] for each in returns)
    return {
        **in_words(context, language),
        "returns": returns_in_words(returns, currency, language),
        "remains": display(Money(kept, currency), language),
    }


WELCOME = kinds.transactional("welcome")
RECEIPT = kinds.transactional("receipt", _receipt_in_words)
SECOND_REFUNDED = kinds.transactional("second_subscription_refunded", in_words)
ANNUAL_STATEMENT = kinds.transactional("annual_statement")
ENDED_WHILE_LEAVING = kinds.transactional("ended_while_leaving", in_words)


def welcome(session: Session, account: Account, interval: str, purpose: str = "support") -> None:
    """After an account's first gift; `interval` is month, year or once, `purpose` a checkout's."""
    context = {
        "name": account.name,
        "interval": interval,
        "purpose": purpose,
        "topics_url": address("voting.topics", account.language),
    }
    put(session, account, WELCOME, f"account:{account.id}", context)


def receipt(
    session: Session,
    account: Account,
    donation: Donation,
    interval: str,
    again: UUID | None = None,
) -> None:
    """Once per donation, by the outbox's constraint (lesson L16); once more per `again`."""
    subject = f"donation:{donation.id}" + (f":{again}" if again else "")
    context = {
        "number": donation.id,
        "amount_minor": donation.amount_minor,
        "currency": donation.currency,
        "paid_at": donation.paid_at.isoformat(),
        "returns": returned(session, donation),
        "interval": interval,
        "subscription": donation.subscription_id,
        "account_url": address("billing.overview", account.language),
    }
    put(session, account, RECEIPT, subject, context)


def annual_statement(session: Session, account: Account, year: int) -> None:
    """Says that the statement of a year can be had; once per account and year."""
    url = address("papers.papers", account.language, year=year)
    context = {"year": year, "statement_url": url}
    put(session, account, ANNUAL_STATEMENT, f"account:{account.id}:{year}", context)


def second_refunded(
    session: Session,
    account: Account,
    subscription: Subscription,
    refunded: Money,
    refunded_in_all: Money,
) -> None:
    """Tells a reader that a second subscription was ended, and what was given back.

    Or the first of who asked to be deleted. Money that came later is given back later, which is
    told in a mail of its own.
    """
    kind = ENDED_WHILE_LEAVING if account.is_leaving else SECOND_REFUNDED
    page = "privacy.privacy" if account.is_leaving else "billing.overview"
    context = {
        "amount_minor": refunded.minor,
        "currency": refunded.currency,
        "has_refund": refunded.minor > 0,
        "account_url": address(page, account.language),
    }
    subject = f"subscription:{subscription.id}:{refunded_in_all.minor}"
    put(session, account, kind, subject, context)


def told(kind: str, subject: ColumnElement[str]) -> ColumnElement[bool]:
    """SQL: an account was written to about this, whatever its address was then."""
    return exists().where(
        OutboxEmail.account_id == Account.id,
        OutboxEmail.kind == kind,
        OutboxEmail.subject == subject,
    )


def put(
    session: Session,
    account: Account,
    kind: str,
    subject: str,
    context: dict[str, Any],
    not_after: datetime | None = None,
) -> None:
    """Write one mail of `kind` to an account, in its language; once per `subject`."""
    outbox.put(
        session,
        kind=kind,
        recipient=account.email,
        subject=subject,
        language=account.language,
        context=context,
        account_id=account.id,
        not_after=not_after,
    )
