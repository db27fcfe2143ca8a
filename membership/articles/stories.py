"""Finding stories. Each question is one query, however many stories there are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select, tuple_
from sqlalchemy.orm import Session, defer, joinedload, selectinload

from membership.articles.models import Article, Tag, article_tag

ON_A_PAGE = 20
RELATED = 3
FOUND = 30
TAGS = 12
SITEMAP_LIMIT = 50_000  # sitemaps.org: no more addresses in one file
LONGEST_SEARCH = 200
WITHOUT_TEXT = defer(Article.body_html)


def latest(session: Session, language: str, *, before: int | None = None) -> Sequence[Article]:
    """The newest stories in `language`, without their text; those older than story `before`."""
    asked = _newest_first(language, before).options(WITHOUT_TEXT).limit(ON_A_PAGE)
    return session.scalars(asked).all()


def with_text(session: Session, language: str) -> Sequence[Article]:
    """The newest stories in `language` with text and tags, for feeds."""
    asked = _newest_first(language).options(selectinload(Article.tags)).limit(ON_A_PAGE)
    return session.scalars(asked).all()


def tagged(
    session: Session, tag: Tag, language: str, *, before: int | None = None
) -> Sequence[Article]:
    """The newest stories in `language` that bear `tag`, without their text."""
    asked = _newest_first(language, before).where(Article.tags.contains(tag))
    return session.scalars(asked.options(WITHOUT_TEXT).limit(ON_A_PAGE)).all()


def find(session: Session, slug: str) -> Article | None:
    """The story with its tags, in whatever language it is."""
    asked = select(Article).where(Article.slug == slug).options(joinedload(Article.tags))
    return session.scalars(asked).unique().one_or_none()


def find_tag(session: Session, slug: str) -> Tag | None:
    return session.scalar(select(Tag).where(Tag.slug == slug))


def related(session: Session, article: Article) -> Sequence[Article]:
    """Other stories in the same language: first those that share most tags, then the newest."""
    own = select(article_tag.c.tag_id).where(article_tag.c.article_id == article.id)
    shared = (
        select(article_tag.c.article_id, func.count().label("tags"))
        .where(article_tag.c.tag_id.in_(own))
        .group_by(article_tag.c.article_id)
        .subquery()
    )
    asked = (
        select(Article)
        .outerjoin(shared, shared.c.article_id == Article.id)
        .where(Article.language == article.language, Article.id != article.id)
        .order_by(
            func.coalesce(shared.c.tags, 0).desc(), Article.published_at.desc(), Article.id.desc()
        )
        .options(WITHOUT_TEXT)
        .limit(RELATED)
    )
    return session.scalars(asked).all()


def search(session: Session, words: str, language: str) -> Sequence[Article]:
    """Stories in `language` with these words, or with words much like them in the headline.

    `words` may be anything a reader types; quotation marks, `or` and `-` mean what they mean on
    the web. The best match comes first.
    """
    words = words.replace("\x00", "")[:LONGEST_SEARCH].strip()
    if not words:
        return []
    asked = func.websearch_to_tsquery("simple", words)
    # A part of the headline that is like the words, since Ukrainian inflects. (PostgreSQL's
    # threshold of 0.6 finds “залізниця” in “залізниці” and not “Scholars” for “school”.)
    alike = or_(*(column.op("%>")(words) for column in (Article.title, Article.standfirst)))
    rank = func.ts_rank(Article.words, asked) + func.word_similarity(words, Article.title)
    found = (
        select(Article)
        .where(Article.language == language, or_(Article.words.op("@@")(asked), alike))
        .order_by(rank.desc(), Article.published_at.desc(), Article.id)
        .options(WITHOUT_TEXT)
        .limit(FOUND)
    )
    return session.scalars(found).all()


def frequent_tags(session: Session, language: str) -> Sequence[Tag]:
    """The tags that most stories in `language` bear."""
    asked = (
        select(Tag)
        .join(article_tag)
        .join(Article)
        .where(Article.language == language)
        .group_by(Tag.id)
        .order_by(func.count().desc(), Tag.name, Tag.id)
        .limit(TAGS)
    )
    return session.scalars(asked).all()


def for_sitemap(
    session: Session, *, since: datetime | None = None, limit: int = SITEMAP_LIMIT
) -> Sequence[Any]:
    """Rows of (slug, language, title, published_at, updated_at, created_at), the newest first."""
    asked = select(
        Article.slug,
        Article.language,
        Article.title,
        Article.published_at,
        Article.updated_at,
        Article.created_at,
    ).order_by(Article.published_at.desc(), Article.id.desc())
    if since is not None:
        asked = asked.where(Article.published_at > since)
    return session.execute(asked.limit(limit)).all()


def _newest_first(language: str, before: int | None = None) -> Select[Article]:
    place = tuple_(Article.published_at, Article.id)
    asked = (
        select(Article)
        .where(Article.language == language)
        .order_by(Article.published_at.desc(), Article.id.desc())
    )
    if before is None:
        return asked
    other = select(Article.published_at, Article.id).where(Article.id == before)
    return asked.where(place < other.scalar_subquery())
