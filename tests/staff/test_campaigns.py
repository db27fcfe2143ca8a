"""Campaigns in the back office: writing, looking, scheduling, approving, pausing, stopping."""

import re
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.campaigns import campaigns, sending
from membership.campaigns.audience import Audience
from membership.campaigns.models import STATES, Campaign
from membership.mail import refusals
from membership.mail.models import OutboxEmail, Suppression
from membership.voting.models import Turnout
from tests import factories
from tests.campaigns import newsroom
from tests.campaigns.conftest import limit
from tests.campaigns.newsroom import REASON, path, text_of, typed
from tests.conftest import SignedIn

__all__ = ["limit"]

STEPS = ("schedule", "withdraw", "approve", "pause", "resume", "stop")
# As the rules have it; what changes it beside these steps is editing.
KNOWN = {
    "draft": {"schedule", "edit"},
    "awaiting_approval": {"withdraw", "approve", "edit"},
    "scheduled": {"withdraw", "edit"},
    "sending": {"pause", "stop"},
    "paused": {"resume", "stop"},
    "stopped": set(),
    "finished": set(),
}


def the_campaign(session: Session) -> Campaign:
    return session.scalars(select(Campaign).execution_options(populate_existing=True)).one()


def test_a_draft_is_written_and_looked_at(session: Session, browser: FlaskClient) -> None:
    """[M3] [M7] Its letter is shown as mail: subject, HTML part, text part."""
    factories.patron(session)
    answer = browser.post("/staff/campaigns/new", data=typed())
    campaign = the_campaign(session)
    assert (answer.status_code, answer.location) == (303, path(campaign))
    page = text_of(browser.get(path(campaign)))
    assert "1 person" in page
    assert "We have news." in page
    letter = browser.get(path(campaign, "letter", "en"))
    assert "<em>news</em>" in letter.text
    policy = letter.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert browser.get(path(campaign, "letter", "uk")).status_code == 404


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"title": ""}, "Give it a name"),
        ({"subject_en": " "}, "It needs a subject."),
        ({"body_en": ""}, "It needs a text."),
        ({"subject_uk": "Лист"}, "It needs a text."),
        ({"body_en": "![me](https://a.example/me.png)"}, "Letters have no pictures"),
        ({"least": "5"}, "Choose the currency"),
        ({"least": "five", "currency": "EUR"}, "Please write the amount as a number"),
        ({"least": "9", "most": "5", "currency": "EUR"}, "less than “at least”"),
        ({"most": "9" * 30, "currency": "EUR"}, "Please write the amount as a number"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "lies before"),
        ({"until": "9999-12-31"}, "Is the year right?"),
        ({"votes": "round:7"}, "Not a valid choice"),
        ({"standings": "rich"}, "not a valid choice"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    session: Session, browser: FlaskClient, values: dict[str, str], said: str
) -> None:
    answer = browser.post("/staff/campaigns/new", data=typed(**values))
    assert answer.status_code == 422
    assert said in answer.text
    assert "We have *news*." in answer.text or "body_en" in values
    assert session.scalars(select(Campaign)).all() == []


def test_an_audience_comes_back_as_it_was_chosen(session: Session, browser: FlaskClient) -> None:
    held = factories.round_(session, state="settled", title="What in March?")
    chosen = {
        "standings": ["current", "grace"],
        "languages": ["uk"],
        "interval": "month",
        "currency": "EUR",
        "least": "4",
        "most": "12.50",
        "since": "2026-01-02",
        "until": "2026-03-04",
        "votes": f"round:{held.id}",
    }
    browser.post("/staff/campaigns/new", data=typed(**chosen))
    campaign = the_campaign(session)
    assert Audience.model_validate(campaign.audience) == Audience(
        standings=("current", "grace"),
        languages=("uk",),
        interval="month",
        currency="EUR",
        least_minor=400,
        most_minor=1250,
        since="2026-01-02",
        until="2026-03-04",
        voted_in=held.id,
    )
    form = browser.get(path(campaign, "edit")).text
    for value in ("4.00", "12.50", "2026-01-02", "2026-03-04"):
        assert f'value="{value}"' in form
    assert form.count(" checked") == 3
    assert f'selected value="round:{held.id}"' in form
    said = text_of(browser.get(path(campaign)))
    assert "€4 to €12.50" in said
    assert "What in March?" in said


def test_the_count_says_who_gets_none(session: Session, browser: FlaskClient) -> None:
    """[M4] They are in the audience, and are written to by nobody."""
    people = [factories.patron(session) for _ in range(5)]
    refusals.refuse(session, people[0].email, "campaign")
    refusals.pause(session, people[1].email, None)
    session.add(Suppression(address=people[2].email, reason="complaint"))
    session.flush()
    said = text_of(browser.get(path(newsroom.written(session))))
    assert "5 people" in said
    assert (
        "3 of them will get none "
        "(no such letters wanted: 1; all letters paused: 1; address blocked: 1)." in said
    )


