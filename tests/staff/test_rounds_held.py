"""A round's page: turnout while it is open and nothing else; its result, and overruling it."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.voting import drafts, paper, rounds
from membership.voting.models import Ballot, Round, RoundOption, Tally, Topic
from tests import factories
from tests.conftest import SignedIn
from tests.pages import without_tokens

HOUR = timedelta(hours=1)


@pytest.fixture
def editor(session: Session) -> Account:
    return factories.staff(session, "editor", name="Olena Edits")


@pytest.fixture
def browser(session: Session, editor: Account, signed_in: SignedIn) -> FlaskClient:
    return signed_in(session, editor)


def opened(session: Session, **rules: Any) -> Round:
    now = clock.now()
    held = drafts.create(
        session,
        title="What next?",
        topics=[factories.topic(session) for _ in range(3)],
        opens_at=now - HOUR,
        closes_at=now + HOUR,
        actor=None,
        **rules,
    )
    rounds.advance(session, held.id)
    session.refresh(held)
    return held


def vote(session: Session, held: Round, topic: Topic, times: int = 1) -> None:
    for _ in range(times):
        rounds.cast(session, held.id, factories.patron(session).id, [topic.id])


def close(session: Session, held: Round) -> None:
    held.closes_at = clock.now() - HOUR / 2
    session.flush()


def settled(session: Session, held: Round) -> Round:
    close(session, held)
    while rounds.advance(session, held.id):
        pass
    session.refresh(held)
    return held


def shown(browser: FlaskClient, page: str) -> str:
    return without_tokens(browser.get(page).text)


def test_while_a_round_is_open_editors_see_how_many_voted_and_nothing_else(
    session: Session, browser: FlaskClient
) -> None:
    """[V4] [V13] [L20]"""
    held = opened(session)
    options = paper.options(session, held.id)
    vote(session, held, options[0])
    voters = [factories.patron(session) for _ in range(2)]
    pages = ["/staff/rounds", "/staff/topics?state=on_ballot", "/staff/series"]
    pages += [f"/staff/topics/{topic.id}" for topic in options]
    before = [shown(browser, page) for page in pages]
    first = shown(browser, f"/staff/rounds/{held.id}")
    assert "1 ballot so far, of 3 who may vote." in first
    for voter, topic in zip(voters, options[1:], strict=True):
        rounds.cast(session, held.id, voter.id, [topic.id])
    session.flush()
    assert [shown(browser, page) for page in pages] == before
    after = shown(browser, f"/staff/rounds/{held.id}")
    assert after == first.replace("1 ballot so far", "3 ballots so far")
    for voter in voters:
        rounds.cast(session, held.id, voter.id, [options[0].id])
    assert shown(browser, f"/staff/rounds/{held.id}") == after


def test_turnout_is_for_editors_and_only_while_the_round_is_open(
    session: Session, browser: FlaskClient, signed_in: SignedIn
) -> None:
    """[V4]"""
    held = opened(session)
    vote(session, held, paper.options(session, held.id)[0])
    close(session, held)
    assert "so far" not in browser.get(f"/staff/rounds/{held.id}").text
    for role in ("reporter", "finance"):
        other = signed_in(session, factories.staff(session, role))
        assert other.get(f"/staff/rounds/{held.id}").status_code == 403


def test_a_settled_round_says_what_is_next(session: Session, browser: FlaskClient) -> None:
    held = opened(session)
    winner, other, _last = paper.options(session, held.id)
    vote(session, held, winner, 8)
    vote(session, held, other, 4)
    settled(session, held)
    page = browser.get(f"/staff/rounds/{held.id}").text
    assert "12 ballots counted, of 12 who might have voted." in page
    assert f'href="/staff/topics/{winner.id}#next"' in page
    assert f'href="/staff/topics/{other.id}#next"' not in page
    writer = factories.staff(session, "reporter", name="Taras Writes")
    session.execute(
        update(Topic)
        .where(Topic.id == winner.id)
        .values(state="assigned", assigned_to_id=writer.id, due_on=date(2030, 5, 1))
    )
    page = browser.get(f"/staff/rounds/{held.id}").text
    assert "Taras Writes writes it." in page
    assert "Being written" in page
    assert "We are on it" not in page
    assert "1 May 2030" in page


def test_too_few_ballots_tell_only_what_was_chosen(session: Session, browser: FlaskClient) -> None:
    """[V8]"""
    held = opened(session)
    winner = paper.options(session, held.id)[0]
    vote(session, held, winner, 3)
    settled(session, held)
    page = browser.get(f"/staff/rounds/{held.id}").text
    assert winner.title in page
    assert "So few voted" in page
    assert "ballots counted" not in page


@pytest.mark.parametrize(
    ("rule", "said"), [("void", "the round is void"), ("advisory", "the result is advice")]
)
def test_a_missed_quorum_is_said(
    session: Session, browser: FlaskClient, rule: str, said: str
) -> None:
    """[V7]"""
    held = opened(session, quorum=5, quorum_rule=rule)
    vote(session, held, paper.options(session, held.id)[0])
    settled(session, held)
    page = browser.get(f"/staff/rounds/{held.id}").text
    assert said in page
    assert "Give it to a reporter" not in page
    assert "Take up a topic that was not chosen" in page


def test_advice_is_followed_not_overruled(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    """[V7] [V12]"""
    held = opened(session, quorum=5, quorum_rule="advisory")
    ahead, behind, _last = paper.options(session, held.id)
    vote(session, held, ahead)
    settled(session, held)
    assert "you follow it" in browser.get(f"/staff/topics/{ahead.id}").text
    assert "The vote went otherwise" in browser.get(f"/staff/topics/{behind.id}").text
    browser.post(f"/staff/rounds/{held.id}/overrule", data=overruling(ahead, editor))
    page = browser.get(f"/staff/rounds/{held.id}").text
    advice = page[page.index("Ahead were") : page.index("Taken up all the same")]
    assert "Olena Edits writes it." in advice
    assert "The court has opened it." in advice
    assert "The court has opened it." not in page.replace(advice, "")


def overruling(topic: Topic, writer: Account, /, **values: Any) -> dict[str, Any]:
    return {"topic": topic.id, "reporter": writer.id, "reason": "The court has opened it."} | values


def test_editors_overrule_with_a_reason_and_the_tally_stays(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    """[V12]"""
    held = opened(session)
    winner, other, _last = paper.options(session, held.id)
    vote(session, held, winner, 2)
    settled(session, held)
    form = browser.get(f"/staff/rounds/{held.id}").text.split("Take up a topic", 1)[1]
    firsts = re.findall(r"<select[^>]*>\s*<option (.*?)</option>", form)
    assert firsts == ['value="">–'] * 2
    assert " selected" not in form
    before = session.get_one(Tally, held.id).result
    answer = browser.post(f"/staff/rounds/{held.id}/overrule", data=overruling(other, editor))
    assert answer.status_code == 303
    session.refresh(other)
    assert (other.state, other.assigned_to_id) == ("assigned", editor.id)
    assert other.public_reason == "The court has opened it."
    session.expire_all()
    assert session.get_one(Tally, held.id).result == before
    assert winner.state == "selected"
    page = browser.get(f"/staff/rounds/{held.id}").text
    assert "The court has opened it." in page
    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert (entry.action, entry.actor_id) == ("topic.assigned", editor.id)
    assert entry.detail["from"] == "not_selected"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"reason": " "}, "Readers are owed a reason."),
        ({"reason": "x" * 501}, "under 500 characters"),
        ({"reporter": ""}, "Choose who writes it."),
        ({"reporter": 10**9}, "Not a valid choice"),
        ({"topic": ""}, "Choose a topic."),
        ({"topic": 10**9}, "Not a valid choice"),
        ({"topic": "x"}, "Choose a topic."),
        ({"due_on": "2020-01-01"}, "a day that is still to come"),
    ],
)
def test_overruling_wrongly_changes_nothing(
    session: Session, browser: FlaskClient, editor: Account, wrong: dict[str, Any], said: str
) -> None:
    """[V12]"""
    held = opened(session)
    winner, other, _last = paper.options(session, held.id)
    vote(session, held, winner)
    settled(session, held)
    data = overruling(other, editor, **wrong)
    answer = browser.post(f"/staff/rounds/{held.id}/overrule", data=data)
    assert (answer.status_code, said in answer.text) == (422, True)
    session.refresh(other)
    assert other.state == "not_selected"


def test_only_what_lost_a_settled_round_is_taken_up(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    """[V10] [V12] Not a winner, not a topic of another round, nothing before the end."""
    held, elsewhere = opened(session), opened(session)
    winner = paper.options(session, held.id)[0]
    page = f"/staff/rounds/{held.id}/overrule"
    assert browser.post(page, data=overruling(winner, editor)).status_code == 422
    vote(session, held, winner)
    settled(session, held)
    strange = paper.options(session, elsewhere.id)[0]
    for topic in (winner, strange):
        assert browser.post(page, data=overruling(topic, editor)).status_code == 422


def test_a_round_that_beat_forgot_is_settled_by_hand(
    session: Session, browser: FlaskClient
) -> None:
    """[L21]"""
    held = opened(session)
    vote(session, held, paper.options(session, held.id)[0])
    assert "Settle it now" not in browser.get(f"/staff/rounds/{held.id}").text
    close(session, held)
    assert "Settle it now" in browser.get(f"/staff/rounds/{held.id}").text
    assert browser.post(f"/staff/rounds/{held.id}/settle").status_code == 303
    session.refresh(held)
    assert held.state == "settled"
    assert "Settle it now" not in browser.get(f"/staff/rounds/{held.id}").text


def test_a_draft_that_beat_forgot_is_opened_by_hand(session: Session, browser: FlaskClient) -> None:
    """[L21]"""
    topics = [factories.topic(session) for _ in range(2)]
    held = factories.round_(session, topics, state="draft")
    page = browser.get(f"/staff/rounds/{held.id}").text
    assert "Open it now" in page
    assert "Take the draft back" in page, "if it cannot be opened"
    assert browser.post(f"/staff/rounds/{held.id}/settle").status_code == 303
    session.refresh(held)
    assert held.state == "open"


def test_what_is_not_due_is_not_settled(session: Session, browser: FlaskClient) -> None:
    """[V11]"""
    open_one, later = opened(session), factories.round_(session, state="draft")
    later.opens_at, later.closes_at = clock.now() + HOUR, clock.now() + 2 * HOUR
    over = settled(session, opened(session))
    for held, said in (
        (open_one, "Patrons can still vote"),
        (later, "has not opened yet"),
        (over, "its result stands"),
    ):
        answer = browser.post(f"/staff/rounds/{held.id}/settle")
        assert (answer.status_code, said in answer.text) == (409, True)


def test_why_a_round_cannot_be_settled_is_said(session: Session, browser: FlaskClient) -> None:
    """A ballot that names a topic which does not stand: nothing is changed."""
    held = opened(session)
    vote(session, held, paper.options(session, held.id)[0])
    strange = factories.topic(session)
    session.execute(update(Ballot).values(choices=[strange.id]))
    close(session, held)
    answer = browser.post(f"/staff/rounds/{held.id}/settle")
    assert answer.status_code == 409
    assert "names a topic that did not stand" in answer.text
    session.refresh(held)
    assert held.state == "open"
    assert session.get(Tally, held.id) is None


def test_there_is_no_page_of_a_round_that_is_not(session: Session, browser: FlaskClient) -> None:
    for act in ("", "/edit"):
        assert browser.get(f"/staff/rounds/{10**6}{act}").status_code == 404
    for act in ("/cancel", "/settle", "/overrule", "/edit"):
        assert browser.post(f"/staff/rounds/{10**30}{act}").status_code == 404
    assert session.scalars(select(RoundOption)).all() == []
