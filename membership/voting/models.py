"""Tables of the vote: topics, who supports and follows them, rounds, ballots, tallies, turnout."""

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, Numbered

TOPIC_STATES = (
    "suggested",
    "rejected",
    "merged",
    "on_ballot",
    "selected",
    "not_selected",
    "assigned",
    "published",
    "dropped",
)
ROUND_STATES = ("draft", "open", "closed", "settled", "void")
METHODS = ("approval", "instant_runoff")
# Level topics: a lot that is known before the opening, or whichever was suggested first (rule V7).
TIE_RULES = ("lot", "earliest")
# Too few ballots: the round is void, or its result is advice and chooses nothing (rule V7).
QUORUM_RULES = ("void", "advisory")


def _choice(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN {values}", name=column)


class Topic(Numbered, Base):
    """A story idea on its way from suggestion to story (rule V10)."""

    __tablename__ = "topic"
    __table_args__ = (
        CheckConstraint(f"state IN {TOPIC_STATES}", name="state"),
        CheckConstraint("state <> 'published' OR article_id IS NOT NULL", name="published"),
        CheckConstraint(
            "state NOT IN ('rejected', 'dropped') OR public_reason IS NOT NULL", name="reason"
        ),
        CheckConstraint("(state = 'merged') = (merged_into_id IS NOT NULL)", name="merged"),
        Index(
            "ix_topic_title_trgm",
            "title",
            postgresql_using="gin",
            postgresql_ops={"title": "gin_trgm_ops"},
        ),
        Index(None, "state"),
    )

    slug: Mapped[str] = mapped_column(unique=True)
    language: Mapped[str]
    title: Mapped[str]
    why: Mapped[str]
    # Where to read more, as whoever suggested it gave them.
    links: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"), default=list)
    state: Mapped[str] = mapped_column(default="suggested")
    # An editor has read a suggestion: everybody may, and rounds that build themselves take it.
    approved_at: Mapped[datetime | None]
    suggested_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL"), index=True
    )
    assigned_to_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL")
    )
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("topic.id"))
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id"))
    public_reason: Mapped[str | None]
    # When the story is to be ready; for staff alone.
    due_on: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]


