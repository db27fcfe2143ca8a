"""The whole main job in real Chromium, on real processes: read, give, vote, be told, see."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import watch
from tests.browser.steps import CARD_DECLINED, CARD_THAT_PAYS, pay, sign_in
from tests.system import System, wait_until

READER = "olena@reader.example"
TITLE = "Who checks the water after the dam"


def test_a_reader_becomes_a_patron_votes_and_is_told(
    page: Page, browser: Browser, system: System
) -> None:
    read_to_the_ask(page)
    give_monthly(page, system)
    sign_in(page, system, READER)
    see_what_is_given(page)
    suggest(page)
    round_id = vote_and_change_it(page)
    let_the_round_end(system, round_id)
    winner = see_the_result(page, round_id)

    context = browser.new_context(base_url=system.web, timezone_id="Europe/Kyiv")
    staff = context.new_page()
    watch(staff, system)
    sign_in(staff, system, "staff@kava.example")
    see_the_newcomer(staff, system)
    publish(staff, winner)
    context.close()

    told = system.wait_for_mail(READER, winner)
    assert "List-Unsubscribe-Post" in told["headers"]
    page.goto("/topics")
    expect(page.locator("main")).to_contain_text(winner)


def read_to_the_ask(page: Page) -> None:
    page.goto("/")
    page.locator("main h2 a, main h1 a").first.click()
    expect(page.locator("article h1")).to_be_visible()
    ask = page.locator(".ask")
    ask.scroll_into_view_if_needed()
    expect(ask).to_contain_text(re.compile(r"[€$£₴]\s?\d|\d\s?[₴€]"))
    expect(ask.get_by_role("link", name="ther ways")).to_be_visible()
    ask.get_by_role("link", name="Become a patron").click()


def give_monthly(page: Page, system: System) -> None:
    button = page.locator("#support button[type=submit]")
    page.get_by_label("Yearly").check()
    expect(button).to_contain_text("every year")
    page.get_by_label("Monthly").check()
    expect(button).to_contain_text(re.compile(r"Give \S*\d+\S* every month"))
    page.locator("[name=email]").fill(READER)
    button.click()
    page.wait_for_url(f"{system.stripe}/**")
    pay(page, CARD_DECLINED)
    expect(page.locator("body")).to_contain_text("declined")
    pay(page, CARD_THAT_PAYS)
    page.wait_for_url("**/support/thanks**")
    expect(page.locator("main")).to_contain_text(re.compile("thank", re.IGNORECASE))
    kinds = "SELECT string_agg(kind, ' ' ORDER BY kind) FROM outbox_email WHERE recipient = :to"
    wait_until(
        lambda: system.scalar(f"{kinds} AND state = 'sent'", to=READER) == "receipt welcome",
        "welcome and receipt",
    )
    assert len(system.mails(READER)) == 2


def see_what_is_given(page: Page) -> None:
    page.goto("/account")
    expect(page.locator("main")).to_contain_text("next charge")
    expect(page.locator("main")).to_contain_text(re.compile(r"[€$£]\d"))


def suggest(page: Page) -> None:
    page.goto("/topics/suggest")
    page.locator("[name=title]").fill(TITLE)
    page.locator("[name=why]").fill(
        "Wells downstream are untested, and nobody says whose task it is."
    )
    page.locator("main form button[type=submit]").last.click()
    expect(page.locator("main")).to_contain_text("Thank you. An editor reads every suggestion")
    page.goto("/topics")
    expect(page.locator("main")).to_contain_text(TITLE)


def vote_and_change_it(page: Page) -> int:
    page.goto("/topics")
    page.locator("a[href*='/rounds/']:not([href*='result'])").first.click()
    page.wait_for_url(re.compile(r"/rounds/\d+$"))
    number = int(page.url.rsplit("/", 1)[1])
    options = page.locator("input[name=choice]")
    for position in (0, 1, 2):
        options.nth(position).check()
    expect(page.locator(".ballot-foot")).to_contain_text("3")
    expect(options.nth(3)).to_be_disabled()
    page.locator(".ballot-foot button").click()
    expect(page.locator("main")).to_contain_text("You have voted")
    options.nth(2).uncheck()
    # That one has voted stands there already: only the answer says that it is changed.
    with page.expect_response(lambda answer: answer.request.method == "POST") as changed:
        page.locator(".ballot-foot button").click()
    assert changed.value.status == 303
    expect(page.locator("main")).to_contain_text("You have voted")
    expect(page.locator("input[name=choice]:checked")).to_have_count(2)
    return number


def let_the_round_end(system: System, round_id: int) -> None:
    """Only its end is moved, in the database; beat and worker do the rest."""
    system.scalar("UPDATE round SET closes_at = clock_timestamp() WHERE id = :id", id=round_id)
    state = "SELECT state FROM round WHERE id = :id"
    wait_until(lambda: system.scalar(state, id=round_id) == "settled", "the settled round")
    ours = "SELECT count(*) FROM ballot WHERE round_id = :id AND account_id IS NOT NULL"
    assert system.scalar(ours, id=round_id) == 0


def see_the_result(page: Page, round_id: int) -> str:
    page.goto(f"/rounds/{round_id}/result")
    expect(page.locator("main table")).to_be_visible()
    digest = page.locator(".digest").first
    expect(digest).to_contain_text(re.compile(r"[0-9a-f]{16}"))
    with page.expect_download() as download:
        page.locator("a[href*='export']").first.click()
    assert download.value.path().stat().st_size > 100
    return page.locator("tr[data-won] th a").first.inner_text()


def see_the_newcomer(staff: Page, system: System) -> None:
    staff.goto("/staff/")
    expect(staff.locator(".tiles")).to_contain_text("MRR")
    expect(staff.locator("canvas").first).to_be_visible()
    # Beat brings who is new into the list, once a minute.
    system.wake("reports.refresh")
    newcomer = "SELECT count(*) FROM patron JOIN account ON id = account_id WHERE email = :email"
    wait_until(lambda: system.scalar(newcomer, email=READER), "the newcomer's line")
    staff.goto(f"/staff/patrons?q={READER}")
    staff.locator("main table a, .page table a").first.click()
    expect(staff.locator(".timeline")).to_be_visible()


def publish(staff: Page, winner: str) -> None:
    staff.goto("/staff/topics?state=selected")
    staff.get_by_role("link", name=winner).first.click()
    staff.get_by_role("button", name="Assign").click()
    staff.locator("[name=article]").fill("")
    staff.get_by_role("button", name="Find").click()
    staff.get_by_role("button", name="Publish with this story").first.click()
    expect(staff.locator("body")).to_contain_text("ublished")
