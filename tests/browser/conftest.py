"""The whole system as real processes, and a real Chromium that walks through it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Error, Page, sync_playwright

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "var" / "screenshots"
START_SECONDS = 120
WAIT_SECONDS = 30


@dataclass
class System:
    """A running demo: the addresses of its parts, and what a test asks of them."""

    web: str
    stripe: str
    inbox: str
    database_url: str

    def mails(self, to: str) -> list[dict[str, Any]]:
        """Every mail to `to` that has arrived, oldest first."""
        with urllib.request.urlopen(f"{self.inbox}/messages.json", timeout=10) as answer:
            return [mail for mail in json.load(answer) if to in mail["to"]]

    def wait_for_mail(self, to: str, containing: str) -> dict[str, Any]:
        """The newest mail to `to` whose subject or text contains `containing`."""

        def arrived() -> dict[str, Any] | None:
            found = [m for m in self.mails(to) if containing in m["subject"] + m["text"]]
            return found[-1] if found else None

        return wait_until(arrived, f"a mail to {to} with {containing!r}")

    def scalar(self, statement: str, **values: Any) -> Any:
        """One value from the database, committed if the statement changes something."""
        engine = sa.create_engine(self.database_url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return result.scalar() if result.returns_rows else None


def wait_until(found: Callable[[], Any], what: str) -> Any:
    """Ask until the answer is truthy; fails after WAIT_SECONDS, saying what did not come."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (answer := found()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come within {WAIT_SECONDS} s")
        time.sleep(0.2)
    return answer


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    directory = tmp_path_factory.mktemp("system")
    command = [sys.executable, "-m", "sandbox.demo", "--directory", str(directory)]
    log = (directory / "demo.log").open("w+")
    running = subprocess.Popen(
        [*command, "--port", "0", "--patrons", "120", "--months", "14"],
        cwd=ROOT,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if not name.endswith("_URL")},
    )
    info = directory / "demo.json"
    deadline = time.monotonic() + START_SECONDS
    while not info.exists():
        if running.poll() is not None or time.monotonic() > deadline:
            running.kill()
            pytest.fail(f"the system did not start:\n{Path(log.name).read_text()}")
        time.sleep(0.1)
    parts = json.loads(info.read_text())
    yield System(parts["web"], parts["stripe"], parts["inbox"], parts["database_url"])
    running.send_signal(signal.SIGTERM)
    running.wait(60)
    log.close()
    kept = ROOT / "var" / "browser-test.log"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text((directory / "log" / "kava.log").read_text())


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
    context.set_default_timeout(10_000)
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
