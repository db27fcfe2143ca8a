"""What a reader does about mail, in a real browser, without a script: preferences, pause, address.

Pictures of each page, wide and phone-narrow and in both languages, are kept in var/screenshots/.
"""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import SCREENSHOTS
from tests.browser.steps import sign_in
from tests.browser.test_pages import overflow
from tests.system import System, wait_until

WINDOWS = {"1200": (1200, 900), "360": (360, 780)}
LANGUAGES = {"en": "", "uk": "/uk"}


def look(page: Page, name: str, path: str) -> None:
    """Each page fits its window and breaks no rule of axe (R6); ends on the English one."""
    for language, prefix in reversed(LANGUAGES.items()):
        for size, (width, height) in WINDOWS.items():
            page.set_viewport_size({"width": width, "height": height})
            page.goto(prefix + path)
            assert overflow(page) <= 0, f"{name} is wider than a window of {size}"
            page.screenshot(path=SCREENSHOTS / f"{name}-{size}-{language}.png", full_page=True)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def reader(system: System, address: str) -> None:
    system.rows(
        "INSERT INTO account (email, language, verified_at) VALUES (:email, 'en', now())",
        email=address,
    )


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.parametrize("length", ["3 months", "Until I turn it on again"])
def test_a_reader_chooses_and_pauses(page: Page, system: System, length: str) -> None:
    """[M8] What is chosen stays chosen through a pause."""
    address = f"chooser-{length[0]}@browser.example"
    reader(system, address)
    sign_in(page, system, address)
    look(page, "mail-preferences", "/account/mail")
    page.get_by_label("A vote begins").uncheck()
    press(page, "Save")
    expect(page.get_by_role("status")).to_contain_text("Saved")
    # What is not saved yet is kept by the other button, too.
    page.get_by_label("What a vote decided").uncheck()
    page.get_by_label(length).check()
    press(page, "Pause all these mails")
    expect(page.get_by_text("Our mails are paused")).to_be_visible()
    look(page, "mail-paused", "/account/mail")
    press(page, "Let them come again")
    expect(page.get_by_text("Our mails are paused")).to_have_count(0)
    expect(page.get_by_label("A vote begins")).not_to_be_checked()
    expect(page.get_by_label("What a vote decided")).not_to_be_checked()


def test_a_reader_changes_the_address(page: Page, system: System) -> None:
    """[S5] By the link in the new mailbox; the old one is told."""
    old, new = "before@browser.example", "after@browser.example"
    reader(system, old)
    sign_in(page, system, old)
    look(page, "address", "/account/address")
    page.get_by_label("Your new mail address").fill(new)
    press(page, "Send me the link")
    expect(page.get_by_text("Look in the other mailbox")).to_be_visible()
    link = wait_until(lambda: _link(system, new), f"a mail with a link to {new}")
    look(page, "address-confirm", str(link).removeprefix(system.web))
    press(page, "Use this address")
    expect(page.get_by_role("status")).to_contain_text(new)
    assert "answer this mail" in system.wait_for_mail(old, "has changed")["text"]
    look(page, "address-used-up", str(link).removeprefix(system.web))


def _link(system: System, address: str) -> str | None:
    for mail in system.mails(address):
        if found := re.search(r"https?://\S+/account/address/\S+", mail["text"]):
            return found.group()
    return None
