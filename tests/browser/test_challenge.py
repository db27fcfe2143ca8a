"""A proof of work before the payment page, in real Chromium (rule B16)."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import watch
from tests.browser.looking import look
from tests.browser.steps import CARD_THAT_PAYS, pay
from tests.card_testing import cards_are_tested
from tests.system import System, wait_until

SUPPORT = "/support?currency=EUR&interval=once&amount=4"
DONE = "[data-challenge]:has-text('Done')"


@pytest.fixture(autouse=True)
def _tested(system: System) -> Iterator[None]:
    with cards_are_tested(system):
        yield


def ask(page: Page, email: str, path: str = SUPPORT) -> None:
    """Fill in the form and press its button, with the keyboard alone."""
    page.goto(path)
    page.locator("[name=email]").focus()
    page.keyboard.type(email)
    page.keyboard.press("Enter")
    expect(page.locator(".notice-title")).to_have_text("One more step")


def test_the_browser_works_and_the_keyboard_suffices(page: Page, system: System) -> None:
    """[B16] [R6] No worker, style or script that the content policy refuses; axe finds nothing."""
    page.set_default_timeout(60_000)
    ask(page, "works@reader.example")
    expect(page.locator("[name=email]")).to_have_value("works@reader.example")
    page.locator(DONE).wait_for()
    page.emulate_media(reduced_motion="reduce")
    look(page, "challenge")
    button = page.locator("#support .give-button")
    for _ in range(60):
        page.keyboard.press("Tab")
        if button.evaluate("each => each === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"{system.stripe}/**")
    pay(page, CARD_THAT_PAYS)
    page.wait_for_url("**/support/thanks**")


@pytest.mark.parametrize("path", [SUPPORT, "/support/pool?currency=EUR"])
def test_who_presses_at_once_goes_on_by_itself(page: Page, system: System, path: str) -> None:
    """[B16] Enter in a field means the form's own button, not the mail."""
    page.set_default_timeout(60_000)
    ask(page, "hurry@reader.example", path)
    sent: list[Route] = []
    # The page stays until we have looked at it, however soon the work is done.
    page.route(f"{system.web}/support**", lambda route: sent.append(route))
    with page.expect_request(lambda request: request.method == "POST"):
        page.locator("[name=email]").press("Enter")
        expect(page.locator("[data-challenge]")).to_have_text(re.compile("One moment|Done"))
    page.unroute_all()
    for each in sent:
        each.continue_()
    page.wait_for_url(f"{system.stripe}/**")


def test_without_javascript_a_mail_leads_on(browser: Browser, system: System) -> None:
    """[B16]"""
    reader = "plain@reader.example"
    context = browser.new_context(base_url=system.web, java_script_enabled=False)
    page = context.new_page()
    watch(page, system)
    ask(page, reader)
    page.get_by_role("button", name="Mail me the link").click()
    expect(page.locator("h1")).to_have_text("Look in your mail")
    mail = wait_until(lambda: system.mails(reader), "the link")[-1]
    found = re.search(r"https?://\S+/support\S+", mail["text"])
    assert found
    page.goto(found.group())
    page.locator("[name=email]").fill(reader)
    page.locator("#support .give-button").click()
    page.wait_for_url(f"{system.stripe}/**")
    context.close()
