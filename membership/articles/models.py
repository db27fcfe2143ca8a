"""Tables of the journalism: articles and their tags."""

from datetime import datetime

from sqlalchemy import Column, Computed, ForeignKey, Index, Table, UniqueConstraint, func
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
