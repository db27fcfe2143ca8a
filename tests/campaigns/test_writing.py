"""From Markdown to the two parts of a letter."""

import pytest

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


def test_no_picture_is_ever_loaded() -> None:
    """[M7] [S10] What asks for one is a link at most."""
    asked = "![a view](https://tracker.example/pixel.png)"
    assert writing.has_pictures(asked)
    assert not writing.has_pictures("[a view](https://tracker.example/pixel.png) `![x](y)`")
    assert "<img" not in writing.html(asked, SITE)
