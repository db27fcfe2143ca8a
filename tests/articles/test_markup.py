"""What may stand in a story, whatever HTML came in."""

import html.parser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.articles import safety, shortcodes
from membership.articles.markup import read_body, split_credit

HOSTILE = [
    "<script>alert(1)</script>",
    "<ScRiPt/x>alert(1)</sCrIpT >",
    "<img src=x onerror=alert(1)>",
    "<img src='https://a.example/a.png' onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg/onload=alert(1)>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 "
    "onerror=alert(1)&gt;'>",
    "<form><math><mtext></form><form><mglyph><svg><mtext><style><path id='</style>"
    "<img onerror=alert(1) src>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><img src=x onerror=alert(1)></template>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='java&#10;script:alert(1)'>x</a>",
    "<a href=' &#1;javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='javascript:alert(1)'></object><embed src='javascript:alert(1)'>",
    "<p style='background:url(javascript:alert(1))' onmouseover=alert(1)>x</p>",
    "<style>@import 'http://evil.example/x.css'</style>",
    "<base href='http://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href='http://evil.example/x.css'>",
    "<form action='http://evil.example'><input name=card><button>Pay</button></form>",
    "<video><source onerror=alert(1)></video>",
    "<details open ontoggle=alert(1)>x</details>",
    "<p id=main class='ask page'>x</p>",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "[caption]<img src=x onerror=alert(1)><script>alert(1)</script>[/caption]",
    "[caption caption=\"<img src=x onerror=alert(1)>\"]<img src='https://a.example/a.png'>[/caption]",
    "<xmp><img src=x onerror=alert(1)></xmp>",
    "<title><img src=x onerror=alert(1)></title>",
    "<textarea><img src=x onerror=alert(1)></textarea>",
]
ALLOWED = {name for names in safety.ATTRIBUTES.values() for name in names} | {
    "class",
    "rel",
    "tabindex",
}


class Inspector(html.parser.HTMLParser):
    """Fails on a tag, attribute or address that no story may have."""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in safety.TEXT | safety.BLOCKS, tag
        for name, value in attributes:
            assert name in ALLOWED, name
            if name in ("href", "src"):
                assert value is not None
                assert ":" not in value or value.startswith(("https:", "http:", "mailto:", "tel:"))
            if name == "tabindex":
                assert (tag, value) == ("table", "0")
            if name == "class":
                assert (tag, value) == ("blockquote", "pull")

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment was left")


def insist_on_safety(markup: str) -> None:
    Inspector(convert_charrefs=True).feed(markup)


def came_in(markup: str) -> str:
    text, _ = shortcodes.replace(markup)
    return read_body(text, base_url="https://paper.example/", lift_picture=False).html


@pytest.mark.parametrize("markup", HOSTILE)
@pytest.mark.parametrize("around", ["{}", "<p>a</p>{}<p>b</p>", "<div><blockquote>{}"])
def test_hostile_markup_is_harmless(markup: str, around: str) -> None:
    """[R4]"""
    clean = came_in(around.format(markup))
    insist_on_safety(clean)


TAGS = ["p", "div", "svg", "math", "style", "table", "td", "h1", "blockquote", "li", "a"]
PIECES = st.lists(
    st.sampled_from(
        [
            *HOSTILE,
            *(f"<{tag}>" for tag in TAGS),
            *(f"</{tag}>" for tag in TAGS),
            *("<!--", "-->", "'", '"', ">", "<", "&", "\n\n", "text", "\x00", "\ufffe"),
            *("[caption]", "[/caption]", "[gallery]"),
        ]
    ),
    max_size=12,
).map("".join)


@given(PIECES)
def test_no_mixture_of_markup_is_harmful(markup: str) -> None:
    """[R4] Cleaning is also final: a clean text is not changed by cleaning it again."""
    clean = came_in(markup)
    insist_on_safety(clean)
    assert safety.clean(clean) == clean


def test_very_deep_markup_ends() -> None:
    """Beyond the parser's limit of depth the text is lost, and nothing else."""
    assert "deep" in came_in("<div><blockquote>" * 50 + "deep")
    insist_on_safety(came_in("<div><blockquote>" * 20_000 + "deep"))


