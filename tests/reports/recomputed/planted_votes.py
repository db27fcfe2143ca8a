"""Votes of the planted newsroom: rounds in every state, and what came of the topics in them.

Some end, or come out, as a day of UTC begins, and some when only the newsroom has its next day.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

from sqlalchemy.orm import Session

from membership.voting.models import Topic, TopicFollow, Turnout
from tests import factories
from tests.reports.recomputed import votes
from tests.reports.recomputed.planted import DAY
from tests.reports.recomputed.raw import Raw

# By title: when it closes, its state, and how many voted of so many who could.
ROUNDS: dict[str, tuple[datetime, str, Callable[[int], int]]] = {
    # Who votes here is gone half a year later.
    "One votes": (datetime(2024, 3, 10, 18, tzinfo=UTC), "settled", lambda _: 1),
    "Few do not": (datetime(2024, 4, 1, tzinfo=UTC), "settled", lambda could: could - 2),
    # Of whom four are left half a year later.
    "Five do not": (datetime(2024, 6, 10, 18, tzinfo=UTC), "settled", lambda could: could - 5),
    "In winter": (datetime(2025, 2, 10, 18, tzinfo=UTC), "settled", lambda could: could // 2),
    # On the last day of a month of 31, so that three months later is a shorter one.
    "In summer": (datetime(2025, 8, 31, 22, 30, tzinfo=UTC), "settled", lambda could: could // 3),
    "At midnight": (datetime(2025, 12, 1, tzinfo=UTC), "settled", lambda could: could // 2),
    "Void": (datetime(2026, 2, 20, 18, tzinfo=UTC), "void", lambda could: could // 5),
    # Three months ago to the minute: who has stayed so long is known by now.
    "In August": (datetime(2026, 8, 23, 15, tzinfo=UTC), "settled", lambda could: could // 2),
    "In autumn": (datetime(2026, 10, 5, 18, tzinfo=UTC), "settled", lambda could: could // 2),
    "Not counted": (datetime(2026, 11, 22, 18, tzinfo=UTC), "closed", lambda _: 0),
    "Open": (datetime(2026, 11, 25, 18, tzinfo=UTC), "open", lambda _: 0),
    "To come": (datetime(2026, 12, 10, 18, tzinfo=UTC), "draft", lambda _: 0),
}
# Title, state, the rounds it stood in, how many follow it, and when its story came out.
TOPICS: tuple[tuple[str, str, tuple[str, ...], int, datetime | None], ...] = (
    ("Asked and told", "published", ("In winter",), 7, datetime(2025, 3, 1, 23, 30, tzinfo=UTC)),
    ("Asked twice", "published", ("In winter", "In summer", "Void"), 12,
     datetime(2025, 10, 1, 9, tzinfo=UTC)),
    ("Told at once", "published", ("In autumn",), 3, datetime(2026, 10, 5, 21, 30, tzinfo=UTC)),
    ("Told later", "published", ("In autumn",), 5, datetime(2026, 11, 10, 9, tzinfo=UTC)),
    ("Told with it", "published", ("In summer",), 8, datetime(2026, 11, 10, 9, tzinfo=UTC)),
    ("Without a vote", "published", (), 0, datetime(2025, 2, 20, 9, tzinfo=UTC)),
    ("In vain", "published", ("Void",), 6, datetime(2026, 3, 3, 9, tzinfo=UTC)),
    ("As February begins", "published", ("Few do not",), 9, datetime(2025, 2, 1, tzinfo=UTC)),
    ("As March begins", "published", ("In winter",), 10, datetime(2025, 3, 1, tzinfo=UTC)),
    ("Told and open again", "published", ("In winter", "Open"), 11,
     datetime(2026, 6, 1, 9, tzinfo=UTC)),
    ("Chosen", "selected", ("At midnight",), 13, None),
    ("Chosen and to come again", "selected", ("In autumn", "To come"), 14, None),
    ("Being worked on", "assigned", ("In autumn",), 1, None),
    ("Not chosen", "not_selected", ("In autumn",), 15, None),
    ("On the ballot", "on_ballot", ("Open",), 16, None),
    ("Worked on and not counted", "assigned", ("Not counted",), 17, None),
    ("Only an idea", "suggested", (), 18, None),
)  # fmt: skip


def plant(session: Session, raw: Raw) -> None:
    """Beside all that `raw` tells of."""
    givers = sorted({each.account_id for each in raw.donations})
    topics = {told[0]: _topic(session, givers, *told) for told in TOPICS}
    for title in ROUNDS:
        stood = [topics[each] for each, _, rounds, *_ in TOPICS if title in rounds]
        _hold(session, raw, title, stood)
    session.flush()


def _topic(
    session: Session,
    givers: list[int],
    title: str,
    state: str,
    _rounds: tuple[str, ...],
    followers: int,
    published_at: datetime | None,
) -> Topic:
    story = published_at and factories.article(
        session, title=f"{title}: the story", published_at=published_at
    )
    topic = factories.topic(
        session,
        title=title,
        state=state,
        article_id=story and story.id,
        published_at=published_at,
    )
    session.add_all(
        TopicFollow(topic_id=topic.id, account_id=each)
        for each in Random(title).sample(givers, followers)
    )
    return topic


def _hold(session: Session, raw: Raw, title: str, topics: list[Topic]) -> None:
    """Of those who could vote some did, and one who had left by its close, if anybody had."""
    closes_at, state, number = ROUNDS[title]
    held = factories.round_(
        session,
        topics,
        title=title,
        state=state,
        opens_at=closes_at - 5 * DAY,
        closes_at=closes_at,
    )
    could = sorted(votes.electorate(raw, closes_at))
    voters = Random(title).sample(could, number(len(could)))
    if voters:
        began = {s.account_id for s in raw.supports.values() if s.started_at < closes_at}
        voters += sorted(began - set(could))[:1]
    session.add_all(Turnout(round_id=held.id, account_id=each) for each in voters)
