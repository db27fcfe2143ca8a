"""The whole system as real processes, and a real Chromium that walks through it."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests.system import System, running

# What does not come within this does not come; a busy machine takes some of it.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("browser"), patrons=120, months=14) as system:
        yield system


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(args=["--no-sandbox"])
        except Error:
            program = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox", "--disable-quic"]
            )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, system: System) -> Iterator[Page]:
    """A fresh browser whose console and requests are watched: see `complaints`."""
    context = browser.new_context(base_url=system.web, locale="en-GB", timezone_id="Europe/Kyiv")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    watch(page, system)
    yield page
    context.close()


def watch(page: Page, system: System) -> None:
    """Fail the walk on a script error, a CSP violation, or a request that leaves the site."""
    ours = (system.web, system.stripe, system.inbox, "data:", "about:", "blob:")

    def refuse(request: Any) -> None:
        assert request.url.startswith(ours), f"{page.url} asked for {request.url}"

    def complain(message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            raise AssertionError(f"{page.url}: {message.text}")

    def fail(error: Any) -> None:
        raise AssertionError(f"{page.url}: {error}")

    page.on("request", refuse)
    page.on("console", complain)
    page.on("pageerror", fail)
