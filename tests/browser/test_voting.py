"""Ballots and results by keyboard alone, without scripts, on a phone, and in any time zone."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, Page, StorageState, expect
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.voting import rounds
from membership.voting.eligibility import may_take_part
from membership.voting.models import METHODS
from tests import factories
from tests.browser.conftest import watch
from tests.browser.looking import NARROW, WIDE, fits, is_accessible
from tests.browser.steps import sign_in
from tests.system import System, wait_until

TITLES = ("The heating bills", "The night trains", "The school roof", "The wells", "The returned")
# What is left of a desk's window at 200 %.
ZOOMED = (640, "light")
# Not on by default, for it is new in WCAG 2.2.
AXE = {"rules": {"target-size": {"enabled": True}}}

Hold = Callable[..., int]
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def patron(browser: Browser, system: System) -> StorageState:
    """The cookies of a patron who is signed in."""
    context = browser.new_context(base_url=system.web)
    context.set_default_timeout(30_000)
    sign_in(context.new_page(), system, "patron@kava.example")
    kept = context.storage_state()
    context.close()
    return kept


@contextmanager
def database(system: System) -> Iterator[Session]:
    with Session(system.engine) as session, session.begin():
        yield session


@pytest.fixture
def hold(system: System) -> Iterator[Hold]:
    """Open a round over five topics, about which nobody is written to; over after the test."""
    held: list[int] = []
    told = {f"{what}_told_at": datetime.now(UTC) for what in ("opening", "closing", "result")}

    def open_round(**values: Any) -> int:
        with database(system) as session:
            number = session.scalar(sa.text("SELECT coalesce(max(id), 0) FROM topic"))
            topics = [
                factories.topic(session, state="on_ballot", title=title, slug=f"voted-{each}")
                for each, title in enumerate(TITLES, number)
            ]
            held.append(factories.round_(session, topics, **(told | values)).id)
        return held[-1]

    yield open_round
    end = "UPDATE round SET closes_at = clock_timestamp() WHERE id = ANY(:ids) AND state = 'open'"
    system.rows(end, ids=held)


@pytest.fixture
def visit(browser: Browser, system: System, patron: StorageState) -> Iterator[Visit]:
    """Look at a page as the patron."""
    contexts = []

    def look(path: str, **options: Any) -> Page:
        context = browser.new_context(
            base_url=system.web, storage_state=patron, locale="en-GB", **options
        )
        contexts.append(context)
        page = context.new_page()
        watch(page, system)
        page.goto(path)
        return page

    yield look
    for context in contexts:
        context.close()


def choices(system: System, round_id: int) -> list[str]:
    """The titles on the one ballot of a round."""
    chosen = (
        "SELECT title FROM ballot, unnest(choices) WITH ORDINALITY AS chosen(topic_id, place)"
        " JOIN topic ON topic.id = topic_id WHERE round_id = :id ORDER BY place"
    )
    return [row["title"] for row in system.rows(chosen, id=round_id)]


def tab_to(page: Page, wanted: Locator) -> None:
    """Tab goes round and round through page and browser, whatever order a ballot has."""
    for _ in range(80):
        if wanted.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"the Tab key never came to {wanted}")


def press(page: Page, wanted: Locator, key: str) -> None:
    tab_to(page, wanted)
    page.keyboard.press(key)


def move(page: Page, what: str, title: str) -> Locator:
    return page.get_by_role("button", name=f"{what}: {title}", exact=True)


def box(page: Page, title: str) -> Locator:
    return page.get_by_role("checkbox", name=title, exact=True)


def place(page: Page, title: str) -> Locator:
    return page.get_by_role("combobox", name=f"Place {title}", exact=True)


def test_the_keyboard_alone_casts_a_vote(hold: Hold, visit: Visit, system: System) -> None:
    """[R6] [V2] Once all choices are made, the other boxes are closed."""
    number = hold(max_choices=2)
    page = visit(f"/rounds/{number}")
    for title in TITLES[1:3]:
        press(page, box(page, title), "Space")
    counter = page.get_by_role("status").filter(has_text="2 of 2 chosen")
    expect(counter).to_contain_text("To choose another, take one back first.")
    for title in (TITLES[0], *TITLES[3:]):
        expect(box(page, title)).to_be_disabled()
    press(page, page.get_by_role("button", name="Cast my vote"), "Enter")
    expect(page.locator("main")).to_contain_text("You have voted")
    assert choices(system, number) == list(TITLES[1:3])
    press(page, page.get_by_role("button", name="Take my vote back"), "Enter")
    expect(page.locator("main")).to_contain_text("Your vote is taken back.")
    assert choices(system, number) == []


def test_the_keyboard_alone_puts_topics_in_order(hold: Hold, visit: Visit, system: System) -> None:
    """[R6] [V2] The focus stays with what is moved, and each move is said."""
    trains, roof, wells = TITLES[1:4]
    number = hold(method="instant_runoff")
    page = visit(f"/rounds/{number}")
    said = page.locator(".rank-said")
    press(page, move(page, "Choose", roof), "Enter")
    expect(said).to_have_text(f"{roof}: place 1 of 1.")
    press(page, move(page, "Choose", trains), "Enter")
    expect(move(page, "Up", trains)).to_be_focused()
    page.keyboard.press("Enter")
    expect(said).to_have_text(f"{trains}: place 1 of 2.")
    expect(move(page, "Up", trains)).to_be_focused()
    page.keyboard.press("Enter")
    expect(said).to_have_text(f"{trains} is first already.")
    press(page, move(page, "Choose", wells), "Enter")
    press(page, move(page, "Down", roof), "Enter")
    expect(said).to_have_text(f"{roof}: place 3 of 3.")
    assert page.locator(".option-title").all_inner_texts()[:3] == [trains, wells, roof]
    press(page, move(page, "Choose", TITLES[0]), "Enter")
    expect(said).to_contain_text("All places are taken.")
    press(page, move(page, "Take it off", wells), "Enter")
    expect(said).to_have_text(f"{wells}: not chosen any more.")
    expect(move(page, "Choose", wells)).to_be_focused()
    page.keyboard.press("Enter")
    press(page, move(page, "Up", wells), "Enter")
    expect(said).to_have_text(f"{wells}: place 2 of 3.")
    press(page, page.get_by_role("button", name="Cast my vote"), "Enter")
    expect(page.locator("main")).to_contain_text("You have voted")
    assert choices(system, number) == [trains, wells, roof]
    expect(place(page, wells)).to_have_value("2")


def test_numbers_move_topics_as_well(hold: Hold, visit: Visit, system: System) -> None:
    """[V2] What is pushed off the list is said, so that never more than allowed are chosen."""
    bills, trains, roof = TITLES[:3]
    number = hold(method="instant_runoff", max_choices=2)
    page = visit(f"/rounds/{number}")
    places = {title: place(page, title) for title in TITLES}
    places[bills].select_option("2")
    expect(places[bills]).to_have_value("1")
    places[trains].select_option("1")
    expect(places[bills]).to_have_value("2")
    expect(page.locator(".ballot-counter")).to_contain_text("2 of 2 chosen")
    places[roof].select_option("1")
    expect(page.locator(".rank-said")).to_have_text(
        f"{roof}: place 1 of 2. {bills}: not chosen any more."
    )
    places[trains].select_option("Not chosen")
    page.get_by_role("button", name="Cast my vote").click()
    expect(page.locator("main")).to_contain_text("You have voted")
    assert choices(system, number) == [roof]


def test_everything_works_without_scripts(hold: Hold, visit: Visit, system: System) -> None:
    """[R6] [V2] The server then counts, and what was refused is still there."""
    number = hold(max_choices=1)
    page = visit(f"/rounds/{number}", java_script_enabled=False)
    for title in TITLES[:2]:
        box(page, title).check()
    page.get_by_role("button", name="Cast my vote").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose at least one and at most 1")
    expect(box(page, TITLES[0])).to_be_checked()
    box(page, TITLES[0]).uncheck()
    page.get_by_role("button", name="Cast my vote").click()
    expect(page.locator("main")).to_contain_text("You have voted")
    assert choices(system, number) == [TITLES[1]]

    number = hold(method="instant_runoff")
    page = visit(f"/rounds/{number}", java_script_enabled=False)
    expect(page.locator("time[data-moment]").first).to_have_text(re.compile(r"\d\d:\d\d EES?T$"))
    for title, entered in zip(TITLES, ("3", "1", "1"), strict=False):
        place(page, title).select_option(entered)
    page.get_by_role("button", name="Cast my vote").click()
    expect(page.get_by_role("alert")).to_contain_text("Two topics have place 1")
    place(page, TITLES[2]).select_option("2")
    page.get_by_role("button", name="Cast my vote").click()
    expect(page.locator("main")).to_contain_text("You have voted")
    assert choices(system, number) == [TITLES[1], TITLES[2], TITLES[0]]


@pytest.mark.parametrize(
    ("zone", "named"),
    [
        ("Asia/Tokyo", "Japan Standard Time"),
        ("UTC", "Coordinated Universal Time"),
        ("Europe/Kyiv", r"Eastern European (Standard|Summer) Time"),
    ],
)
def test_the_end_stands_in_the_readers_own_time_zone(
    hold: Hold, visit: Visit, system: System, zone: str, named: str
) -> None:
    number = hold()
    page = visit(f"/rounds/{number}", timezone_id=zone)
    end = system.scalar("SELECT closes_at FROM round WHERE id = :id", id=number)
    there = end.astimezone(ZoneInfo(zone))
    said = re.compile(f"^{there.day} {there:%B %Y, %H:%M} {named}$")
    expect(page.locator("time[data-moment]").first).to_have_text(said)


def test_ballots_and_results_are_for_everyone(hold: Hold, visit: Visit, system: System) -> None:
    """[R6] axe finds nothing, and nothing is wider than its window: large, on a phone, at 200 %."""
    paths = [f"/rounds/{hold()}", f"/rounds/{hold(method='instant_runoff')}"]
    paths += [f"/rounds/{counted(system, hold(method=method))}/result" for method in METHODS]
    for path in paths:
        page = visit(path, reduced_motion="reduce")
        page.wait_for_load_state("networkidle")
        if not path.endswith("result"):
            page.locator(".option-box, [data-move=choose]").first.click()
        for more in page.locator("details.more").all():
            more.locator("summary").click()
        for width, scheme in (WIDE, NARROW, ZOOMED):
            fits(page, path.strip("/").replace("/", "-"), width, scheme)
            is_accessible(page, **AXE)


def counted(system: System, number: int) -> int:
    """A round in which patrons have voted, and whose end has come; beat and worker settle it."""
    with database(system) as session:
        wanted = sa.select(Account.id).where(may_take_part(Account.id)).order_by(Account.id)
        topics = sa.text("SELECT array_agg(topic_id) FROM round_option WHERE round_id = :id")
        ids = session.scalar(topics, {"id": number})
        for nth, voter in enumerate(session.scalars(wanted.limit(12))):
            rounds.cast(session, number, voter, [ids[nth % 4], ids[-1]])
    system.rows("UPDATE round SET closes_at = clock_timestamp() WHERE id = :id", id=number)
    state = "SELECT state FROM round WHERE id = :id"
    wait_until(lambda: system.scalar(state, id=number) == "settled", "the settled round")
    return number
