"""Many at once, in real transactions."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select, text, update

from membership.accounts.models import AuditEntry
from membership.articles.models import Article
from membership.db import database_now, transaction
from membership.mail.models import OutboxEmail
from membership.voting import lifecycle, news, paper, rounds, suggestions, topics
from membership.voting.models import Ballot, Round, Tally, Topic, TopicChange, Turnout
from membership.voting.rounds import RoundNotOpenError
from membership.voting.suggestions import TooManySuggestionsError
from tests import factories
from tests.voting.waiting import wait_for_a_lock

pytestmark = pytest.mark.usefixtures("committed")
# Late enough for what must be done before it, also where the machine is busy with others.
SOON = timedelta(seconds=3)


@pytest.fixture
def crowd(app: Flask) -> Iterator[ThreadPoolExecutor]:
    context = app.app_context
    with ThreadPoolExecutor(16, initializer=lambda: context().push()) as pool:
        yield pool


def all_at_once(crowd: ThreadPoolExecutor, *acts: Callable[[], Any]) -> list[Any]:
    """What each act gave or raised; none begins before all are ready."""
    ready = threading.Barrier(len(acts))

    def act(one: Callable[[], Any]) -> Any:
        ready.wait(timeout=30)
        try:
            return one()
        except Exception as error:  # noqa: BLE001 - it is what the test looks at
            return error

    return list(crowd.map(act, acts))


def held_round(*, patrons: int, **values: Any) -> tuple[int, list[int], list[int]]:
    """(round, topics, patrons), by id; committed."""
    with transaction() as session:
        voters = [factories.patron(session).id for _ in range(patrons)]
        if "ends_in" in values:
            values["closes_at"] = database_now(session) + values.pop("ends_in")
        held = factories.round_(session, **values)
        return held.id, [topic.id for topic in paper.options(session, held.id)], voters


def cast(round_id: int, account_id: int, choices: list[int]) -> str:
    with transaction() as session:
        return rounds.cast(session, round_id, account_id, choices)


def ask(query: Any) -> Any:
    with transaction() as session:
        return session.scalars(query).all()


def number_of(table: Any) -> int:
    return ask(select(func.count()).select_from(table))[0]


def the_end_has_come(round_id: int) -> None:
    over = text(
        "SELECT closes_at <= clock_timestamp(), pg_sleep(0.005) FROM round WHERE id = :round"
    )
    while True:
        with transaction() as session:
            if session.execute(over, {"round": round_id}).scalar_one():
                return


def test_one_patron_at_many_places_at_once_has_one_ballot(crowd: ThreadPoolExecutor) -> None:
    """[V1] [L19] Two hundred votes, sixteen of them at any time."""
    round_id, options, (voter,) = held_round(patrons=1)
    wishes = [[options[number % 3]] for number in range(200)]

    def vote(mine: list[list[int]]) -> Counter[str]:
        return Counter(cast(round_id, voter, wish) for wish in mine)

    crowds = [lambda part=part: vote(wishes[part::16]) for part in range(16)]
    answers = sum(all_at_once(crowd, *crowds), Counter())
    assert answers == {"cast": 1, "changed": 199}
    assert ask(select(Ballot.account_id)) == [voter]
    assert ask(select(Ballot.choices))[0] in wishes


def test_what_was_accepted_before_the_close_is_counted_and_nothing_else(
    crowd: ThreadPoolExecutor,
) -> None:
    """[V1] [V11] Voters who keep changing their minds, and four workers, race around the end."""
    round_id, options, voters = held_round(patrons=30, ends_in=SOON)
    accepted: dict[int, int] = {}

    def vote_until_the_end(mine: list[int]) -> None:
        for turn in itertools.count():
            voter = mine[turn % len(mine)]
            choice = options[turn % 3]
            try:
                cast(round_id, voter, [choice])
            except RoundNotOpenError:
                return
            accepted[voter] = choice

    def settle_when_due() -> None:
        while not number_of(Tally):
            rounds.advance_all()

    crowds = [lambda part=part: vote_until_the_end(voters[part::6]) for part in range(6)]
    assert all_at_once(crowd, *crowds, *[settle_when_due] * 4) == [None] * 10
    (tally,) = ask(select(Tally))
    assert tally.ballots == len(accepted) > 0
    votes = Counter(str(choice) for choice in accepted.values())
    assert {topic: number for topic, number in tally.result["votes"].items() if number} == votes
    assert sorted(ask(select(Turnout.account_id))) == sorted(accepted)


def test_fifty_votes_around_the_close_count_by_the_databases_clock(
    crowd: ThreadPoolExecutor,
) -> None:
    """[V1] [V11] Each reads that clock before and after it votes; nobody else says what time it is.

    What was over before the close counts, what began after it does not, and what was accepted of
    the few in between is just what is counted.
    """
    round_id, options, voters = held_round(patrons=50, ends_in=SOON)
    at = text("SELECT clock_timestamp(), pg_sleep_until(closes_at + :offset) FROM round")
    clock = text("SELECT clock_timestamp()")

    def vote(voter: int, offset: timedelta) -> tuple[int, bool, datetime, datetime]:
        with transaction() as session:
            session.execute(at, {"offset": offset})
        with transaction() as session:
            before = session.scalar(clock)
            try:
                accepted = rounds.cast(session, round_id, voter, options[:1]) == "cast"
            except RoundNotOpenError:
                accepted = False
            return voter, accepted, before, session.scalar(clock)

    def vote_in_turn(mine: range) -> list[tuple[int, bool, datetime, datetime]]:
        # Each begins well before the end; the others come closer and closer, and then too late.
        early = [vote(voters[mine[0]], -SOON)]
        return early + [
            vote(voters[each], timedelta(milliseconds=4 * (each - 30))) for each in mine[1:]
        ]

    def settle_when_due() -> None:
        while not number_of(Tally):
            rounds.advance_all()

    crowds = [lambda first=first: vote_in_turn(range(first, 50, 10)) for first in range(10)]
    *parts, none = all_at_once(crowd, *crowds, settle_when_due)
    assert none is None
    votes = [vote for part in parts for vote in part]
    (end,) = ask(select(Round.closes_at))
    accepted = {voter for voter, was_accepted, _, _ in votes if was_accepted}
    assert {voter for voter, _, _, after in votes if after < end} <= accepted
    assert not {voter for voter, _, before, _ in votes if before >= end} & accepted
    assert 0 < len(accepted) < 50
    assert ask(select(Tally.ballots)) == [len(accepted)]
    assert set(ask(select(Turnout.account_id))) == accepted


def test_those_who_vote_first_open_a_round_together(crowd: ThreadPoolExecutor) -> None:
    """[V11] [L21] Beat sleeps; sixteen patrons come at once: opened once, every vote is in."""
    past = datetime.now(UTC) - timedelta(hours=1)
    round_id, options, voters = held_round(patrons=16, state="draft", opens_at=past)
    answers = all_at_once(
        crowd, *(lambda voter=voter: cast(round_id, voter, options[:1]) for voter in voters)
    )
    assert answers == ["cast"] * 16
    assert sorted(ask(select(Ballot.account_id))) == voters
    opened = select(AuditEntry.action).where(AuditEntry.action.like("round.%"))
    assert ask(opened) == ["round.open"]
    assert number_of(TopicChange) == 3


@pytest.mark.parametrize("before", [False, True])
def test_closing_waits_for_a_vote_that_is_under_way(
    crowd: ThreadPoolExecutor, before: bool
) -> None:
    """[V1] It was accepted in time, so it counts: a first vote, and one that changes another."""
    round_id, options, (voter,) = held_round(patrons=1, ends_in=SOON)
    if before:
        cast(round_id, voter, options[:1])
    with transaction() as session:
        answer = rounds.cast(session, round_id, voter, options[1:2])
        assert answer == ("changed" if before else "cast")
        the_end_has_come(round_id)
        closing: Future[int] = crowd.submit(rounds.advance_all)
        wait_for_a_lock()
    assert closing.result() == 2
    (tally,) = ask(select(Tally))
    assert (tally.ballots, tally.result["winners"]) == (1, options[1:2])


def test_a_vote_that_waited_for_the_closing_is_refused(crowd: ThreadPoolExecutor) -> None:
    """[V1]"""
    round_id, options, (voter,) = held_round(patrons=1, ends_in=SOON)
    with transaction() as session:
        session.get_one(Round, round_id, with_for_update=True)
        waiting = crowd.submit(cast, round_id, voter, options[:1])
        wait_for_a_lock()
        the_end_has_come(round_id)
        assert rounds.advance(session, round_id) == "closed"
    with pytest.raises(RoundNotOpenError):
        waiting.result()
    assert number_of(Ballot) == 0


@pytest.mark.parametrize("act", ["cast", "withdraw"])
def test_the_clock_is_read_after_waiting_for_the_round(crowd: ThreadPoolExecutor, act: str) -> None:
    """[V1] [L21] Asked before the end, let through after it: refused, though still `open`."""
    round_id, options, (voter,) = held_round(patrons=1, ends_in=SOON)
    if act == "withdraw":
        cast(round_id, voter, options[:1])
    before = number_of(Ballot)

    def withdraw() -> bool:
        with transaction() as session:
            return rounds.withdraw(session, round_id, voter)

    with transaction() as session:
        session.get_one(Round, round_id, with_for_update=True)
        waiting = crowd.submit(
            withdraw if act == "withdraw" else lambda: cast(round_id, voter, options[:1])
        )
        wait_for_a_lock()
        the_end_has_come(round_id)
    with pytest.raises(RoundNotOpenError):
        waiting.result()
    assert number_of(Ballot) == before
    assert ask(select(Round.state)) == ["open"]


def test_voters_do_not_wait_for_one_another(crowd: ThreadPoolExecutor) -> None:
    round_id, options, (first, second) = held_round(patrons=2)
    with transaction() as session:
        rounds.cast(session, round_id, first, options[:1])
        assert crowd.submit(cast, round_id, second, options[:1]).result(timeout=60) == "cast"


def test_many_workers_give_one_result(crowd: ThreadPoolExecutor) -> None:
    """[V11] Three rounds, eight workers: opened, closed, counted, told once each."""
    past = datetime.now(UTC) - timedelta(hours=2)
    held = []
    for state in ("draft", "open", "closed"):
        round_id, options, voters = held_round(patrons=3, opens_at=past)
        for voter in voters:
            cast(round_id, voter, options[:2])
        held.append(round_id)
        with transaction() as session:
            if state == "draft":
                step = update(Topic).where(Topic.id.in_(options)).values(state="suggested")
                session.execute(step)
            times = {"state": state, "closes_at": past + timedelta(hours=1)}
            session.execute(update(Round).where(Round.id == round_id).values(times))
    answers = all_at_once(crowd, *[rounds.advance_all] * 8)
    assert sum(answers) == 3 + 2 + 1
    assert sorted(ask(select(Tally.round_id))) == held
    assert {tally.ballots for tally in ask(select(Tally))} == {3}
    assert number_of(Turnout) == 9
    entries = Counter(ask(select(AuditEntry.action).where(AuditEntry.action.like("round.%"))))
    assert entries == {"round.open": 1, "round.closed": 2, "round.settled": 3}
    assert number_of(TopicChange) == 3 + 9


def test_publishing_from_many_places_sends_one_mail_each(crowd: ThreadPoolExecutor) -> None:
    """[V11]"""
    round_id, options, voters = held_round(patrons=5)
    for voter in voters:
        cast(round_id, voter, options[:1])
    with transaction() as session:
        session.execute(update(Round).values(closes_at=database_now(session)))
        editor, story = factories.staff(session), factories.article(session).id
    rounds.advance_all()
    with transaction() as session:
        topic = session.get_one(Topic, options[0])
        topics.assign(session, topic, editor, editor)

    def publish() -> None:
        with transaction() as session:
            topic = session.get_one(Topic, options[0])
            topics.publish(session, topic, session.get_one(Article, story), editor)

    answers = all_at_once(crowd, *[publish] * 6)
    assert answers.count(None) == 1
    refused = [answer for answer in answers if answer is not None]
    assert all(isinstance(answer, lifecycle.ForbiddenTransitionError) for answer in refused)
    told = ask(select(OutboxEmail.account_id).where(OutboxEmail.kind == news.PUBLISHED))
    assert sorted(told) == voters


def test_a_round_that_cannot_be_counted_stops_no_other(committed: Engine) -> None:
    """[V11] [L7]"""
    broken, _, (voter,) = held_round(patrons=1)
    sound, options, _ = held_round(patrons=0)
    cast(sound, voter, options[:1])
    with transaction() as session:
        session.add(Ballot(round_id=broken, account_id=voter, choices=[10**6]))
        session.execute(update(Round).values(closes_at=database_now(session)))
    assert rounds.advance_all() == 3
    assert ask(select(Round.state).order_by(Round.id)) == ["closed", "settled"]
    assert ask(select(Tally.round_id)) == [sound]
    assert rounds.advance_all() == 0


def test_the_limit_of_suggestions_holds_for_many_tabs(crowd: ThreadPoolExecutor) -> None:
    """[V13]"""
    with transaction() as session:
        patron = factories.patron(session).id

    def suggest(why: str) -> None:
        with transaction() as session:
            suggestions.suggest(session, patron, "The same words", why, "en")

    answers = all_at_once(crowd, *(partial(suggest, f"Reason {number}") for number in range(12)))
    assert answers.count(None) == suggestions.MOST_A_MONTH
    assert sum(isinstance(answer, TooManySuggestionsError) for answer in answers) == 7
    assert len(set(ask(select(Topic.slug)))) == suggestions.MOST_A_MONTH


def test_a_suggestion_sent_from_many_tabs_is_one(crowd: ThreadPoolExecutor) -> None:
    """[V13]"""
    with transaction() as session:
        patron = factories.patron(session).id

    def suggest() -> None:
        with transaction() as session:
            suggestions.suggest(session, patron, "The same words", "Because.", "en")

    assert all_at_once(crowd, *[suggest] * 12) == [None] * 12
    assert ask(select(Topic.slug)) == ["the-same-words"]
