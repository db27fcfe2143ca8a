"""A page as people see it: it fits its window, and axe finds nothing (rule R6).

Pictures to look at are kept in var/screenshots/.
"""

from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from sandbox.demo.surroundings import ROOT

PICTURES = ROOT / "var" / "screenshots"
# (CSS pixels, colours): on a desk, and on a phone at night.
WIDE, NARROW = (1280, "light"), (360, "dark")


def look(page: Page, name: str, *looks: tuple[int, str]) -> None:
    """As in each of `looks`, or on a desk and on a phone. The window stays as in the last one."""
    for width, scheme in looks or (WIDE, NARROW):
        fits(page, name, width, scheme)
        is_accessible(page)


def fits(page: Page, name: str, width: int, scheme: str = "light") -> None:
    """Nothing is wider than a window of `width` CSS pixels; `name` is that of the picture."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    settle(page)
    assert overflow(page) <= 0, f"{name} is wider than a window of {width}, {scheme}"
    keep_picture(page, PICTURES / f"{name}-{width}-{scheme}.png")


def is_accessible(page: Page, **options: Any) -> None:
    """axe finds nothing; `options` are its own."""
    found = Axe().run(page, options={"resultTypes": ["violations"], **options})
    assert found.violations_count == 0, found.generate_report()


def overflow(page: Page) -> int:
    """CSS pixels by which the page is wider than its window."""
    width: int = page.evaluate(
        "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


def settle(page: Page) -> None:
    """Until fonts are there and what follows a change of the window is drawn."""
    page.evaluate(
        """async () => {
            await document.fonts.ready;
            for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
        }"""
    )


def keep_picture(page: Page, file: Path) -> None:
    """Of the whole page, with images that load late."""
    page.evaluate(
        """async () => {
            const pictures = [...document.images];
            for (const picture of pictures) picture.loading = "eager";
            await Promise.all(pictures.map(picture => picture.decode().catch(() => {})));
        }"""
    )
    page.screenshot(path=file, full_page=True, animations="disabled")
    assert file.stat().st_size > 5_000
