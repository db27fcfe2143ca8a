"""From Markdown to the two parts of a letter."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.campaigns import writing

SITE = "https://courier.example"


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("One\nline.\n\nAnother.", "One line.\n\nAnother."),
        ("Hard  \nbreak.", "Hard\nbreak."),
        ("# Big *news*\n\nHere.", "Big news\n\nHere."),
        ("See [the harbour](https://a.example/h).", "See the harbour (https://a.example/h)."),
        ("See [ours](/articles/h).", "See ours (https://courier.example/articles/h)."),
        ("<https://a.example/>", "https://a.example/"),
        ("<desk@a.example> [us](mailto:desk@a.example)", "desk@a.example us (desk@a.example)"),
        ("- a\n- b\n  - c\n\nEnd.", "- a\n- b\n  - c\n\nEnd."),
        ("3. a\n4. b", "3. a\n4. b"),
        ("1. a\n\n   more\n2. b\n\nEnd.", "1. a\n\n   more\n\n2. b\n\nEnd."),
        ("> said\n> so\n>\n> - really\n\nEnd.", "> said so\n>\n> - really\n\nEnd."),
        ("> said so\n\nEnd.", "> said so\n\nEnd."),
        ("- > a\n  >\n  > b\n- c\n\nEnd.", "- > a\n  >\n  > b\n\n- c\n\nEnd."),
        ("> > a\n>\n> b\n\n> c", "> > a\n>\n> b\n\n> c"),
        ("a\n\n---\n\nb", "a\n\n* * *\n\nb"),
        ("    code\n\nafter", "    code\n\nafter"),
        ("**Ціна** — 90 ₴ & більше", "Ціна — 90 ₴ & більше"),
        ("a <b>bold</b> `c`", "a <b>bold</b> c"),
    ],
)  # fmt: skip
def test_the_text_part_says_everything(markdown: str, plain: str) -> None:
    """[M7] With every address in full."""
    assert writing.plain(markdown, SITE) == plain


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("# One\n\n## Two\n\n### Three", "<h2>One</h2>\n<h2>Two</h2>\n<h3>Three</h3>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](/a)", '<p><a href="https://courier.example/a" rel="noopener noreferrer">x</a></p>'),
    ],
)
def test_the_html_part_is_safe(markdown: str, html: str) -> None:
    """[M7]"""
    assert writing.html(markdown, SITE) == html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "JAVASCRIPT:alert(1)", "&#106;avascript:alert(1)", "vbscript:x",
        "data:text/html,x", "file:///etc/passwd", "ftp://a.example/", "tel:+380", "cid:1",
    ],
)  # fmt: skip
def test_a_link_leads_to_a_page_or_a_mailbox(address: str) -> None:
    """[M7] What would lead elsewhere is no link in either part."""
    for text in (f"[x]({address})", f"[x][1]\n\n[1]: {address}"):
        assert "<a" not in writing.html(text, SITE)
        assert "x (" not in writing.plain(text, SITE)


pieces = st.sampled_from(
    ["[x](", ")", "![", "<", ">", "http:", "//", "java\tscript:", "data:", "[1]: ", "[1]", "\n\n",
     "a.example", "&#58;", "%", "@", "mailto:", "> ", "- ", "1. ", "    ", "* * *", "`", "\\", "[",
     "<script>", "onload=", '"', "'", "\u2100", "ї"]
)  # fmt: skip


@given(text=st.lists(pieces, max_size=12).map("".join))
def test_whatever_is_typed_is_harmless(text: str) -> None:
    """[M7] Both parts can be made of it; what is written in tags is ours."""
    html = writing.html(text, SITE)
    writing.plain(text, SITE)
    for tag in re.findall(r"<[^>]*>", html):
        assert re.fullmatch(
            r'</?(p|h[2-6]|ul|ol|li|blockquote|pre|code|hr|br|em|strong|a)( start="\d+")?>'
            r'|<a( href="(https?://|mailto:)[^"]*")? rel="noopener noreferrer">',
            tag,
        ), html


def test_no_picture_is_ever_loaded() -> None:
    """[M7] [S10] What asks for one is a link at most."""
    asked = "![a view](https://tracker.example/pixel.png)"
    assert writing.has_pictures(asked)
    assert not writing.has_pictures("[a view](https://tracker.example/pixel.png) `![x](y)`")
    assert "<img" not in writing.html(asked, SITE)