def test_what_a_story_needs_is_kept() -> None:
    kept = [
        "<h2>Heading</h2>",
        "<p>A <strong>b</strong> <em>c</em> H<sub>2</sub>O <s>d</s></p>",
        "<ul><li>one</li><li>two<ol><li>deeper</li></ol></li></ul>",
        "<blockquote><p>Said.</p><p><cite>Someone</cite></p></blockquote>",
        '<figure><img src="https://a.example/a.png" alt="A" width="3" height="2" loading="lazy">'
        "<figcaption>B</figcaption></figure>",
        '<table tabindex="0"><thead><tr><th scope="col">a</th></tr></thead><tbody><tr>'
        '<td colspan="2">b</td></tr></tbody></table>',
        "<pre>  as\n  it is</pre>",
        '<p lang="uk" dir="ltr">Текст</p>',
    ]
    assert came_in("\n".join(kept)) == "\n".join(kept)


@pytest.mark.parametrize(
    "picture",
    [
        '<img src="https://spy.example/p.gif" width="1" height="1">',
        '<img src="data:image/gif;base64,R0=">',
        "<img>",
    ],
)
def test_pictures_that_count_readers_or_show_nothing_are_gone(picture: str) -> None:
    assert came_in(f"<p>a{picture}b</p>") == "<p>ab</p>"


def test_headings_stand_under_the_headline() -> None:
    assert came_in("<h1>a</h1><p>x</p><h4>b</h4><p>y</p>") == (
        "<h2>a</h2>\n<p>x</p>\n<h3>b</h3>\n<p>y</p>"
    )


def test_a_table_has_no_heading_without_words() -> None:
    row = '<tr><th scope="col"> </th><th scope="col">Price</th></tr>'
    table = came_in(f"<table><tbody>{row}</tbody></table>")
    assert '<tr><td> </td><th scope="col">Price</th></tr>' in table


def test_a_heading_with_nothing_under_it_is_gone() -> None:
    assert came_in("<p>x</p><h5>Related:</h5><p>&nbsp;</p><hr>") == "<p>x</p>"


def test_cutting_needs_the_beginning_of_a_paragraph() -> None:
    text = "<p>One. Stop here.</p><div><p>Stop  <b>here</b> now.</p></div><p>Three.</p>"
    cut = read_body(text, cut_after="Stop here")
    assert (cut.html, cut.was_cut) == ("<p>One. Stop here.</p>", True)
    uncut = read_body(text, cut_after="Nowhere")
    assert uncut.html.endswith("<p>Three.</p>")
    assert not uncut.was_cut


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A bridge. Credit: flickr/nato", ("A bridge.", "flickr/nato")),
        ("A bridge (Photo: Olha Example)", ("A bridge", "Olha Example")),
        ("Міст уранці. Фото: Агенція", ("Міст уранці.", "Агенція")),
        ("Photo by: Olha", ("", "Olha")),
        ("Credit unions: a history", ("Credit unions: a history", "")),
        ("The microphoto: small", ("The microphoto: small", "")),
        ("A bridge", ("A bridge", "")),
    ],
)
def test_the_credit_is_parted_from_the_caption(caption: str, expected: tuple[str, str]) -> None:
    assert split_credit(caption) == expected


@pytest.mark.parametrize(
    ("text", "expected", "left_out"),
    [
        ("“[sic]” and [He] said", "“[sic]” and [He] said", []),
        ("[gallery] a [gallery ids='1']", " a ", ["gallery"]),
        ("[embed]https://v.example/1[/embed]b", "b", ["embed"]),
        ("[a x='1'][b]text[/b][/a]", "text", ["a", "b"]),
        ("[1] a footnote", "[1] a footnote", []),
        ("[caption]no picture[/caption]", "no picture", []),
    ],
)
def test_shortcodes(text: str, expected: str, left_out: list[str]) -> None:
    assert shortcodes.replace(text) == (expected, left_out)


def test_plain_text_has_no_markup_and_no_glued_words() -> None:
    assert (
        safety.plain("<p>A &amp; <b>B</b></p><p>C &lt;d&gt;<script>x</script></p>") == "A & B C <d>"
    )
