"""The stylesheet is up to date, readable in both schemes, and asks nothing of other sites."""

import re
from pathlib import Path

import pytest

from membership.web.stylesheet import FOLDER, STYLESHEET, compose

TEXT = ("ink", "muted", "coffee", "ember", "ember-strong", "good", "warning", "bad")
GROUNDS = ("paper", "raised", "sunk", "ember-wash")
PAIRS = [
    *((text, ground, 4.5) for text in TEXT for ground in GROUNDS),
    *((tone, f"{tone}-wash", 4.5) for tone in ("good", "warning", "bad")),
    *(("ink", f"{tone}-wash", 4.5) for tone in ("good", "warning", "bad")),
    ("on-ember", "ember", 4.5),
    ("on-ember", "ember-strong", 4.5),
    ("paper", "coffee", 4.5),
    *(("edge", ground, 3) for ground in ("paper", "raised", "sunk")),
]


def colours(scheme: str) -> dict[str, str]:
    tokens = (FOLDER / "src" / "tokens.css").read_text("utf-8")
    light, dark = tokens.split("@media (prefers-color-scheme: dark)")
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_stylesheet_is_what_its_sources_make() -> None:
    assert STYLESHEET.read_text("utf-8") == compose(), "run python -m membership.web.stylesheet"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_every_ground(scheme: str) -> None:
    """[R6] Contrast is at least 4.5 for text, 3 for the borders of controls."""
    tones = colours(scheme)
    faint = {
        (text, ground): round(contrast(tones[text], tones[ground]), 2)
        for text, ground, least in PAIRS
        if contrast(tones[text], tones[ground]) < least
    }
    assert faint == {}


def test_no_rule_stands_outside_of_a_layer() -> None:
    for source in (FOLDER / "src").glob("*.css"):
        bare = re.sub(r"/\*.*?\*/", "", source.read_text("utf-8"), flags=re.DOTALL)
        outside = [line for line in bare.splitlines() if line and line[0] not in " }@"]
        assert outside == [], source.name


def test_every_file_it_names_is_ours_and_there() -> None:
    addresses = re.findall(r"url\(\"?([^\")]+)", STYLESHEET.read_text("utf-8"))
    assert addresses
    assert [a for a in addresses if not (FOLDER / a).resolve().is_file()] == []


def test_every_face_has_its_licence() -> None:
    fonts = FOLDER.parent / "fonts"
    assert {Path(file).name for file in fonts.glob("LICENSE-*")} == {
        "LICENSE-inter.txt",
        "LICENSE-source-serif-4.txt",
    }
