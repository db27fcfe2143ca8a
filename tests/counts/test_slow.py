"""Counts that are made in the background where there are very many accounts."""

import pytest
from sqlalchemy.orm import Session

from membership.counts import slow
from tests import factories
from tests.campaigns import newsroom
from tests.campaigns.newsroom import path, text_of
from tests.conftest import SignedIn

CALLED = "a count of the tests"


@pytest.fixture(autouse=True)
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were more accounts than can be counted while one waits."""
    monkeypatch.setattr(slow, "FEW", 0)


def test_a_count_is_made_once_and_told_with_its_time(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[L13] Nobody waits for it; however often it is asked for, it is made once."""
    factories.account(session)
    made: list[str] = []

    def count(_session: Session, question: slow.Question) -> tuple[int]:
        made.append(question["of"])
        return (len(made),)

    monkeypatch.setitem(slow._counts, CALLED, count)
    assert slow.latest(session, CALLED, {"of": "this"}) is None
    assert slow.latest(session, CALLED, {"of": "this"}) is None
    slow.make_due()
    slow.make_due()
    known = slow.latest(session, CALLED, {"of": "this"})
    assert known is not None
    assert (known.numbers, made) == ((1,), ["this"])
    assert slow.latest(session, CALLED, {"of": "that"}) is None


def test_one_that_fails_stops_no_other(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """[L7] It is tried again with the next wake-up."""
    factories.account(session)

    def count(_session: Session, question: slow.Question) -> tuple[int]:
        return (question["number"],)

    monkeypatch.setitem(slow._counts, CALLED, count)
    slow.latest(session, CALLED, {})
    slow.latest(session, CALLED, {"number": 3})
    slow.make_due()
    known = slow.latest(session, CALLED, {"number": 3})
    assert known is not None
    assert known.numbers == (3,)
    assert slow.latest(session, CALLED, {}) is None


def test_a_draft_says_how_many_it_is_for_once_they_are_counted(
    session: Session, signed_in: SignedIn
) -> None:
    """[L13] A page never waits for the count of a million; it says that it is being made."""
    browser = signed_in(session, factories.staff(session, "editor"))
    factories.patron(session)
    campaign = newsroom.written(session)
    assert "We are counting how many they are" in text_of(browser.get(path(campaign)))
    assert "We are counting how many they are" in text_of(browser.get(path(campaign, "schedule")))
    slow.make_due()
    assert "1 person" in text_of(browser.get(path(campaign)))
    assert "1 person" in text_of(browser.get(path(campaign, "schedule")))
