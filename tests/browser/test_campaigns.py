"""A letter to many, from its first word to the last that left, on a desk and on a phone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import watch
from tests.browser.looking import NARROW, WIDE, look
from tests.browser.steps import sign_in
from tests.system import System, wait_until

EDITOR = "editor@kava.example"
# Beat looks for what is due every twenty seconds.
SENT_WITHIN_MS = 120_000
TEXT = "Hello,\n\n[the harbour](/articles) has **news**.\n\n- read it\n- pass it on"


@contextmanager
def sent_away(system: System) -> Iterator[None]:
    """The mail server takes nothing meanwhile, so that all that is due waits."""
    system.mail.misbehave(answer=421)
    try:
        yield
    finally:
        system.mail.misbehave()
        system.rows("UPDATE mail_provider SET paused_until_at = now(), refusals = 0")


def all_left(system: System, campaign: str) -> bool:
    return not system.scalar(
        "SELECT count(*) FROM outbox_email WHERE campaign_id = :id AND settled_at IS NULL",
        id=campaign,
    )


def test_from_the_first_word_to_the_last_letter(
    page: Page, browser: Browser, system: System
) -> None:
    """[M3] [M7] [R6] Write, look, test, schedule, pause, go on; without reloading."""
    sign_in(page, system, EDITOR)
    name = "The harbour"
    page.goto("/staff/campaigns/new")
    page.get_by_label("Name, for us alone").fill(name)
    page.get_by_label("Subject, English").fill("News of the harbour")
    page.get_by_label("Text, English").fill(TEXT)
    page.get_by_label("gave once").check()
    look(page, "campaign-form", NARROW, WIDE)
    page.get_by_role("button", name="Save and look at it").click()

    # As mail: both parts.
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    campaign = page.url.rpartition("/")[2]
    letter = page.frame_locator("iframe")
    expect(letter.get_by_text("the harbour")).to_be_visible()
    expect(letter.get_by_role("listitem")).to_have_count(2)
    page.get_by_text("As text: English").click()
    expect(page.locator(".letter-text")).to_contain_text(f"the harbour ({system.web}/articles)")
    people = int(re.findall(r"(\d+) p", page.locator(".tile-figure").inner_text())[0])
    assert people > 0
    look(page, "campaign-draft", NARROW, WIDE)

    page.get_by_role("button", name="Send me a test").click()
    test = system.wait_for_mail(EDITOR, "Test: News of the harbour")
    assert "[the harbour]" not in test["text"]

    page.get_by_role("link", name="Schedule it").click()
    page.get_by_label("Start at once").check()
    look(page, "campaign-schedule", NARROW, WIDE)
    progress = page.locator("#progress")
    with sent_away(system):
        page.get_by_role("button", name="Schedule", exact=True).click()
        expect(progress).to_contain_text("being sent", timeout=SENT_WITHIN_MS)
        expect(page.get_by_role("link", name="Change it")).to_have_count(0)
        expect(page.get_by_text("counted again when it begins")).to_have_count(0)
        progress.get_by_role("link", name="Pause").click()
        look(page, "campaign-pause", NARROW, WIDE)
        page.get_by_label("Reason").fill("A word is missing.")
        page.get_by_role("button", name="Pause", exact=True).click()
        expect(progress).to_contain_text("held back")
        look(page, "campaign-paused", NARROW, WIDE)
    progress.get_by_role("link", name="Go on sending").click()
    page.get_by_role("button", name="Go on", exact=True).click()
    opened = page.evaluate("performance.timeOrigin")
    wait_until(lambda: all_left(system, campaign), "the last letter")
    system.wake("campaigns.advance")
    expect(progress).to_contain_text("finished", timeout=SENT_WITHIN_MS)
    # Another state is another page: what can be done, and what is said of the audience.
    assert page.evaluate("performance.timeOrigin") != opened
    look(page, "campaign-finished", NARROW, WIDE)

    became = {
        row["state"]: row["n"]
        for row in system.rows(
            "SELECT state, count(*) AS n FROM outbox_email WHERE campaign_id = :id GROUP BY state",
            id=campaign,
        )
    }
    assert sum(became.values()) == people
    assert became.keys() <= {"sent", "suppressed"}
    sent = [each for each in system.mail.messages() if "News of the harbour" in each["subject"]]
    reached = [each["to"] for each in sent if not each["subject"].startswith("Test:")]
    assert len(reached) == len(set(reached)) == became["sent"]

    page.goto("/staff/campaigns")
    expect(page.get_by_role("row", name=name)).to_contain_text("100 % done")
    look(page, "campaign-list", NARROW, WIDE)


@pytest.mark.parametrize("seen", [WIDE, NARROW])
def test_what_a_second_person_sees_and_what_can_become_of_letters(
    page: Page, system: System, seen: tuple[int, str]
) -> None:
    """[M3] [R6] The demo's two campaigns: one waits for approval, one has every end there is."""
    page.set_viewport_size({"width": seen[0], "height": 900})
    sign_in(page, system, EDITOR)
    (sent, draft) = system.rows("SELECT id FROM campaign ORDER BY id LIMIT 2")
    system.rows(
        "UPDATE campaign SET state = 'awaiting_approval', starts_at = now() + interval '1 day',"
        " written_by_id = NULL, changed_by_id = NULL WHERE id = :id",
        **draft,
    )
    page.goto(f"/staff/campaigns/{draft['id']}")
    look(page, "campaign-awaiting", seen)
    page.get_by_role("link", name="Approve it").click()
    expect(page.frame_locator("iframe").get_by_text("you have a say")).to_be_visible()
    expect(page.locator("main")).to_contain_text("never voted")
    look(page, "campaign-approve", seen)
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("#progress")).to_contain_text("scheduled")
    look(page, "campaign-scheduled", seen)

    # As it may stand in the middle of a bad day.
    system.rows("UPDATE campaign SET state = 'paused', finished_at = NULL WHERE id = :id", **sent)
    system.rows(
        "UPDATE outbox_email SET state = (ARRAY['failed', 'uncertain', 'pending'])[id % 13 + 1],"
        " settled_at = CASE WHEN id % 13 < 2 THEN settled_at END, next_attempt_at = NULL,"
        " bounced_at = NULL WHERE campaign_id = :id AND id % 13 < 3",
        **sent,
    )
    page.goto(f"/staff/campaigns/{sent['id']}")
    expect(page.locator("#progress")).to_contain_text("Maybe sent")
    look(page, "campaign-mixed", seen)
    page.goto("/staff/campaigns")
    look(page, "campaign-list-mixed", seen)
    system.rows(
        "UPDATE outbox_email SET state = 'sent', settled_at = coalesce(settled_at, now())"
        " WHERE campaign_id = :id AND state IN ('failed', 'uncertain', 'pending')",
        **sent,
    )
    system.rows(
        "UPDATE campaign SET state = 'finished', finished_at = now() WHERE id = :id", **sent
    )


