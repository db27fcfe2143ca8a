"""Tables of the vote: topics, who supports them, rounds, ballots, tallies, turnout."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
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
    state: Mapped[str] = mapped_column(default="suggested")
    suggested_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL"), index=True
    )
    assigned_to_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL")
    )
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("topic.id"))
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id"))
    public_reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]


class TopicChange(Numbered, Base):
    """A history row for each change of a topic's state."""

    __tablename__ = "topic_change"

    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id"), index=True)
    actor_id: Mapped[int | None]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
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


class Round(Numbered, Base):
    """A timed vote. Method, choices, quorum and tie seed are fixed before it opens."""

    __tablename__ = "round"
    __table_args__ = (
        CheckConstraint(f"state IN {ROUND_STATES}", name="state"),
        CheckConstraint("method IN ('approval')", name="method"),
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
    # Fewer valid ballots than this make the round void, never a silent win (rule V7).
    quorum: Mapped[int] = mapped_column(default=1)
    tie_seed: Mapped[str]
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
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
    # Topic ids, ascending.
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
    digest: Mapped[str]
    # {"votes": {topic id: count}, "winners": [topic id], "trace": [sentence, …]}
    result: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
