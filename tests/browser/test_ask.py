"""The ask on a reader's device: one wording, dismissed for good, credited, and never told who."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy.orm import Session

from membership import clock
from tests import factories
from tests.articles.asking import running
from tests.articles.test_counting import counts

SITE = "http://localhost"
Reader = Callable[[float], BrowserContext]


@pytest.fixture
def reader(browser: Browser, client: FlaskClient) -> Iterator[Reader]:
    """Browsers whose every request this process answers, and for whom chance is what is said."""

    def answer(route: Route) -> None:
        asked = route.request
        assert asked.url.startswith(SITE), asked.url
        # Nobody is told apart by what is counted.
        assert not asked.url.endswith("/count") or "cookie" not in asked.all_headers()
        found = client.open(
            asked.url.removeprefix(SITE),
            method=asked.method,
            data=asked.post_data_buffer,
            content_type=asked.headers.get("content-type"),
        )
        headers = dict(found.headers)
        route.fulfill(status=found.status_code, headers=headers, body=found.get_data())

    contexts = []

    def open_browser(chance: float) -> BrowserContext:
        contexts.append(browser.new_context(base_url=SITE, locale="en-GB"))
        contexts[-1].route("**/*", answer)
        contexts[-1].add_init_script(f"Math.random = () => {chance}")
        return contexts[-1]

    yield open_browser
    for each in contexts:
        each.close()


def read(page: Page, slug: str) -> None:
    """Open a story, and come down to its end."""
    with page.expect_request(lambda each: "step=ask_seen" in (each.post_data or "")):
        page.goto(f"/articles/{slug}")
        page.locator(".article-foot").scroll_into_view_if_needed()
        page.mouse.wheel(0, 20_000)


def remembered(page: Page) -> Any:
    """Of stories, by the device."""
    return json.loads(page.evaluate("localStorage.getItem('kava.came')") or "null")


def test_the_ask_is_chosen_credited_and_dismissed_on_the_device_alone(
    reader: Reader, session: Session
) -> None:
    """[R5] [D4] [S10]"""
    first, last = (
        factories.article(session, slug=slug, body_html="<p>It happened.</p>" * 80).id
        for slug in ("first", "last")
    )
    _always, lunch, control = (each.id for each in running(session).variants)
    page = reader(0.3).new_page()
    read(page, "first")
    expect(page.locator(".ask-title")).to_have_text("A lunch a month")
    expect(page.locator(".ask-text")).to_contain_text("£4 is a start, <b>more</b> is lunch.")
    read(page, "last")

    month = f"{clock.now():%Y-%m}"
    came = {
        "first": {"article": "first", "month": month},
        "last": {"article": "last", "variant": str(lunch), "month": month},
    }
    assert remembered(page) == came
    page.goto("/support")
    carried = {"article": "last", "first_article": "first", "variant": str(lunch)}
    for name, value in carried.items():
        expect(page.locator(f"#support [name={name}]")).to_have_value(value)
    page.goto("/support?from=first")
    expect(page.locator("#support [name=article]")).to_have_value("first")

    # Sent, though nothing is done with it here, they are not needed any more.
    page.locator("#support").dispatch_event("submit")
    assert remembered(page) is None

    page.goto("/articles/last")
    ask, quiet = page.locator(".ask"), page.locator(".ask-quiet")
    ask.get_by_role("button").click()
    expect(quiet).to_be_focused()
    page.reload()
    expect(quiet).to_be_visible()
    expect(ask).to_be_hidden()
    quiet.get_by_role("button").click()
    expect(ask).to_be_visible()
    keep = "came => localStorage.setItem('kava.came', JSON.stringify(came))"
    old = {"article": "first", "month": "2026-01"}
    page.evaluate(keep, {"first": old, "last": old})
    page.goto("/")
    assert remembered(page) is None
    page.evaluate(keep, came)
    page.context.add_cookies([{"name": "patron", "value": "1", "url": SITE}])
    page.goto("/articles/last")
    expect(ask).to_be_hidden()
    expect(quiet).to_be_hidden()
    assert remembered(page) is None

    other = reader(0.99).new_page()
    read(other, "first")
    expect(other.locator(".ask")).to_be_hidden()
    other.goto("/")
    counted = counts(session)
    assert counted["ask_seen", first, lunch] == counted["ask_seen", first, control] == 1
    assert counted["support_page", last, lunch] == counted["support_page", first, lunch] == 1
    assert counted["read", first, 0] == 2
    assert counted["read", last, 0] == 4
