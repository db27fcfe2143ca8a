"""Bringing stories in: every file is read first, then all are written, or none (rule R4)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, selectinload

from membership import clock
from membership.articles import markdown, wordpress
from membership.articles.draft import Draft, ImportRefusedError, Note, Reading, Skipped
from membership.articles.models import Article, Tag
from membership.db import lock

READERS = {".md": markdown.read, ".markdown": markdown.read}
Outcome = Literal["new", "updated", "unchanged"]


@dataclass
class Summary:
    """What an import did."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people: the counts, then each skipped item with its reason."""
        counts = f"{self.new} new, {self.updated} updated, {self.unchanged} unchanged"
        if self.skipped:
            counts += f"; skipped {len(self.skipped)}:"
        lines = [counts, *(f"  {each.title} – {each.reason}" for each in self.skipped)]
        if self.notes:
            lines.append(f"left out of imported stories {len(self.notes)}:")
        return lines + [f"  {each.title} – {each.left_out}" for each in self.notes]


def import_files(
    session: Session,
    paths: Sequence[Path],
    *,
    languages: tuple[str, ...],
    language: str | None = None,
    cut_after: str | None = None,
) -> Summary:
    """Import WordPress exports and Markdown files. A story that came before is updated.

    `languages` are the site's. `language` is that of files that name none, and overrides an
    export's. `cut_after`: see markup.read_body(). Raises ImportRefusedError, before anything is
    written, when a file cannot be read or is not what it should be.
    """
    if language is not None and language not in languages:
        offered = ", ".join(languages)
        raise ImportRefusedError(f"the language {language!r} is not one of this site's: {offered}")
    readings = [_read(path, languages, language, cut_after) for path in paths]
    # Two imports at once would both find a story missing, or a slug free.
    lock(session, "articles.import")
    summary = Summary()
    for reading in readings:
        summary.skipped += reading.skipped
        summary.notes += reading.notes
        for draft in reading.drafts:
            outcome = _write(session, draft)
            setattr(summary, outcome, getattr(summary, outcome) + 1)
    return summary


def _read(path: Path, languages: tuple[str, ...], language: str | None, cut: str | None) -> Reading:
    read = READERS.get(path.suffix.lower(), wordpress.read)
    return read(path, languages=languages, language=language, cut=cut)


def _write(session: Session, draft: Draft) -> Outcome:
    article = session.scalar(
        select(Article)
        .where(Article.source == draft.source, Article.source_id == draft.source_id)
        .options(selectinload(Article.tags))
    )
    values = asdict(draft)
    del values["tags"]
    tags = [_tag(session, slug, name) for slug, name in draft.tags]
    if article is None:
        values["slug"] = _free_slug(session, draft)
        session.add(Article(**values, tags=tags))
        session.flush()
        return "new"
    # Readers have the address, links and shares point to it.
    del values["slug"]
    if draft.correction is None:
        # What was corrected stays said, even if the source knows nothing of it.
        del values["correction"]
    changed = {name: value for name, value in values.items() if getattr(article, name) != value}
    if not changed and {tag.id for tag in article.tags} == {tag.id for tag in tags}:
        return "unchanged"
    for name, value in changed.items():
        setattr(article, name, value)
    article.tags = tags
    article.updated_at = clock.now()
    session.flush()
    return "updated"


def _tag(session: Session, slug: str, name: str) -> Tag:
    session.execute(insert(Tag).values(slug=slug, name=name).on_conflict_do_nothing())
    return session.execute(select(Tag).where(Tag.slug == slug)).scalar_one()


def _free_slug(session: Session, draft: Draft) -> str:
    """The slug the source wants; with a number when another story has it."""
    alike = select(Article.slug).where(Article.slug.startswith(draft.slug, autoescape=True))
    taken = set(session.scalars(alike))
    if draft.slug not in taken:
        return draft.slug
    number = 2
    while f"{draft.slug}-{number}" in taken:
        number += 1
    return f"{draft.slug}-{number}"