def test_without_a_script_all_of_it_can_be_done(
    page: Page, browser: Browser, system: System
) -> None:
    """[R1] [M3] Confirmations are pages, and the figures come with the page."""
    sign_in(page, system, EDITOR)
    bare = browser.new_context(
        base_url=system.web,
        storage_state=page.context.storage_state(),
        java_script_enabled=False,
        locale="en-GB",
    )
    plain = bare.new_page()
    watch(plain, system)
    plain.goto("/staff/campaigns/new")
    plain.get_by_label("Name, for us alone").fill("By hand")
    plain.get_by_label("Subject, English").fill("A word")
    plain.get_by_label("Text, English").fill("Hello.")
    plain.get_by_role("button", name="Save and look at it").click()
    plain.get_by_role("link", name="Schedule it").click()
    plain.locator("[name=starts_at]").fill("2020-01-01T10:00")
    plain.get_by_role("button", name="Schedule", exact=True).click()
    expect(plain.get_by_role("alert")).to_contain_text("This time is over")
    year = system.scalar("SELECT to_char(now() + interval '30 days', 'YYYY-MM-DD\"T\"HH24:MI')")
    plain.locator("[name=starts_at]").fill(year)
    plain.get_by_role("button", name="Schedule", exact=True).click()
    expect(plain.locator("#progress")).to_contain_text("scheduled")
    plain.get_by_role("link", name="Withdraw it").click()
    plain.get_by_label("Reason").fill("Not yet.")
    plain.get_by_role("button", name="Withdraw it").click()
    expect(plain.locator("#progress")).to_contain_text("draft")
    expect(plain.locator(".timeline")).to_contain_text("Not yet.")
    bare.close()
