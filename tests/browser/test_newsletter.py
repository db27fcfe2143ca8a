"""The week's stories by mail, asked for at the end of a story, in real Chromium."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import watch
from tests.system import System

CONFIRMED = (
    "SELECT count(*) FROM newsletter_reader WHERE address = :address AND confirmed_at < now()"
)


@pytest.fixture
def bare(browser: Browser, system: System) -> Iterator[Page]:
    """A browser without JavaScript."""
    context = browser.new_context(base_url=system.web, java_script_enabled=False)
    context.set_default_timeout(10_000)
    page = context.new_page()
    watch(page, system)
    yield page
    context.close()


def ask_under_a_story(page: Page, address: str, clicks: int = 1) -> None:
    page.goto("/")
    page.locator("main h2 a, main h1 a").first.click()
    form = page.locator(".newsletter form")
    form.get_by_label("Your mail address").fill(address)
    form.get_by_role("button").click(click_count=clicks)


def say_yes(page: Page, system: System, address: str) -> None:
    """By the link of the mail; looking at its page alone changes nothing."""
    mail = system.wait_for_mail(address, "/newsletter/confirm/")
    found = re.search(r"https?://\S+/newsletter/confirm/\S+", mail["text"])
    assert found
    page.goto(found.group())
    button = page.locator("main form").get_by_role("button")
    expect(button).to_be_visible()
    assert system.scalar(CONFIRMED, address=address) == 0
    button.click()
    expect(page.locator("h1")).to_have_text("The stories are coming")
    assert system.scalar(CONFIRMED, address=address) == 1


def test_one_press_is_enough(page: Page, system: System) -> None:
    """[M8] With JavaScript: one press under the story, one in the mail's page."""
    address = "one-press@reader.example"
    ask_under_a_story(page, address)
    page.wait_for_url("**/newsletter/asked")
    say_yes(page, system, address)


def test_a_double_click_asks_once(page: Page) -> None:
    """[M8] Two mails would make the first one's reader wonder."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ask_under_a_story(page, "double-click@reader.example", clicks=2)
    page.wait_for_url("**/newsletter/asked")
    assert len([url for url in asked if url.endswith("/newsletter/begin")]) == 1


def test_without_javascript_it_is_one_press_more(bare: Page, system: System) -> None:
    """[M8] [R1] The page between has the token that the story's page must not have."""
    address = "no-scripts@reader.example"
    ask_under_a_story(bare, address)
    expect(bare.locator("[name=email]")).to_have_value(address)
    expect(bare.get_by_text("One more press: is this your address?")).to_be_visible()
    assert system.mails(address) == []
    bare.locator("#newsletter").get_by_role("button").click()
    bare.wait_for_url("**/newsletter/asked")
    say_yes(bare, system, address)


def test_what_the_site_refuses_is_said(page: Page) -> None:
    """[M8] An address that a browser lets pass; what was typed is kept."""
    ask_under_a_story(page, "olena@localhost")
    expect(page.locator(".field-error")).to_be_visible()
    expect(page.locator("#newsletter [name=email]")).to_have_value("olena@localhost")
