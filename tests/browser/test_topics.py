"""Look-alikes while a title is typed, and without a script."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import watch
from tests.browser.looking import is_accessible
from tests.browser.steps import sign_in
from tests.system import System

PATRON = "patron@kava.example"
TITLE = "Who counts the pigeons of the station"
OTHER = "The price of bread in the villages"
SUPPORT = (
    "SELECT count(*) FROM topic_support JOIN topic ON topic.id = topic_id"
    " JOIN account ON account.id = account_id WHERE slug = :slug AND email = :email"
)


@pytest.fixture(scope="module")
def suggested(system: System) -> Iterator[str]:
    """The address of a suggestion that nobody supports yet."""
    system.rows(
        "INSERT INTO topic (slug, language, title, why, state) VALUES"
        " ('pigeons', 'en', :title, 'They were counted in spring.', 'suggested'),"
        " ('bread', 'en', :other, 'It went up.', 'suggested')",
        title=TITLE,
        other=OTHER,
    )
    yield "pigeons"
    system.rows("DELETE FROM topic WHERE slug IN ('pigeons', 'bread')")


@pytest.fixture
def form(page: Page, system: System, suggested: str) -> Page:
    sign_in(page, system, PATRON)
    page.goto("/topics/suggest")
    return page


def test_look_alikes_come_while_the_title_is_typed(form: Page, system: System) -> None:
    """[V13] [R6] They are said, they go again, and one button supports one instead."""
    title = form.get_by_label("What should we look into?")
    said = form.locator(".alikes [role=status]")
    title.press_sequentially(f"{TITLE}s", delay=5)
    expect(form.get_by_role("link", name=TITLE)).to_be_visible()
    expect(said).to_contain_text("One topic looks like yours.")
    is_accessible(form)
    # Enter sends the suggestion; it never supports what happens to stand there.
    title.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("Tell us why")
    assert system.scalar(SUPPORT, slug="pigeons", email=PATRON) == 0

    title.fill("Something nobody has asked")
    expect(form.locator(".alike")).to_have_count(0)
    expect(said).to_be_empty()
    title.fill(TITLE)
    form.get_by_role("button", name=f"Support this instead: {TITLE}").click()
    expect(form.locator("main")).to_contain_text("We have noted that you want this, too.")
    assert system.scalar(SUPPORT, slug="pigeons", email=PATRON) == 1


def test_a_slow_answer_never_replaces_a_newer_one(form: Page) -> None:
    """What was asked first may come last."""
    held: list[Route] = []
    form.route("**/topics/alike?*bread*", lambda route: held.append(route))
    title = form.get_by_label("What should we look into?")
    with form.expect_request("**/topics/alike?*bread*"):
        title.fill(OTHER)
    title.fill(TITLE)
    expect(form.get_by_role("link", name=TITLE)).to_be_visible()
    for route in held:
        route.abort()
    expect(form.get_by_role("link", name=OTHER)).to_have_count(0)
    expect(form.get_by_role("link", name=TITLE)).to_be_visible()


def test_what_was_seen_while_typing_is_not_asked_again(form: Page, system: System) -> None:
    """[V13]"""
    form.get_by_label("What should we look into?").fill(f"{TITLE}, and who feeds them")
    expect(form.get_by_role("link", name=TITLE)).to_be_visible()
    form.get_by_label("Why does it matter?").fill("Somebody must know how many they are.")
    form.get_by_role("button", name="Suggest it").click()
    expect(form.locator("main")).to_contain_text("Thank you. An editor reads every suggestion")


def test_without_a_script_they_come_with_the_answer(
    browser: Browser, page: Page, system: System, suggested: str
) -> None:
    """[V13] [R1]"""
    sign_in(page, system, PATRON)
    kept = page.context.storage_state()
    bare = browser.new_context(
        base_url=system.web, storage_state=kept, java_script_enabled=False, locale="en-GB"
    )
    plain = bare.new_page()
    watch(plain, system)
    plain.goto("/topics/suggest")
    plain.get_by_label("What should we look into?").fill(OTHER)
    plain.get_by_label("Why does it matter?").fill("It went up again this week.")
    plain.get_by_role("button", name="Suggest it").click()
    expect(plain.locator("main")).to_contain_text("It is not sent yet")
    plain.get_by_role("button", name=f"Support this instead: {OTHER}").click()
    expect(plain.locator("main")).to_contain_text("We have noted that you want this, too.")
    assert system.scalar(SUPPORT, slug="bread", email=PATRON) == 1
    bare.close()
