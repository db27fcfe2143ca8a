"""What the check list of a round says about secrecy and about the lot."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.staff.topics.checklist import Check, look_over
from membership.voting import drafts
from membership.voting.models import Round, Tally, Topic
from tests import factories

DAY = timedelta(days=1)


def rules(topics: list[Topic], **values) -> dict:
    times = {"opens_at": clock.now() + DAY, "closes_at": clock.now() + 8 * DAY}
    return {"title": "What next?", "topics": topics, "max_choices": 2} | times | values


def ideas(session: Session, number: int) -> list[Topic]:
    return [factories.topic(session, approved_at=factories.NOON) for _ in range(number)]


def check(session: Session, name: str, asked: dict, draft: Round | None = None) -> Check:
    draft_id = draft.id if draft else None
    meant = drafts.check(session, asked["topics"], draft_id, **without_topics(asked))
    checks = look_over(session, meant, asked["topics"], draft_id)
    return next(check for check in checks if check.name == name)


def without_topics(asked: dict) -> dict:
    return {name: value for name, value in asked.items() if name != "topics"}


@pytest.mark.parametrize(
    ("method", "most", "possible"),
    [("approval", 1, "12"), ("approval", 6, "2,509"), ("instant_runoff", 3, "1,464")],
)
def test_more_kinds_of_ballots_than_voters(
    session: Session, method: str, most: int, possible: str
) -> None:
    """[V8] A voter could be told to fill in one like no other, and be found by it afterwards."""
    asked = rules(ideas(session, 12), method=method, max_choices=most)
    for _ in range(11):
        factories.patron(session)
    few = check(session, "Secrecy", asked)
    assert (few.tone, f"{possible} different ballots" in few.text) == ("warning", True)
    assert "11 voters" in few.text
    factories.patron(session)
    assert check(session, "Secrecy", asked).tone == ("good" if most == 1 else "warning")


def test_so_many_voters_as_came_to_the_last_rounds_are_expected(session: Session) -> None:
    """[V8]"""
    asked = rules(ideas(session, 4), max_choices=1)
    for _ in range(5):
        factories.patron(session)
    assert check(session, "Secrecy", asked).tone == "good"
    past = factories.round_(session, state="settled")
    frozen = {"method": "approval", "version": 2, "digest": "", "result": {}}
    factories.add(session, Tally(round_id=past.id, ballots=3, **frozen))
    few = check(session, "Secrecy", asked)
    assert (few.tone, "3 voters" in few.text) == ("warning", True)


def test_who_builds_a_round_again_draws_another_lot(session: Session, editor: Account) -> None:
    """[V6] The log of deeds keeps each, and the check list counts them."""
    topics = ideas(session, 3)
    asked = rules(topics)
    assert check(session, "Tie seed", asked).tone == "good"
    for _ in range(2):
        drafts.cancel(session, drafts.create(session, actor=editor, **asked), editor)
    session.commit()
    again = check(session, "Tie seed", asked)
    assert again.tone == "warning"
    assert "2 times in the last 90 days" in again.text
    # A tie needs two topics.
    others = rules([topics[0], *ideas(session, 2)])
    assert check(session, "Tie seed", others).tone == "good"


def test_a_draft_itself_is_no_second_lot_until_its_topics_change(
    session: Session, editor: Account
) -> None:
    """[V6]"""
    topics = ideas(session, 3)
    draft = drafts.create(session, actor=editor, **rules(topics))
    session.commit()
    asked = rules(topics, title="And now?")
    assert check(session, "Tie seed", asked, draft).tone == "good"
    drafts.change(session, draft, editor, **asked)
    session.commit()
    assert check(session, "Tie seed", asked, draft).tone == "good"
    drafts.change(session, draft, editor, **rules(topics[:2]))
    session.commit()
    assert check(session, "Tie seed", rules(topics), draft).tone == "warning"


def test_lots_of_long_ago_are_not_counted(session: Session, editor: Account) -> None:
    asked = rules(ideas(session, 2), max_choices=1)
    with clock.fixed(clock.now() - 91 * DAY):
        drafts.cancel(session, drafts.create(session, actor=editor, **asked), editor)
        session.commit()
    assert check(session, "Tie seed", asked).tone == "good"
