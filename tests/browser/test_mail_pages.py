"""What a reader does about mail, in a browser without a script: preferences, pause, address."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import NARROW, WIDE, look
from tests.browser.steps import sign_in
from tests.system import System, wait_until


def look_at(page: Page, name: str, path: str) -> None:
    """In both languages; ends on the English one, on a desk."""
    page.goto(f"/uk{path}")
    look(page, f"{name}-uk")
    page.goto(path)
    look(page, name, NARROW, WIDE)


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
    look_at(page, "mail-preferences", "/account/mail")
    page.get_by_label("A vote begins").uncheck()
    press(page, "Save")
    expect(page.get_by_role("status")).to_contain_text("Saved")
    # What is not saved yet is kept by the other button, too.
    page.get_by_label("What a vote decided").uncheck()
    page.get_by_label(length).check()
    press(page, "Pause all these mails")
    expect(page.get_by_text("Our mails are paused")).to_be_visible()
    look_at(page, "mail-paused", "/account/mail")
    press(page, "Let them come again")
    expect(page.get_by_text("Our mails are paused")).to_have_count(0)
    expect(page.get_by_label("A vote begins")).not_to_be_checked()
    expect(page.get_by_label("What a vote decided")).not_to_be_checked()


def test_a_reader_changes_the_address(page: Page, system: System) -> None:
    """[S5] By the link in the new mailbox; the old one is told."""
    old, new = "before@browser.example", "after@browser.example"
    reader(system, old)
    sign_in(page, system, old)
    look_at(page, "address", "/account/address")
    page.get_by_label("Your new mail address").fill(new)
    press(page, "Send me the link")
    expect(page.get_by_text("Look in the other mailbox")).to_be_visible()
    link = wait_until(lambda: _link(system, new), f"a mail with a link to {new}")
    look_at(page, "address-confirm", str(link).removeprefix(system.web))
    press(page, "Use this address")
    expect(page.get_by_role("status")).to_contain_text(new)
    assert "answer this mail" in system.wait_for_mail(old, "has changed")["text"]
    look_at(page, "address-used-up", str(link).removeprefix(system.web))


def _link(system: System, address: str) -> str | None:
    for mail in system.mails(address):
        if found := re.search(r"https?://\S+/account/address/\S+", mail["text"]):
            return found.group()
    return None
