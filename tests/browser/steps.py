"""What a person does, step by step."""

import re

from playwright.sync_api import Page, expect

from tests.system import System, wait_until

CARD_THAT_PAYS = "4242424242424242"
CARD_DECLINED = "4000000000000002"


def pay(page: Page, card: str) -> None:
    """Fill in the hosted payment page."""
    page.locator("[name=cardNumber]").fill(card)
    page.locator("[name=cardExpiry]").fill("12 / 34")
    page.locator("[name=cardCvc]").fill("123")
    page.locator("[name=billingName]").fill("Olena Koval")
    page.locator(".SubmitButton").click()


def sign_in(page: Page, system: System, address: str) -> None:
    """Sign in by the link that comes by mail: its page shows a button, the button signs in."""
    before = len(system.mails(address))
    page.goto("/sign-in")
    page.locator("[name=email]").fill(address)
    page.locator("main form button[type=submit]").first.click()
    expect(page.locator("main")).to_contain_text("mail")
    link = newest_link(system, address, before)
    page.goto(link)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


def newest_link(system: System, address: str, before: int) -> str:
    """The sign-in link of the mail that came after the first `before` ones."""

    def arrived() -> str | None:
        for mail in reversed(system.mails(address)[before:]):
            if found := re.search(r"https?://\S+/sign-in/\S+", mail["text"]):
                return found.group()
        return None

    return wait_until(arrived, f"a sign-in mail to {address}")
