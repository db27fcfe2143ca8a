"""Importing stories: what is read, what is skipped, and that nothing is done twice or by halves."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.articles import importing
from membership.articles.draft import ImportRefusedError
from membership.articles.importing import Summary
from membership.articles.models import Article, Tag
from tests import factories

DATA = Path(__file__).parent / "data"
PAPER = DATA / "paper.wxr.xml"
LANGUAGES = ("en", "uk")


def bring_in(session: Session, *paths: Path, **options: str) -> Summary:
    return importing.import_files(session, paths, languages=LANGUAGES, **options)


def story(session: Session, source_id: str) -> Article:
    return session.scalars(select(Article).where(Article.source_id == source_id)).one()


def test_a_post_becomes_a_story(session: Session) -> None:
    """[R4] Every part of a story is found in a WordPress export."""
    bring_in(session, PAPER, cut_after="Before you go")
    bridge = story(session, "7")
    assert bridge.source == "https://paper.example"
    assert bridge.title == "The bridge “Northern” is open again"
    assert bridge.slug == "the-bridge-is-open"
    assert bridge.standfirst == "After two years, buses cross the river."
    assert bridge.byline == "Olha Example"
    assert bridge.kicker == "City"
    assert bridge.language == "en"
    assert bridge.published_at == datetime(2025, 3, 3, 5, 54, tzinfo=UTC)
    assert bridge.image_url == "https://paper.example/up/bridge.jpg"
    assert bridge.image_alt == "A bridge in fog"
    assert bridge.image_caption == "The bridge on Monday morning."
    assert bridge.image_credit == "Agency/Olha Example"
    assert {(tag.slug, tag.name) for tag in bridge.tags} == {
        ("transport", "Transport"),
        ("mist", "Міст"),
    }


def test_the_text_is_clean_and_cut(session: Session) -> None:
    """[R4] Quotations and headings stay; scripts, comments, the appeal and its heading go."""
    bring_in(session, PAPER, cut_after="Before you go")
    assert story(session, "7").body_html.splitlines() == [
        '<p>The first bus crossed at six. See <a href="https://paper.example/2025/02/works/" '
        'rel="noopener noreferrer">the works</a>.</p>',
        "<blockquote><p>“We waited two years.”</p></blockquote>",
        '<blockquote class="pull"><p>Two years for a minute’s ride.</p>'
        "<cite>a driver</cite></blockquote>",
        "<h2>What comes next</h2>",
        "<p>The second lane.</p>",
    ]


def test_without_the_option_the_appeal_stays(session: Session) -> None:
    bring_in(session, PAPER)
    assert story(session, "7").body_html.endswith("<p>And thank you.</p>")


def test_an_old_post_gets_paragraphs_and_figures(session: Session) -> None:
    summary = bring_in(session, PAPER)
    old = story(session, "8")
    assert old.body_html.splitlines() == [
        "<p>First paragraph with a<br>second line.</p>",
        '<figure><img src="https://paper.example/up/old.jpg" alt="Old" loading="lazy">'
        "<figcaption>An old picture</figcaption></figure>",
        "<p>He said: “[sic] it [the bridge] stands.”</p>",
        "<h2>Heading</h2>",
        "<p>Boxed text<br>Last paragraph.</p>",
    ]
    assert (old.slug, old.byline) == ("an-old-post", "nobody")
    assert old.published_at == datetime(2009, 9, 5, 16, 0, 23, tzinfo=UTC)
    assert (old.image_url, old.image_alt, old.image_caption, old.image_credit) == (
        "https://paper.example/up/harbour.jpg",
        "Cranes",
        "The harbour.",
        "Ivan Example",
    )
    assert [(note.title[:6], note.left_out) for note in summary.notes] == [
        ("The br", "an embedded frame"),
        ("An old", "[gallery]"),
        ("An old", "[box]"),
    ]


def test_what_is_skipped_is_named_with_its_reason(session: Session) -> None:
    """[R4]"""
    assert bring_in(session, PAPER).lines()[:9] == [
        "2 new, 0 updated, 0 unchanged; skipped 8:",
        "  About us – a page, not a story",
        "  harbour – an attachment, not a story",
        "  (no title, id 10) – a menu item, not a story",
        "  Not yet – a draft",
        "  Ours alone – private",
        "  Behind a word – protected by a password",
        "  (no title, id 14) – neither title nor text",
        "  A headline alone – it has neither text nor picture",
    ]


def test_importing_again_changes_nothing(session: Session) -> None:
    """[R4] The same source id is the same story."""
    bring_in(session, PAPER)
    before = story(session, "7").updated_at
    again = bring_in(session, PAPER)
    assert (again.new, again.updated, again.unchanged) == (0, 0, 2)
    assert story(session, "7").updated_at == before
    assert session.scalar(select(func.count()).select_from(Article)) == 2


def test_a_changed_post_updates_its_story_and_keeps_its_address(
    session: Session, tmp_path: Path
) -> None:
    """[R4]"""
    bring_in(session, PAPER)
    before = story(session, "7").updated_at
    story(session, "7").correction = "An earlier version misnamed the river."
    changed = tmp_path / "later.xml"
    changed.write_text(
        PAPER.read_text("utf-8")
        .replace("The second lane.", "The second lane in May.")
        .replace("the-bridge-is-open", "a-new-address")
        .replace('nicename="transport"><![CDATA[Transport]]>', 'nicename="bus"><![CDATA[Bus]]>'),
        "utf-8",
    )
    summary = bring_in(session, changed)
    session.expire_all()
    bridge = story(session, "7")
    assert (summary.new, summary.updated, summary.unchanged) == (0, 1, 1)
    assert "The second lane in May." in bridge.body_html
    assert bridge.slug == "the-bridge-is-open"
    assert {tag.slug for tag in bridge.tags} == {"bus", "mist"}
    assert bridge.updated_at > before
    assert bridge.correction == "An earlier version misnamed the river."


def test_an_address_that_is_taken_gets_a_number(session: Session) -> None:
    factories.article(session, slug="the-bridge-is-open")
    factories.article(session, slug="the-bridge-is-open-2")
    bring_in(session, PAPER)
    assert story(session, "7").slug == "the-bridge-is-open-3"


def test_a_language_can_be_told(session: Session) -> None:
    bring_in(session, PAPER, language="uk")
    assert story(session, "7").language == "uk"
    with pytest.raises(ImportRefusedError, match="'xx' is not one of this site's: en, uk"):
        bring_in(session, PAPER, language="xx")


WXR = (
    '<rss xmlns:wp="http://wordpress.org/export/1.2/"><channel><wp:wxr_version>1.2</wp:wxr_version>'
)
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
REFUSED = {
    "missing.xml": (None, "cannot be read"),
    "binary.xml": (b"\x89PNG\r\n\x1a\n\x00\x00", "is not a whole XML file"),
    "empty.xml": (b"", "is not a whole XML file"),
    "truncated.xml": (PAPER.read_bytes()[:4000], "is not a whole XML file"),
    "feed.xml": (b"<rss><channel><title>x</title></channel></rss>", "it has no wxr_version"),
    "xxe.xml": (
        f'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>{WXR}<item>&x;</item>'
        "</channel></rss>".encode(),
        "document type definition",
    ),
    "laughs.xml": (
        f'<!DOCTYPE rss [<!ENTITY l0 "ha">{LAUGHS}]>{WXR}<title>&l9;</title>'
        "</channel></rss>".encode(),
        "document type definition",
    ),
    "external.xml": (
        f'<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/evil.dtd">{WXR}</channel></rss>'.encode(),
        "document type definition",
    ),
    "bare.md": (b"# A story\n\nText.", "does not begin with a header"),
    "unknown.md": (b"---\ntitle: A\nauthor: B\n---\nText", "its header has the line 'author: B'"),
    "undated.md": (b"---\ntitle: A\n---\nText", "its header needs date"),
    "no-zone.md": (b"---\ntitle: A\ndate: 2026-01-01\n---\nText", "needs its zone"),
    "empty.md": (b"---\ntitle: A\ndate: 2026-01-01T09:00Z\n---\n", "has no text"),
    "latin.md": (b"---\ntitle: \xe9\n---\nText", "is not UTF-8 text"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_export_changes_nothing(
    app: Flask, session: Session, tmp_path: Path, name: str
) -> None:
    """[R4] One clear line, exit status 2; a good file beside it is not imported either."""
    content, reason = REFUSED[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    arguments = ["articles", "import", str(PAPER), str(tmp_path / name)]
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert name in result.stderr
    assert reason in result.stderr
    assert session.scalar(select(func.count()).select_from(Article)) == 0
    assert session.scalar(select(func.count()).select_from(Tag)) == 0


def test_the_command_says_what_it_did(app: Flask, session: Session) -> None:
    arguments = ["articles", "import", str(PAPER), "--cut-after", "Before you go"]
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("2 new, 0 updated, 0 unchanged; skipped 8:\n")
    assert "live from readers" not in story(session, "7").body_html


def test_markdown_with_a_header(session: Session, tmp_path: Path) -> None:
    """[R4]"""
    file = tmp_path / "story.md"
    file.write_text(
        "---\ntitle: Поля: рік по тому\ndate: 2026-10-03T09:00+03:00\nlanguage: uk\n"
        "standfirst: Що змінилося.\nimage: /static/a.svg\nalt: Поле\ntags: Земля, Розмінування\n"
        "correction: Виправлено число.\n---\nПерший **абзац**.\n\n"
        '<blockquote class="pull"><p>Цитата</p></blockquote>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n'
        "<script>alert(1)</script>\n",
        "utf-8",
    )
    assert bring_in(session, file).new == 1
    field = story(session, "polia-rik-po-tomu")
    assert (field.title, field.language, field.slug) == (
        "Поля: рік по тому",
        "uk",
        "polia-rik-po-tomu",
    )
    assert field.published_at == datetime(2026, 10, 3, 6, tzinfo=UTC)
    assert (field.image_url, field.image_alt) == ("/static/a.svg", "Поле")
    assert [tag.slug for tag in field.tags] == ["zemlia", "rozminuvannia"]
    assert field.correction == "Виправлено число."
    assert "<strong>абзац</strong>" in field.body_html
    assert '<blockquote class="pull"><p>Цитата</p></blockquote>' in field.body_html
    assert "<td>1</td>" in field.body_html
    assert "script" not in field.body_html
    assert bring_in(session, file).unchanged == 1
