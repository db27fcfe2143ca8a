"""Who is found by each filter of the list of patrons, from plain rows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from config.settings import settings
from membership.money import from_major
from tests.reports.recomputed.acquisition import last
from tests.reports.recomputed.raw import Plain, Raw, day_of

STANDING = {"active": "current", "cancel_scheduled": "current", "past_due": "grace",
            "paused": "grace", "ended": "lapsed", "incomplete": "lapsed"}  # fmt: skip


@dataclass(frozen=True)
class Giver:
    """`support` is what runs, or else what ran last; who has none has the currency of a gift.

    `article` is the story at whose end they decided to give for the first time.
    """

    account: int
    support: Plain | None
    since: date
    gift_currency: str
    article: int | None
    has_voted: bool
    tags: frozenset[int]
    # All through which they ever paid.
    platforms: frozenset[str]

    @property
    def standing(self) -> str:
        return STANDING[self.support.state] if self.support else "once"

    @property
    def currency(self) -> str:
        return self.support.currency if self.support else self.gift_currency


def givers(raw: Raw) -> list[Giver]:
    rows: dict[int, tuple[list[Plain], list[Plain]]] = {}
    for number, some in enumerate((raw.supports.values(), raw.donations)):
        for each in some:
            rows.setdefault(each.account_id, ([], []))[number].append(each)
    settled = {each.id for each in raw.rounds if each.state == "settled"}
    voters = {each.account_id for each in raw.turnout if each.round_id in settled}
    return [
        Giver(
            account=account,
            support=max(supports, key=_counts, default=None),
            since=_since(supports, gifts),
            gift_currency=max(gifts, key=lambda each: each.paid_at).currency,
            article=_article(raw, supports, gifts),
            has_voted=account in voters,
            tags=frozenset(each.tag_id for each in raw.tagged if each.account_id == account),
            platforms=frozenset(e.source for e in raw.elsewhere if e.account_id == account),
        )
        for account, (supports, gifts) in rows.items()
    ]


def _counts(support: Plain) -> tuple[bool, datetime]:
    return not support.ended_at, support.started_at


def _since(supports: Iterable[Plain], gifts: Iterable[Plain]) -> date:
    began = [each.started_at for each in supports] or [each.paid_at for each in gifts]
    return day_of(min(began))


def _article(raw: Raw, supports: Iterable[Plain], gifts: Iterable[Plain]) -> int | None:
    """Of the first of their checkouts that brought something."""
    brought = [(each.started_at, each.checkout_id) for each in supports]
    brought += [(each.paid_at, each.checkout_id) for each in gifts if not each.subscription_id]
    pages = [(at, page) for at, page in brought if page is not None]
    return last(raw.checkouts[min(pages)[1]]) if pages else None


def tests(raw: Raw) -> dict[tuple[str, Any], Callable[[Giver], bool]]:
    """By name and value of a filter, whether somebody is found."""
    found: dict[tuple[str, Any], Callable[[Giver], bool]] = {}
    for standing in ("current", "grace", "lapsed", "once"):
        found["standing", standing] = lambda each, value=standing: each.standing == value
    found["state", "runs"] = lambda each: each.standing in ("current", "grace")
    for column, values in (
        ("state", STANDING),
        ("interval", ("month", "year")),
    ):
        for value in values:
            found[column, value] = lambda each, column=column, value=value: (
                each.support is not None and getattr(each.support, column) == value
            )
    for code in raw.currencies:
        found["currency", code] = lambda each, code=code: each.currency == code
    for tier in ("coffee", "lunch", "dinner"):
        found["tier", tier] = lambda each, tier=tier: _tier(each.support) == tier
    for platform in sorted({each.source for each in raw.elsewhere}):
        found["platform", platform] = lambda each, platform=platform: (
            platform in each.platforms and each.standing not in ("current", "grace")
        )
    # One on which somebody began, who is found by both.
    days = sorted(each.since for each in givers(raw))
    day = days[len(days) // 2]
    found["since", day] = lambda each: each.since >= day
    found["until", day] = lambda each: each.since <= day
    for story in sorted({page.article_id for page in raw.checkouts.values() if page.article_id}):
        found["article_id", story] = lambda each, story=story: each.article == story
    found["votes", "ever"] = lambda each: each.has_voted
    found["votes", "never"] = lambda each: not each.has_voted
    for tag in sorted({each.tag_id for each in raw.tagged}):
        found["tag_id", tag] = lambda each, tag=tag: tag in each.tags
    return found


def _tier(support: Plain | None) -> str | None:
    """The highest that the amount reaches; of a yearly amount, a twelfth counts."""
    reached = None
    if support is not None:
        for tier in settings().tiers.get(support.currency, ()):
            least = from_major(tier.amount, support.currency).minor
            if support.amount_minor >= least * (12 if support.interval == "year" else 1):
                reached = tier.name
    return reached
