"""Every page, looked at: wide in the light and phone-narrow in the dark, in both languages.

None may be wider than its window, complain in the console, ask for anything outside of the site, or
break a rule that axe knows (rule R6).
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import watch
from tests.browser.looking import look
from tests.browser.steps import sign_in
from tests.system import System

ANYONE = {
    "front": "/",
    "front-uk": "/uk/",
    "article": "/articles/{article}",
    "article-uk": "/uk/articles/{article_uk}",
    "tag": "/tags/{tag}",
    "search": "/search?q=bridge",
    "support": "/support",
    "support-uk": "/uk/support",
    "other-ways": "/support/other-ways",
    "other-ways-uk": "/uk/support/other-ways",
    "gift": "/support/gift",
    "gift-uk": "/uk/support/gift",
    "pool": "/support/pool",
    "newsletter-uk": "/uk/newsletter",
    "sign-in": "/sign-in",
    "topics": "/topics",
    "topics-uk": "/uk/topics",
    "topic": "/topics/{topic}",
    "topics-list": "/topics?show=at-rest",
    "reported": "/topics/reported",
    "reported-uk": "/uk/topics/reported",
    "result": "/rounds/{settled}/result",
    "transparency": "/transparency",
    "not-found": "/nothing-here",
}
PATRON = {
    "account": "/account",
    "account-uk": "/uk/account",
    "change": "/account/change",
    "change-uk": "/uk/account/change",
    "pause": "/account/pause",
    "cancel": "/account/cancel",
    "gifts": "/account/gifts",
    "profile": "/account/profile",
    "mail-preferences": "/account/mail",
    "address": "/account/address",
    "papers": "/account/papers",
    "papers-uk": "/uk/account/papers",
    "privacy": "/account/privacy",
    "delete-account": "/account/privacy/delete",
    "suggest": "/topics/suggest",
    "own-topics": "/account/topics",
    "ballot": "/rounds/{open}",
    "ballot-uk": "/uk/rounds/{open}",
    "thanks": "/support/thanks",
}
STAFF = {
    "staff-overview": "/staff/",
    "staff-overview-uk": "/uk/staff/",
    "staff-overview-euro": "/staff/?currency=in-euro",
    "staff-retention": "/staff/retention",
    "staff-recovery": "/staff/recovery",
    "staff-acquisition": "/staff/acquisition",
    "staff-participation": "/staff/participation",
    "staff-rates": "/staff/rates",
    "staff-figures": "/staff/figures",
    "staff-patrons": "/staff/patrons",
    "staff-patron": "/staff/patrons/{patron}",
    "staff-merge": "/staff/patrons/{patron}/merge?address=patron@kava.example",
    "staff-exports": "/staff/exports",
    "staff-arrivals": "/staff/arrivals",
    "staff-asks": "/staff/asks",
    "staff-ask-new": "/staff/asks/new",
    "staff-transparency": "/staff/transparency",
    "staff-my-mail": "/staff/my-mail",
    "staff-topics": "/staff/topics",
    "staff-topics-approved": "/staff/topics?state=approved",
    "staff-topics-all": "/staff/topics?state=all",
    "staff-topic": "/staff/topics/{suggested}",
    "staff-topic-assigned": "/staff/topics/{assigned}",
    "staff-board": "/staff/topics/board",
    "staff-rounds": "/staff/rounds",
    "staff-round": "/staff/rounds/{settled}",
    "staff-round-new": "/staff/rounds/new",
    "staff-series": "/staff/series",
    "staff-series-new": "/staff/series/new",
    "staff-mail": "/staff/mail",
    "staff-suppressions": "/staff/mail/suppressions",
    "staff-wording": "/staff/mail/wording",
    "staff-wording-of": "/staff/mail/wording/round_opened/uk",
    "staff-campaigns": "/staff/campaigns",
    "staff-campaign": "/staff/campaigns/{campaign}",
    "staff-campaign-new": "/staff/campaigns/new",
    "staff-manual": "/staff/manual",
    "staff-manual-new": "/staff/manual/new",
    "staff-pool": "/staff/pool",
    "staff-ways": "/staff/ways",
    "staff-way-new": "/staff/ways/new",
    "staff-events": "/staff/events",
    "staff-disputes": "/staff/disputes",
    "staff-refunds": "/staff/disputes/refunds",
    "staff-differences": "/staff/differences",
}
ROWS = {
    "article": "SELECT slug FROM article WHERE language = 'en' ORDER BY published_at DESC LIMIT 1",
    "article_uk": "SELECT slug FROM article WHERE language = 'uk' ORDER BY published_at LIMIT 1",
    "tag": "SELECT slug FROM tag JOIN article_tag ON tag_id = tag.id GROUP BY 1 ORDER BY count(*)"
    " DESC LIMIT 1",
    "topic": "SELECT slug FROM topic WHERE state = 'published' ORDER BY id LIMIT 1",
    "suggested": "SELECT id FROM topic WHERE state = 'suggested' ORDER BY id LIMIT 1",
    "assigned": "SELECT id FROM topic WHERE state = 'assigned' ORDER BY due_on, id LIMIT 1",
    "settled": "SELECT id FROM round WHERE state = 'settled' ORDER BY id LIMIT 1",
    "open": "SELECT id FROM round WHERE state = 'open' ORDER BY id LIMIT 1",
    "campaign": "SELECT id FROM campaign ORDER BY id LIMIT 1",
    "patron": "SELECT account_id FROM subscription ORDER BY id LIMIT 1",
}

TRANSPARENT = (
    "INSERT INTO transparency_page (id, is_on, introductions) VALUES (1, true, '{}')"
    " ON CONFLICT DO NOTHING"
)


@pytest.fixture(scope="module")
def rows(system: System) -> dict[str, object]:
    system.rows(TRANSPARENT)
    return {name: system.scalar(statement) for name, statement in ROWS.items()}


@pytest.fixture(scope="module")
def windows(browser: Browser, system: System) -> Iterator[dict[str, Page]]:
    """One for each kind of person, who signs in once."""
    contexts = {
        who: browser.new_context(base_url=system.web, locale="en-GB", reduced_motion="reduce")
        for who in ("anyone", "patron", "staff")
    }
    pages = {who: context.new_page() for who, context in contexts.items()}
    for who, page in pages.items():
        page.set_default_timeout(30_000)
        watch(page, system)
        if who != "anyone":
            sign_in(page, system, f"{who}@kava.example")
    yield pages
    for context in contexts.values():
        context.close()


@pytest.mark.parametrize(
    ("who", "name", "path"),
    [
        (who, name, path)
        for who, pages in (("anyone", ANYONE), ("patron", PATRON), ("staff", STAFF))
        for name, path in pages.items()
    ],
)
def test_every_page_looks_finished(
    windows: dict[str, Page], rows: dict[str, object], who: str, name: str, path: str
) -> None:
    """[R6]"""
    windows[who].goto(path.format(**rows))
    look(windows[who], name)