def test_a_number_that_would_tell_an_amount_is_for_finance(
    session: Session, browser: FlaskClient, signed_in: SignedIn
) -> None:
    """[S8] [S10]"""
    factories.patron(session)
    campaign = newsroom.written(session, audience=Audience(tier="coffee"))
    assert "Fewer than 5 people" in text_of(browser.get(path(campaign)))
    writer = session.get_one(Account, campaign.written_by_id)
    campaigns.schedule(session, campaign, writer, clock.now())
    sending.advance(session, campaign.id)
    session.flush()
    for page in (path(campaign), path(campaign, "progress"), "/staff/campaigns"):
        said = browser.get(page).text
        assert "ewer than 5 people" in said
        assert "Recipients</dt>" not in said
        assert "% done" not in said
    finance = signed_in(session, factories.staff(session, "finance"))
    assert "1 person" in text_of(finance.get("/staff/campaigns"))


def test_scheduled_at_a_time_in_the_newsrooms_zone(session: Session, browser: FlaskClient) -> None:
    """[M3]"""
    factories.patron(session)
    campaign = newsroom.written(session)
    at = (clock.now() + timedelta(days=2)).astimezone(ZoneInfo("Europe/Kyiv"))
    at = at.replace(second=0, microsecond=0)
    seen = campaigns.fingerprint(campaign)
    asked = {"starts_at": f"{at:%Y-%m-%dT%H:%M}", "seen": seen}
    assert "1 person" in text_of(browser.get(path(campaign, "schedule")))
    assert browser.post(path(campaign, "schedule"), data=asked).status_code == 303
    campaign = the_campaign(session)
    assert (campaign.state, campaign.starts_at) == ("scheduled", at)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "Say when, or let it start now."),
        ({"starts_at": "2020-01-01T10:00"}, "This time is over"),
        ({"starts_at": "9998-01-01T10:00"}, "more than a year ahead"),
        ({"starts_at": "soon"}, "There is no such time."),
    ],
)
def test_a_time_that_cannot_be_is_refused(
    session: Session, browser: FlaskClient, values: dict[str, str], said: str
) -> None:
    factories.patron(session)
    campaign = newsroom.written(session)
    seen = {"seen": campaigns.fingerprint(campaign)}
    answer = browser.post(path(campaign, "schedule"), data=values | seen)
    assert (answer.status_code, said in answer.text) == (422, True)
    assert the_campaign(session).state == "draft"


def test_nobody_is_told_and_nothing_is_scheduled(session: Session, browser: FlaskClient) -> None:
    campaign = newsroom.written(session)
    asked = {"now": "y", "seen": campaigns.fingerprint(campaign)}
    answer = browser.post(path(campaign, "schedule"), data=asked)
    assert (answer.status_code, "Nobody is in this audience" in answer.text) == (409, True)


def test_what_was_changed_meanwhile_is_neither_scheduled_nor_overwritten(
    session: Session, browser: FlaskClient
) -> None:
    """[M3]"""
    factories.patron(session)
    campaign = newsroom.written(session)
    stale = {"seen": campaigns.fingerprint(campaign)}
    campaigns.change(session, campaign, factories.staff(session), newsroom.draft(title="Theirs"))
    assert browser.post(path(campaign, "schedule"), data={"now": "y"} | stale).status_code == 409
    changed = browser.post(path(campaign, "edit"), data=typed(title="Mine") | stale)
    assert (changed.status_code, "Mine" in changed.text) == (409, True)
    kept = the_campaign(session)
    assert (kept.state, kept.title) == ("draft", "Theirs")


def test_a_second_person_approves(
    session: Session,
    browser: FlaskClient,
    editor: Account,
    signed_in: SignedIn,
    limit: Callable[[int], None],
) -> None:
    """[M3] Who wrote it is told to ask somebody else."""
    limit(0)
    factories.patron(session)
    campaign = newsroom.scheduled(session, editor)
    seen = {"seen": campaigns.fingerprint(campaign)}
    own = browser.post(path(campaign, "approve"), data=seen)
    assert (own.status_code, "ask somebody else" in own.text) == (403, True)
    assert path(campaign, "approve") not in browser.get(path(campaign)).text
    other = signed_in(session, factories.staff(session, "admin"))
    assert path(campaign, "approve") in other.get(path(campaign)).text
    assert other.post(path(campaign, "approve"), data=seen).status_code == 303
    assert the_campaign(session).state == "scheduled"


def test_what_is_agreed_to_stands_on_the_page(
    session: Session, editor: Account, signed_in: SignedIn, limit: Callable[[int], None]
) -> None:
    """[M3] Words, audience and beginning; who presses what stood there before is shown the new."""
    limit(0)
    factories.patron(session)
    campaign = newsroom.scheduled(session, editor, audience=Audience(languages=("en",)))
    second = signed_in(session, factories.staff(session, "admin"))
    asked = second.get(path(campaign, "approve"))
    for shown in ("A word from us", "We have news.", "Language English", "1 person", "Starts"):
        assert shown in text_of(asked)
    seen = {"seen": campaigns.fingerprint(campaign)}
    campaigns.change(session, campaign, editor, newsroom.draft(bodies={"en": "Quite other news."}))
    campaigns.schedule(session, campaign, editor, clock.now())
    session.flush()
    refused = second.post(path(campaign, "approve"), data=seen)
    assert refused.status_code == 409
    assert "Read it again first." in text_of(refused)
    assert "Quite other news." in text_of(refused)
    assert the_campaign(session).state == "awaiting_approval"
    (again,) = re.findall(r'name="seen"[^>]* value="(\w+)"', refused.text)
    assert second.post(path(campaign, "approve"), data={"seen": again}).status_code == 303
    assert the_campaign(session).state == "scheduled"


