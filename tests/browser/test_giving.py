"""The button of the support form says what is charged (lesson L10)."""

import re
from fractions import Fraction

from playwright.sync_api import Browser, Page, expect

from membership.billing.amounts import CardFee, with_card_fee
from membership.money import Money, display
from tests.browser.conftest import watch
from tests.system import System

FEE = CardFee(Fraction(29, 1000), Money(25, "EUR"))
BUTTON = "#support button[type=submit]"


def test_the_card_fee_is_in_what_the_button_says_without_a_script(
    browser: Browser, system: System
) -> None:
    """[L10]"""
    context = browser.new_context(base_url=system.web, java_script_enabled=False)
    page = context.new_page()
    watch(page, system)
    page.goto("/support?currency=EUR&interval=month&amount=4")
    button = page.locator(BUTTON)
    expect(button).to_have_accessible_name("Give €4 every month")
    page.locator("#cover_fees").check()
    expect(button).to_have_accessible_name("Give €4.38 every month")
    page.get_by_label("Yearly").check()
    expect(button).to_have_accessible_name(re.compile(r"Give €\d+\.\d\d every year"))
    context.close()


def test_the_script_computes_as_the_server_does(page: Page, system: System) -> None:
    """[L10] For amounts that are typed; what the server would refuse, it leaves out."""
    page.goto("/support?currency=EUR&interval=once&amount=4.5")
    button, amount = page.locator(BUTTON), page.locator("[name=amount]")
    expect(button).to_have_accessible_name("Give €4.50 once")
    page.locator("#cover_fees").check()
    for text, minor in [
        ("4.5", 450),
        ("9,71", 971),
        ("1 000", 100_000),
        ("9.46", 946),
        ("7.", 700),
    ]:
        amount.fill(text)
        charged = display(with_card_fee(Money(minor, "EUR"), FEE), "en").replace(",", ",?")
        expect(button).to_have_accessible_name(re.compile(f"^Give {charged} once$"))
    for text in ("1,200", "1e3", "1_000", "0", "x"):
        amount.fill(text)
        expect(button).to_have_accessible_name("Give once")


def test_the_form_of_a_gift_says_its_amount_as_the_support_form_does(
    browser: Browser, page: Page, system: System
) -> None:
    """[L10] Without a script, and with one for an amount that is typed."""
    context = browser.new_context(base_url=system.web, java_script_enabled=False)
    plain = context.new_page()
    watch(plain, system)
    plain.goto("/support/gift?currency=EUR")
    expect(plain.locator(BUTTON)).to_have_accessible_name("Give €48 once")
    plain.get_by_label("€144").check()
    plain.locator("#cover_fees").check()
    expect(plain.locator(BUTTON)).to_have_accessible_name("Give €148.56 once")
    expect(plain.locator("[name=amount]")).to_be_hidden()
    plain.get_by_label("Other").check()
    expect(plain.locator("[name=amount]")).to_be_visible()
    context.close()
    page.goto("/support/gift?currency=EUR")
    page.get_by_label("Other").check()
    page.locator("[name=amount]").fill("60")
    expect(page.locator(BUTTON)).to_have_accessible_name("Give €60 once")
