"""What the pages of campaigns say: of numbers, of what cannot be, and where they lead."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.campaigns import campaigns, sending
from membership.campaigns.audience import Audience
from membership.mail import refusals
from membership.seed.campaigns import DRAFT, SENT
from membership.staff.mail.campaigns import SHOWN
from tests import factories
from tests.campaigns import newsroom
from tests.campaigns.conftest import limit
from tests.campaigns.newsroom import REASON, path, text_of, typed
from tests.conftest import SignedIn

__all__ = ["limit"]


def test_one_patron_more_or_less_tells_an_editor_no_amount(
    session: Session, browser: FlaskClient, signed_in: SignedIn
) -> None:
    """[S8] Of an audience by amount editors see tens; finance sees each; others are exact."""
    people = [factories.patron(session) for _ in range(17)]
    refusals.refuse(session, people[0].email, "campaign")
    by_amount = newsroom.written(session, audience=Audience(currency="EUR", least_minor=400))
    without = newsroom.written(session)
    said = text_of(browser.get(path(by_amount)))
    assert "about 20 people" in said
    assert "will get none" not in said
    assert "about 20 people" in text_of(browser.get(path(by_amount, "schedule")))
    assert "17 people" in text_of(browser.get(path(without)))
    finance = signed_in(session, factories.staff(session, "finance"))
    assert "17 people" in text_of(finance.get(path(by_amount)))


def test_the_figures_of_letters_by_amount_are_rounded_too(
    session: Session, browser: FlaskClient, signed_in: SignedIn
) -> None:
    """[S8] On every page that an editor opens, and in its picture."""
    for _ in range(17):
        factories.patron(session)
    campaign = newsroom.begun(session, audience=Audience(currency="EUR", least_minor=400))
    rows = newsroom.letters(session, campaign)
    for number, row in enumerate(rows[:14]):
        row.state, row.settled_at = "failed" if number < 2 else "sent", clock.now()
    session.flush()
    said = text_of(browser.get(path(campaign, "progress")).text)
    for figure in ("Recipients about 20", "Sent about 10", "Failed fewer than 5", "100 % done"):
        assert figure in said
    assert "Sent about 10 Waiting fewer than 5" in text_of(browser.get(path(campaign, "pause")))
    assert "about 20 people" in text_of(browser.get("/staff/campaigns"))
    exactly = re.compile(r">\s*(17|12|2|3|82 %[^<]*)\s*<|width=\"70\.588%\"")
    for page in (path(campaign), path(campaign, "progress"), path(campaign, "stop")):
        assert not exactly.search(browser.get(page).text)
    finance = signed_in(session, factories.staff(session, "finance"))
    progress = finance.get(path(campaign, "progress")).text
    assert len(exactly.findall(progress)) == 6
    exact = text_of(progress)
    for figure in ("Recipients 17", "Sent 12", "Failed 2", "Waiting 3", "82 % done"):
        assert figure in exact


def test_nobody_and_somebody_look_the_same(session: Session, browser: FlaskClient) -> None:
    """[S8] [S10] Or an audience of one known person would tell what they give."""
    factories.patron(session, language="uk")
    written = [
        newsroom.written(session, audience=audience)
        for audience in (
            Audience(languages=("uk",), currency="EUR", least_minor=least) for least in (400, 900)
        )
    ]
    for campaign in written:
        assert "Fewer than 5 people" in text_of(browser.get(path(campaign, "schedule")))
        asked = {"now": "y", "seen": campaigns.fingerprint(campaign)}
        assert browser.post(path(campaign, "schedule"), data=asked).status_code == 303
        sending.advance(session, campaign.id)
        session.flush()
    said = [text_of(browser.get(path(campaign, "progress")).text) for campaign in written]
    assert all("Fewer than 5 people" in each for each in said)


@pytest.mark.parametrize("day", ["2026-13-01", "0000-01-01", "soon", "2026-01-01T00:00"])
@pytest.mark.parametrize("field", ["since", "until"])
def test_a_day_that_cannot_be_is_told_in_our_words(
    session: Session, browser: FlaskClient, field: str, day: str
) -> None:
    campaign = newsroom.written(session)
    seen = campaigns.fingerprint(campaign)
    for page in ("/staff/campaigns/new", path(campaign, "edit")):
        answer = browser.post(page, data=typed(**{field: day, "seen": seen}))
        assert (answer.status_code, "There is no such day." in answer.text) == (422, True)
        assert "Not a valid" not in answer.text


@pytest.mark.parametrize("time", ["9999-12-31T23:59", "0001-01-01T00:00"])
def test_the_first_and_the_last_minute_of_all_times_are_refused(
    session: Session, browser: FlaskClient, time: str
) -> None:
    factories.patron(session)
    campaign = newsroom.written(session)
    asked = {"starts_at": time, "seen": campaigns.fingerprint(campaign)}
    assert browser.post(path(campaign, "schedule"), data=asked).status_code == 422


def test_a_step_that_comes_too_late_leads_back_to_its_campaign(
    session: Session, browser: FlaskClient
) -> None:
    """[M3] In the back office, where one was."""
    factories.patron(session)
    campaign = newsroom.begun(session)
    answer = browser.get(path(campaign, "withdraw"))
    assert answer.status_code == 409
    assert 'class="staff-nav"' in answer.text
    assert f'href="{path(campaign)}"' in answer.text
    assert "To the stories" not in answer.text


def test_who_changed_it_second_can_look_at_what_the_first_made_of_it(
    session: Session, browser: FlaskClient
) -> None:
    """[M3]"""
    campaign = newsroom.written(session)
    answer = browser.post(path(campaign, "edit"), data=typed(title="Mine", seen="another"))
    assert (answer.status_code, "Mine" in answer.text) == (409, True)
    assert f'href="{path(campaign, "edit")}" target="_blank"' in answer.text


def test_a_stopped_campaign_is_not_done(session: Session, browser: FlaskClient) -> None:
    """[M3] Before and after it is said how many have it, and how many do not."""
    for _ in range(3):
        factories.patron(session)
    campaign = newsroom.begun(session)
    row = newsroom.letters(session, campaign)[0]
    row.state, row.settled_at = "sent", clock.now()
    session.flush()
    for step in ("pause", "stop"):
        assert "Sent 1 Waiting 2" in text_of(browser.get(path(campaign, step)))
    browser.post(path(campaign, "stop"), data={"reason": REASON})
    for page in (path(campaign), "/staff/campaigns"):
        said = text_of(browser.get(page))
        assert "1 of 3 sent" in said
        assert "% done" not in said


def test_who_may_not_approve_is_not_offered_to(
    session: Session, browser: FlaskClient, editor: Account, limit: Callable[[int], None]
) -> None:
    """[M3]"""
    limit(0)
    factories.patron(session)
    answer = browser.get(path(newsroom.scheduled(session, editor), "approve"))
    main = answer.text.partition("<main")[2]
    assert (answer.status_code, "ask somebody else" in main) == (403, True)
    assert "<form" not in main


def test_every_link_of_a_preview_leads_somewhere(session: Session, browser: FlaskClient) -> None:
    """[M7] The one that would unsubscribe, to one's own choice of mail."""
    campaign = newsroom.written(session, bodies={"en": "See [topics](/topics)."})
    shown = browser.get(path(campaign, "letter", "en")).text
    links = {
        unescape(each).removeprefix("http://localhost")
        for each in re.findall(r'<a [^>]*href="([^"]*)"', shown)
    }
    assert {"/topics", "/account/mail"} <= links
    for link in links:
        assert browser.get(link).status_code == 200


def test_older_campaigns_stand_on_the_next_page(session: Session, browser: FlaskClient) -> None:
    for number in range(SHOWN + 1):
        newsroom.written(session, title=f"Letter {number:03}")
    page = browser.get("/staff/campaigns").text
    assert "Letter 000" not in page
    (older,) = re.findall(r'href="(/staff/campaigns\?before=\d+)"', page)
    following = browser.get(older).text
    assert re.findall(r"Letter \d+", following) == ["Letter 000"]
    assert "before=" not in following


def test_the_demos_letters_name_no_gift_where_others_look() -> None:
    """[S10] A subject is seen on a locked screen."""
    for draft in (SENT, DRAFT):
        for subject in draft.subjects.values():
            assert not re.search(r"(?i)coffee|paid|gave|gift|кав|заплат|дар", subject)
