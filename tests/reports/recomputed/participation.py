"""Who takes part and what came of it, from plain rows (rule D5).

Of fewer than 5 people nothing is told, nor what they could be reckoned from (rule S10).
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from fractions import Fraction
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from config.settings import settings
from membership.reports.periods import Period
from membership.reports.report import Asked
from tests.reports.recomputed import votes
from tests.reports.recomputed.compare import HIDDEN
from tests.reports.recomputed.overview import Rows
from tests.reports.recomputed.raw import Plain, Raw, within
from tests.reports.recomputed.recovery import share
from tests.reports.recomputed.votes import AMOUNTS, HORIZONS, TENURES

Key = tuple[str, str]  # currency and part
Group = tuple[int, int]  # might have voted, and voted
SYMBOLS = {"EUR": "€", "USD": "$", "UAH": "₴", "GBP": "£", "JPY": "¥"}
GIVEN_FOR = ("less than 3 months", "3 to 12 months", "one to two years", "two years and more")


def tiles(raw: Raw, asked: Asked) -> dict[str, Any]:
    rounds = settled(raw, asked.period)
    days = [days_after(raw, each) for each in stories(raw, asked.period)]
    known = [each for each in days if each is not None]
    return {
        "last_turnout": _turned_out(raw, rounds[-1])["turnout"] if rounds else None,
        "settled_rounds": len(rounds),
        "days_to_story": Fraction(median(known)) if known else None,
        "followers": sum(
            number
            for each in raw.topics
            if each.state in ("selected", "assigned") or within(each.published_at, asked.period)
            if (number := followers(raw, each)) >= 5
        ),
    }


def tables(raw: Raw, asked: Asked) -> dict[str, Rows]:
    rounds = settled(raw, asked.period)
    frozen = [votes.groups(raw, each) for each in rounds]
    return {
        "turnout_of_rounds": [_turned_out(raw, each) for each in rounds],
        "voters_by_tenure": _by_tenure([parts(each, "tenure") for each in frozen]),
        "voters_by_amount": _by_amount([parts(each, "amount") for each in frozen], asked.currency),
        "kept_by_voting": [_kept(frozen, months) for months in HORIZONS],
        "asked_and_reported": [_story(raw, each) for each in stories(raw, asked.period)],
    }


def settled(raw: Raw, days: Period) -> list[Plain]:
    found = [each for each in raw.rounds if each.state == "settled"]
    return sorted(
        (each for each in found if within(each.closes_at, days)),
        key=lambda each: (each.closes_at, each.id),
    )


def stories(raw: Raw, days: Period) -> list[Plain]:
    """Topics that were reported on in these days, the newest first."""
    found = [each for each in raw.topics if each.state == "published"]
    return sorted(
        (each for each in found if within(each.published_at, days)),
        key=lambda each: (each.published_at, each.id),
        reverse=True,
    )


def last_vote(raw: Raw, topic: Plain) -> Plain | None:
    """The last settled round that it stood in."""
    stood = {each.round_id for each in raw.options if each.topic_id == topic.id}
    held = [each for each in raw.rounds if each.id in stood and each.state == "settled"]
    return max(held, key=lambda each: (each.closes_at, each.id), default=None)


def days_after(raw: Raw, topic: Plain) -> int | None:
    """Days of the newsroom from the end of its vote to its story."""
    vote = last_vote(raw, topic)
    return (newsroom_day(topic.published_at) - newsroom_day(vote.closes_at)).days if vote else None


def newsroom_day(at: datetime) -> date:
    return at.astimezone(ZoneInfo(settings().time_zone)).date()


def followers(raw: Raw, topic: Plain) -> int:
    """None as long as it stands in a round that is not settled: they would tell of the vote."""
    stood = {each.round_id for each in raw.options if each.topic_id == topic.id}
    if any(each.id in stood and each.state in ("draft", "open", "closed") for each in raw.rounds):
        return 0
    return sum(each.topic_id == topic.id for each in raw.follows)


def people(number: int) -> int | str:
    return HIDDEN if 1 <= number <= 4 else number


def is_small(group: Group) -> bool:
    """A few people, or a few of them who voted, or who did not."""
    could, voted = group
    return any(1 <= number <= 4 for number in (could, voted, could - voted))


def total(groups: Iterable[Group]) -> Group:
    found = list(groups)
    return sum(could for could, _ in found), sum(voted for _, voted in found)


def shown(groups: dict[Key, Group]) -> set[Key]:
    """Not the small ones; nor, from the smallest on, those that it takes to hide these.

    The whole is known: what is not shown of it must be two groups at least, and not small together.
    """
    seen = sorted(groups, key=lambda key: (groups[key][0], key))
    hidden = [key for key in seen if is_small(groups[key])]
    seen = [key for key in seen if key not in hidden]
    while hidden and seen and (len(hidden) < 2 or is_small(total(groups[key] for key in hidden))):
        hidden.append(seen.pop(0))
    return set(seen)


def parts(frozen: votes.Groups, name: str) -> dict[Key, Group]:
    return {(code, part): group for (called, code, part), group in frozen.items() if called == name}


def _turned_out(raw: Raw, held: Plain) -> dict[str, Any]:
    could, voted = votes.groups(raw, held)["all", "", ""]
    return {
        "round": held.title,
        "closed": newsroom_day(held.closes_at),
        "voters": people(voted),
        "electorate": could,
        "turnout": HIDDEN if people(voted) == HIDDEN else share(voted, could),
    }


def _by_tenure(rounds: Sequence[dict[Key, Group]]) -> Rows:
    return [
        {"group": name} | _over(rounds, ("", str(months)))
        for name, months in zip(GIVEN_FOR, TENURES, strict=True)
    ]


def _by_amount(rounds: Sequence[dict[Key, Group]], currency: str) -> Rows:
    """Bands in which somebody was, and at the end those who gave nothing then."""
    there = {key for each in rounds for key in each}
    keys = {(currency, str(edge)): _band(number, currency) for number, edge in enumerate(AMOUNTS)}
    keys["", ""] = "nothing then: paused, or a gift"
    return [{"group": name} | _over(rounds, key) for key, name in keys.items() if key in there]


def _band(number: int, currency: str) -> str:
    low, high = (f"{SYMBOLS[currency]}{edge:,}" for edge in (*AMOUNTS, 0)[number : number + 2])
    if number == 0:
        return f"less than {high}"
    return f"{low} and more" if number + 1 == len(AMOUNTS) else f"{low} to less than {high}"


def _over(rounds: Sequence[dict[Key, Group]], key: Key) -> dict[str, Any]:
    """One group over the rounds in which it is shown."""
    seen = [each[key] for each in rounds if key in shown(each)]
    if not seen and any(key in each for each in rounds):
        return {"rounds": 0, "patrons": HIDDEN, "voters": HIDDEN, "turnout": HIDDEN}
    could, voted = total(seen)
    return {
        "rounds": len(seen),
        "patrons": could,
        "voters": voted,
        "turnout": share(voted, could),
    }


def _kept(frozen: Sequence[votes.Groups], months: int) -> dict[str, Any]:
    """Over the rounds that are so old, and small neither then nor since."""
    name, whole = (f"kept_{months}", "", ""), ("all", "", "")
    old = [(each[whole], each[name]) for each in frozen if name in each]
    clear = [both for both in old if not any(map(is_small, both))]
    row: dict[str, Any] = {"after": f"{months} months", "rounds": len(clear)}
    if old and not clear:
        return row | dict.fromkeys(("voters", "voters_kept", "others", "others_kept"), HIDDEN)
    could, voted = total(then for then, _ in clear)
    still, voted_still = total(since for _, since in clear)
    return row | {
        "voters": voted,
        "voters_kept": share(voted_still, voted),
        "others": could - voted,
        "others_kept": share(still - voted_still, could - voted),
    }


def _story(raw: Raw, topic: Plain) -> dict[str, Any]:
    vote = last_vote(raw, topic)
    return {
        "topic": topic.title,
        "story": raw.titles[topic.article_id],
        "published": newsroom_day(topic.published_at),
        "round": vote.title if vote else None,
        "days": days_after(raw, topic),
        "followers": people(followers(raw, topic)),
    }
