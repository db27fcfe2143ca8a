"""Tables of the journalism: articles and tags, the asks under them, how often they are read."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Index,
    SmallInteger,
    Table,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from membership.db import Base, Numbered

article_tag = Table(
    "article_tag",
    Base.metadata,
    Column("article_id", ForeignKey("article.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True, index=True),
)


# What a search looks into. `simple`, because PostgreSQL knows no Ukrainian; its parser passes over
# HTML tags. Cut off before a tsvector's limit of 1 MB. Spelled as PostgreSQL spells it back, so
# that `migrate --check` sees no difference.
SEARCHED_WORDS = """
    setweight(to_tsvector('simple'::regconfig, title::text), 'A'::"char")
    || setweight(to_tsvector('simple'::regconfig, standfirst::text), 'B'::"char")
    || to_tsvector('simple'::regconfig, "left"(body_html::text, 200000))
"""


class Tag(Numbered, Base):
    """A word that stories are found by."""

    __tablename__ = "tag"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]


class Article(Numbered, Base):
    """A story as it is read: body_html is clean (sanitised when it came in)."""

    __tablename__ = "article"
    __table_args__ = (
        # The same source id updates, never duplicates (rule R4).
        UniqueConstraint("source", "source_id"),
        Index("ix_article_front", "language", "published_at"),
        Index("ix_article_words", "words", postgresql_using="gin"),
        # Inflected and misspelled words, which `words` does not find.
        Index(
            "ix_article_headline_trgm",
            "title",
            "standfirst",
            postgresql_using="gin",
            postgresql_ops={"title": "gin_trgm_ops", "standfirst": "gin_trgm_ops"},
        ),
    )

    source: Mapped[str]
    source_id: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    language: Mapped[str]
    kicker: Mapped[str | None]
    title: Mapped[str]
    standfirst: Mapped[str]
    byline: Mapped[str | None]
    body_html: Mapped[str]
    image_url: Mapped[str | None]
    image_alt: Mapped[str | None]
    image_caption: Mapped[str | None]
    image_credit: Mapped[str | None]
    correction: Mapped[str | None]
    published_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # Written by voting when the story is published that its readers asked for.
    asked_topic_slug: Mapped[str | None]
    asked_topic_title: Mapped[str | None]
    asked_round_id: Mapped[int | None]
    asked_round_title: Mapped[str | None]

    words: Mapped[str] = mapped_column(
        TSVECTOR, Computed(SEARCHED_WORDS, persisted=True), deferred=True
    )

    tags: Mapped[list[Tag]] = relationship(secondary=article_tag, order_by=[Tag.name, Tag.id])


class AskExperiment(Numbered, Base):
    """Several wordings of the ask, tried at the same time; at most one experiment runs."""

    __tablename__ = "ask_experiment"
    __table_args__ = (
        Index(
            "uq_ask_experiment_one_running",
            text("(ended_at IS NULL)"),
            unique=True,
            postgresql_where="started_at IS NOT NULL AND ended_at IS NULL",
        ),
    )

    name: Mapped[str]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    variants: Mapped[list["AskVariant"]] = relationship(
        order_by="AskVariant.id", cascade="all, delete-orphan"
    )


class AskVariant(Numbered, Base):
    """One wording of the ask, or the control group, which sees none."""

    __tablename__ = "ask_variant"
    __table_args__ = (CheckConstraint("weight > 0", name="weight"),)

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("ask_experiment.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str]
    # Of so many parts of all weights, this one's are shown it.
    weight: Mapped[int] = mapped_column(SmallInteger)
    is_control: Mapped[bool] = mapped_column(default=False)
    # {language: {"title": …, "text": …}}; what is missing reads as it always does.
    wording: Mapped[dict[str, Any]]


class ReadingCount(Base):
    """How often a step on the way from a story to the support page was taken on a day (UTC).

    No row tells of a reader. 0 stands for no article and for no experiment. Each count is spread
    over a few rows, of which each reader adds to one at random, so that they wait less for one
    another.
    """

    __tablename__ = "reading_count"

    day: Mapped[date] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    variant_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    step: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    number: Mapped[int]