class TopicChange(Numbered, Base):
    """A history row for each change of a topic's state; `reason` is public."""

    __tablename__ = "topic_change"

    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), index=True)
    actor_id: Mapped[int | None]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TopicEdit(Numbered, Base):
    """What a topic said before an editor changed its words."""

    __tablename__ = "topic_edit"

    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), index=True)
    actor_id: Mapped[int | None]
    title: Mapped[str]
    why: Mapped[str]
    links: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TopicSupport(Base):
    """A patron who wants this suggestion on a ballot."""

    __tablename__ = "topic_support"

    topic_id: Mapped[int] = mapped_column(
        ForeignKey("topic.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TopicFollow(Base):
    """Who wants to hear what becomes of a topic.

    Without a time: of topics followed together with a vote, it would put the ballot together again.
    """

    __tablename__ = "topic_follow"

    topic_id: Mapped[int] = mapped_column(
        ForeignKey("topic.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class RoundSeries(Numbered, Base):
    """A round of every month, built by itself from the best-supported approved suggestions."""

    __tablename__ = "round_series"
    __table_args__ = (
        _choice("method", METHODS),
        _choice("tie_rule", TIE_RULES),
        _choice("quorum_rule", QUORUM_RULES),
        CheckConstraint("day BETWEEN 1 AND 28", name="day"),
        CheckConstraint(
            "days > 0 AND topics > 1 AND max_choices > 0 AND seats > 0 AND seats < topics"
            " AND quorum > 0",
            name="numbers",
        ),
        CheckConstraint("method = 'approval' OR seats = 1", name="runoff_seats"),
    )

    # What each round is called; the month is added.
    title: Mapped[str]
    method: Mapped[str] = mapped_column(default="approval")
    max_choices: Mapped[int] = mapped_column(SmallInteger, default=3)
    seats: Mapped[int] = mapped_column(SmallInteger, default=1)
    quorum: Mapped[int] = mapped_column(default=1)
    quorum_rule: Mapped[str] = mapped_column(default="void")
    tie_rule: Mapped[str] = mapped_column(default="lot")
    # How many topics stand.
    topics: Mapped[int] = mapped_column(SmallInteger, default=5)
    # Opens on this day of each month at this time of the newsroom's zone, for so many days.
    day: Mapped[int] = mapped_column(SmallInteger)
    opens_at: Mapped[time]
    days: Mapped[int] = mapped_column(SmallInteger)
    is_active: Mapped[bool] = mapped_column(default=True)
    # The last month, by its first day, that has had its round; taken back, it stays away.
    built_for: Mapped[date | None]
    # The last month for which too few topics were found, which is said once.
    short_for: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Round(Numbered, Base):
    """A timed vote. Its rules and tie seed are fixed before it opens."""

    __tablename__ = "round"
    __table_args__ = (
        _choice("state", ROUND_STATES),
        _choice("method", METHODS),
        _choice("tie_rule", TIE_RULES),
        _choice("quorum_rule", QUORUM_RULES),
        # Instant-runoff chooses one.
        CheckConstraint("method = 'approval' OR seats = 1", name="runoff_seats"),
        # Two beats that build a series' round build one.
        UniqueConstraint("series_id", "opens_at"),
        CheckConstraint("opens_at < closes_at", name="times"),
        CheckConstraint("max_choices > 0 AND seats > 0 AND quorum >= 0", name="numbers"),
        Index("ix_round_due", "state", "closes_at"),
    )

    title: Mapped[str]
    state: Mapped[str] = mapped_column(default="draft")
    method: Mapped[str] = mapped_column(default="approval")
    max_choices: Mapped[int] = mapped_column(SmallInteger, default=3)
    # How many topics win.
    seats: Mapped[int] = mapped_column(SmallInteger, default=1)
    # Fewer valid ballots than this choose nothing, never a silent win (rule V7).
    quorum: Mapped[int] = mapped_column(default=1)
    quorum_rule: Mapped[str] = mapped_column(default="void", server_default="void")
    tie_rule: Mapped[str] = mapped_column(default="lot", server_default="lot")
    tie_seed: Mapped[str]
    series_id: Mapped[int | None] = mapped_column(ForeignKey("round_series.id"))
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    # When the mail about each was written; what is past its time is not told any more.
    opening_told_at: Mapped[datetime | None]
    closing_told_at: Mapped[datetime | None]
    result_told_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RoundOption(Base):
    """A topic that stands on a round's ballot."""

    __tablename__ = "round_option"

    round_id: Mapped[int] = mapped_column(
        ForeignKey("round.id", ondelete="CASCADE"), primary_key=True
    )
    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), primary_key=True, index=True)


class Ballot(Numbered, Base):
    """One patron's submission in one round; the link to the patron is cut on settling (V8)."""

    __tablename__ = "ballot"
    __table_args__ = (UniqueConstraint("round_id", "account_id"),)

    round_id: Mapped[int] = mapped_column(ForeignKey("round.id"))
    account_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL"), index=True
    )
    # Topic ids: ascending for approval, the most wanted first for instant-runoff.
    choices: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    cast_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]


class Turnout(Base):
    """Who took part in a settled round: not what they chose, nor when (rule V8)."""

    __tablename__ = "turnout"

    round_id: Mapped[int] = mapped_column(ForeignKey("round.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Tally(Base):
    """The frozen, reproducible result of a round."""

    __tablename__ = "tally"

    round_id: Mapped[int] = mapped_column(ForeignKey("round.id"), primary_key=True)
    method: Mapped[str]
    version: Mapped[int] = mapped_column(SmallInteger)
    ballots: Mapped[int]
    # How many might have voted, at the close.
    electorate: Mapped[int | None]
    digest: Mapped[str]
    # {"outcome": "decided" | "advisory" | "void", "votes": {topic id: count},
    #  "winners": [topic id], "trace": [sentence, …],
    #  "stages": [{"votes": {topic id: count}, "exhausted": count}, …]}
    result: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
