"""A patron in two hundred places at once, and servers whose own clock is wrong."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import sign_in
from membership.db import transaction
from membership.mail.models import OutboxEmail
from membership.voting import paper, rounds
from membership.voting.models import Ballot, Round, Tally
from tests import factories
from tests.conftest import SignedIn
from tests.voting.crawl import FORMS, crawl, differences, pages

HOUR = timedelta(hours=1)
PLACES = 200


@pytest.mark.parametrize("method", ["approval", "instant_runoff"])
def test_two_hundred_votes_of_one_patron_are_one_ballot(
    app: Flask, committed: Engine, client: FlaskClient, method: str
) -> None:
    """[V1] [L19] Whichever came last stands; one answer says it is new, the others changed it."""
    with transaction() as session:
        voter = factories.patron(session)
        held = factories.round_(session, method=method)
        options = [topic.id for topic in paper.options(session, held.id)]
        token = sign_in.open_sign_in(session, voter)
    wishes = [[options[number % 3], options[(number + 1) % 3]] for number in range(PLACES)]
    ready = Barrier(PLACES)

    def vote(wish: list[int]) -> tuple[int, str]:
        browser = app.test_client()
        with browser.session_transaction() as cookie:
            cookie.update({"_user_id": token, "_fresh": True})
        ready.wait(60)
        answer = browser.post(f"/rounds/{held.id}", data={"choice": wish})
        with browser.session_transaction() as cookie:
            ((_, said),) = cookie["_flashes"]
        return answer.status_code, said

    with ThreadPoolExecutor(PLACES) as crowd:
        answers = Counter(crowd.map(vote, wishes))
    first, again = (303, "Your vote is in."), (303, "Your vote is changed.")
    assert answers == {first: 1, again: PLACES - 1}
    with transaction() as session:
        (ballot,) = session.scalars(select(Ballot)).all()
    assert ballot.account_id == voter.id
    wanted = wishes if method == "instant_runoff" else [sorted(wish) for wish in wishes]
    assert ballot.choices in wanted


# How far the application's clock is from the database's.
WRONG = [-2 * HOUR, 2 * HOUR]


def vote(browser: FlaskClient, held: Round, choice: int) -> int:
    return browser.post(f"/rounds/{held.id}", data={"choice": choice}).status_code


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_clock_lets_nobody_vote_and_keeps_nobody_from_it(
    session: Session, signed_in: SignedIn, wrong: timedelta
) -> None:
    """[V1] [L21] Neither before the opening, nor after the close; and until the last hour."""
    now = rounds.database_now(session)
    running = factories.round_(session, opens_at=now - HOUR, closes_at=now + HOUR)
    over = factories.round_(session, opens_at=now - 3 * HOUR, closes_at=now - HOUR)
    to_come = factories.round_(
        session, state="draft", opens_at=now + HOUR, closes_at=now + 3 * HOUR
    )
    browser = signed_in(session, factories.patron(session))
    with clock.fixed(now + wrong):
        for held, status in ((running, 303), (over, 409), (to_come, 409)):
            choice = paper.options(session, held.id)[0].id
            assert vote(browser, held, choice) == status
            page = browser.get(f"/rounds/{held.id}").text
            assert ('name="choice"' in page) == (status == 303)
            assert browser.post(f"/rounds/{held.id}/withdraw").status_code == status
    assert session.scalar(select(func.count()).select_from(Ballot)) == 0


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_clock_opens_and_closes_nothing(session: Session, wrong: timedelta) -> None:
    """[V11] [L21] What is due by the database's clock is done and told, and nothing else."""
    now = rounds.database_now(session)
    voter = factories.patron(session)
    due = {
        "draft": factories.round_(
            session, state="draft", opens_at=now - HOUR, closes_at=now + HOUR
        ),
        "open": factories.round_(session, opens_at=now - 3 * HOUR, closes_at=now + HOUR),
        "ends": factories.round_(session, opens_at=now - 72 * HOUR, closes_at=now + 23 * HOUR),
        "over": factories.round_(session, opens_at=now - 3 * HOUR, closes_at=now + HOUR),
    }
    rounds.cast(session, due["over"].id, voter.id, [paper.options(session, due["over"].id)[0].id])
    due["over"].closes_at = now - HOUR
    later = {
        "draft": factories.round_(
            session, state="draft", opens_at=now + HOUR, closes_at=now + 3 * HOUR
        ),
        "ends": factories.round_(session, opens_at=now - 72 * HOUR, closes_at=now + 25 * HOUR),
    }
    session.flush()
    with clock.fixed(now + wrong):
        rounds.advance_all()
    session.expire_all()
    assert {name: held.state for name, held in due.items()} == {
        "draft": "open", "open": "open", "ends": "open", "over": "settled",
    }  # fmt: skip
    assert {name: held.state for name, held in later.items()} == {"draft": "draft", "ends": "open"}
    assert session.scalars(select(Tally.round_id)).all() == [due["over"].id]
    told = session.execute(
        select(OutboxEmail.kind, OutboxEmail.subject).where(OutboxEmail.account_id == voter.id)
    )
    assert sorted(told) == sorted(
        [
            ("round_opened", f"round:{due['draft'].id}"),
            ("round_opened", f"round:{due['open'].id}"),
            ("round_closing", f"round:{due['ends'].id}"),
            ("round_opened", f"round:{later['ends'].id}"),
            ("round_result", f"round:{due['over'].id}"),
        ]
    )


@pytest.mark.parametrize("role", [None, "editor"])
def test_a_wrong_clock_changes_no_page_of_the_vote(
    app: Flask, session: Session, signed_in: SignedIn, role: str | None
) -> None:
    """[L21] Every page of topics and rounds says the same whatever time the server thinks it is."""
    now = rounds.database_now(session)
    held = [
        factories.round_(session, opens_at=now - HOUR, closes_at=now + HOUR),
        factories.round_(session, opens_at=now - 3 * HOUR, closes_at=now - HOUR),
        factories.round_(session, state="draft", opens_at=now + HOUR, closes_at=now + 3 * HOUR),
    ]
    browser = signed_in(session, factories.patron(session, role=role))
    topic = paper.options(session, held[0].id)[0]
    values = {
        "series_id": ["1"],
        "round_id": [each.id for each in held],
        "topic_id": [topic.id],
        "slug": [topic.slug],
    }
    looked_at = pages(app, values, FORMS)

    def seen(wrong: timedelta) -> dict:
        with clock.fixed(now + wrong):
            return crawl(session, browser, looked_at)

    right = seen(timedelta())
    for wrong in WRONG:
        assert differences(right, seen(wrong)) == {}
