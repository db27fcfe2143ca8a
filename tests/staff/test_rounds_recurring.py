"""The pages of recurring rounds: setting one up, what it would build next, switching it off."""

from datetime import time, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.voting import series
from membership.voting.models import RoundSeries
from tests import factories
from tests.conftest import SignedIn


def asked(**values: Any) -> dict[str, Any]:
    return {
        "title": "What next?",
        "day": 5,
        "opens_at": "09:30",
        "days": 7,
        "topics": 4,
        "method": "approval",
        "max_choices": 3,
        "seats": 1,
        "quorum": 20,
        "quorum_rule": "advisory",
        "tie_rule": "earliest",
    } | values


def known(session: Session) -> RoundSeries:
    return session.scalars(select(RoundSeries)).one()


def approved(session: Session, **values: Any) -> None:
    factories.topic(session, approved_at=clock.now(), **values)


def test_without_one_the_page_says_what_it_would_do(browser: FlaskClient) -> None:
    page = browser.get("/staff/series").text
    assert "No recurring round yet" in page
    assert 'href="/staff/series/new"' in page
    assert 'href="/staff/series"' in browser.get("/staff/rounds").text


def test_one_is_set_up_and_shows_what_it_would_build(
    session: Session, browser: FlaskClient
) -> None:
    approved(session, title="Who owns the market?")
    approved(session, title="Where does the river go?")
    factories.topic(session, title="Nobody has read this")
    answer = browser.post("/staff/series/new", data=asked())
    assert (answer.status_code, answer.location) == (303, "/staff/series")
    made = known(session)
    assert (made.day, made.opens_at, made.days, made.topics) == (5, time(9, 30), 7, 4)
    assert (made.quorum, made.quorum_rule, made.tie_rule) == (20, "advisory", "earliest")
    page = browser.get("/staff/series").text
    next_round = series.upcoming(session, made)
    assert f"“{next_round.title}”" in page
    assert "day 5 of each month, at 09:30 (Europe/Kyiv)" in page
    assert "Who owns the market?" in page
    assert "Nobody has read this" not in page


def test_too_few_topics_are_said(session: Session, browser: FlaskClient) -> None:
    browser.post("/staff/series/new", data=asked())
    approved(session)
    assert "Too few approved suggestions" in browser.get("/staff/series").text
    approved(session)
    assert "Too few approved suggestions" not in browser.get("/staff/series").text


def test_what_is_built_can_be_found_and_taken_back(
    session: Session, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "AHEAD", timedelta(days=40))
    for _ in range(2):
        approved(session)
    browser.post("/staff/series/new", data=asked())
    (draft_id,) = series.build_due()
    assert f'href="/staff/rounds/{draft_id}"' in browser.get("/staff/series").text
    page = browser.get(f"/staff/rounds/{draft_id}").text
    assert "it is not built again this month" in page
    assert browser.post(f"/staff/rounds/{draft_id}/cancel").status_code == 303
    assert f"/staff/rounds/{draft_id}" not in browser.get("/staff/series").text


def test_one_is_changed_and_switched_off_and_on(session: Session, browser: FlaskClient) -> None:
    browser.post("/staff/series/new", data=asked())
    made = known(session)
    page = browser.get(f"/staff/series/{made.id}").text
    for value in ("What next?", "09:30", "20"):
        assert f'value="{value}"' in page
    data = asked(method="instant_runoff", day=28)
    assert browser.post(f"/staff/series/{made.id}", data=data).status_code == 303
    session.refresh(made)
    assert (made.method, made.day, made.is_active) == ("instant_runoff", 28, True)
    for switch, is_active in (("off", False), ("off", False), ("on", True)):
        assert browser.post(f"/staff/series/{made.id}/{switch}").status_code == 303
        session.refresh(made)
        assert made.is_active is is_active
        words = "Switch it off" if is_active else "Switch it on"
        assert words in browser.get("/staff/series").text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"title": ""}, "A round needs a title."),
        ({"title": " "}, "A round needs a title."),
        ({"day": 29}, "From 1 to 28."),
        ({"day": "last"}, "Not a valid integer value"),
        ({"opens_at": ""}, "Say at what time it opens."),
        ({"opens_at": "noon"}, "Not a valid time value"),
        ({"days": 0}, "From 1 to 28."),
        ({"topics": 1}, "From 2 to 20."),
        ({"max_choices": 5}, "no more than stand: 4"),
        ({"seats": 4}, "fewer win than stand"),
        ({"method": "instant_runoff", "seats": 2}, "exactly one topic"),
        ({"quorum": 2**31}, "From 1 to"),
        ({"tie_rule": "loudest"}, "Not a valid choice"),
    ],
)
def test_a_wrong_one_is_said_and_changes_nothing(
    session: Session, browser: FlaskClient, wrong: dict[str, Any], sentence: str
) -> None:
    answer = browser.post("/staff/series/new", data=asked(**wrong))
    assert (answer.status_code, sentence in answer.text) == (422, True)
    assert session.scalar(select(RoundSeries)) is None
    browser.post("/staff/series/new", data=asked())
    made = known(session)
    answer = browser.post(f"/staff/series/{made.id}", data=asked(**wrong))
    assert (answer.status_code, sentence in answer.text) == (422, True)
    session.expire_all()
    assert (made.title, made.day, made.seats, made.quorum) == ("What next?", 5, 1, 20)


def test_there_is_no_page_of_one_that_is_not(session: Session, browser: FlaskClient) -> None:
    for number in (10**6, 10**30):
        assert browser.get(f"/staff/series/{number}").status_code == 404
    assert browser.post("/staff/series/1000000/off").status_code == 404
    assert browser.post("/staff/series/1000000/perhaps").status_code == 404


@pytest.mark.parametrize("role", ["reporter", "finance", None])
def test_editors_alone_set_them_up(session: Session, signed_in: SignedIn, role: str | None) -> None:
    """[S8]"""
    made = factories.add(
        session,
        RoundSeries(title="What next?", day=5, opens_at=time(9), days=7),
    )
    who = factories.staff(session, role) if role else factories.patron(session)
    browser = signed_in(session, who)
    for page in ("/staff/series", "/staff/series/new", f"/staff/series/{made.id}"):
        assert browser.get(page).status_code == 403
    for page in ("/staff/series/new", f"/staff/series/{made.id}", f"/staff/series/{made.id}/off"):
        assert browser.post(page, data=asked()).status_code == 403
    session.refresh(made)
    assert made.is_active


def test_who_is_not_signed_in_is_asked_to(session: Session, browser: FlaskClient) -> None:
    browser.post("/sign-out")
    for page in ("/staff/series", "/staff/rounds", "/staff/rounds/new"):
        assert browser.get(page).status_code in (302, 303)