def test_an_audience_that_would_tell_who_voted_is_not_counted_out(
    session: Session, signed_in: SignedIn, browser: FlaskClient
) -> None:
    """[V8] [S10] Not to finance either; and nothing is scheduled."""
    held = factories.round_(session, state="settled")
    voter = factories.patron(session)
    session.add(Turnout(round_id=held.id, account_id=voter.id))
    some, none = (
        newsroom.written(session, audience=Audience(voted_in=held.id, languages=(language,)))
        for language in ("en", "uk")
    )
    for campaign in (some, none):
        assert "Fewer than 5 people" in text_of(browser.get(path(campaign)))
        asked = {"now": "y", "seen": campaigns.fingerprint(campaign)}
        answer = browser.post(path(campaign, "schedule"), data=asked)
        assert (answer.status_code, "would tell who voted" in answer.text) == (409, True)
        assert session.get_one(Campaign, campaign.id).state == "draft"
    finance = signed_in(session, factories.staff(session, "finance"))
    assert "Fewer than 5 people" in text_of(finance.get(path(some)))


@pytest.mark.parametrize("state", STATES)
def test_every_step_that_the_rules_do_not_know_is_409(
    session: Session, browser: FlaskClient, state: str
) -> None:
    """[M3] With a sentence, by GET and by POST, and nothing is another thing."""
    factories.patron(session)
    campaign = newsroom.written(session)
    campaign.state, campaign.starts_at = state, factories.NOON
    session.flush()
    for step in {*STEPS, "edit"} - KNOWN[state]:
        for answer in (
            browser.get(path(campaign, step)),
            browser.post(path(campaign, step), data={"reason": REASON, "now": "y"}),
        ):
            assert answer.status_code == 409
            assert "This campaign" in text_of(answer)
    assert the_campaign(session).state == state


def test_pausing_and_stopping_want_a_reason(session: Session, browser: FlaskClient) -> None:
    """[S9]"""
    factories.patron(session)
    campaign = newsroom.begun(session)
    for step in ("pause", "stop"):
        assert browser.post(path(campaign, step), data={"reason": " "}).status_code == 422
    assert the_campaign(session).state == "sending"
    assert browser.post(path(campaign, "pause"), data={"reason": REASON}).status_code == 303
    assert browser.post(path(campaign, "resume")).status_code == 303
    assert browser.post(path(campaign, "stop"), data={"reason": REASON}).status_code == 303
    session.commit()
    said = text_of(browser.get(path(campaign)))
    assert f"Hanna: {REASON}" in said
    assert "Not sent any more 1" in said


def test_progress_says_what_became_of_each(session: Session, browser: FlaskClient) -> None:
    """[M3]"""
    for _ in range(6):
        factories.patron(session)
    campaign = newsroom.begun(session)
    rows = newsroom.letters(session, campaign)
    for row, state in zip(
        rows, ("sent", "sent", "failed", "suppressed", "uncertain"), strict=False
    ):
        row.state, row.settled_at = state, clock.now()
    rows[0].bounced_at = clock.now()
    session.flush()
    piece = browser.get(path(campaign, "progress")).text
    said = text_of(piece)
    for figure in (
        "Recipients 6",
        "Sent 2 1 of them came back",
        "Failed 1",
        "Suppressed 1",
        "Maybe sent 1",
        "Waiting 1",
        "83 % done",
    ):
        assert figure in said
    assert "data-live" in piece
    newsroom.settle(session, campaign)
    sending.advance(session, campaign.id)
    session.flush()
    assert "data-live" not in browser.get(path(campaign, "progress")).text


def test_a_test_is_sent_to_whoever_asks(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    """[M3]"""
    campaign = newsroom.written(session)
    assert browser.post(path(campaign, "test")).status_code == 303
    sent = session.scalars(select(OutboxEmail)).one()
    assert (sent.kind, sent.recipient) == ("campaign_test", editor.email)


@pytest.mark.parametrize(("role", "looks"), [("finance", 200), ("reporter", 403)])
def test_who_may_look_and_who_may_act(
    session: Session, signed_in: SignedIn, role: str, looks: int
) -> None:
    """[S8] Finance looks on; reporters do not."""
    campaign = newsroom.written(session)
    browser = signed_in(session, factories.staff(session, role))
    for page in ("/staff/campaigns", path(campaign), path(campaign, "progress")):
        assert browser.get(page).status_code == looks
    for page in ("/staff/campaigns/new", path(campaign, "edit"), path(campaign, "test")):
        assert browser.post(page, data=typed()).status_code == 403
    for step in STEPS:
        assert browser.post(path(campaign, step), data={"now": "y"}).status_code == 403
