"""Votes at the last moment, and when beats and workers are too many, or none."""

from collections import Counter
from contextlib import ExitStack
from threading import Barrier

import pytest

from tests.faults.electorate import (
    a_round,
    choices_of,
    close,
    in_the_end,
    nobody_works,
    state_of,
    steps_of,
    tally_of,
    told,
    vote,
    voters,
)
from tests.faults.steps import Reader, at_once
from tests.system import System, wait_until

TOLD = ("round_opened", "round_result")


@pytest.mark.parametrize("workers", ["waiting", "racing"])
def test_fifty_votes_race_the_close(system: System, workers: str) -> None:
    """[V1] [V11] [L21] What was answered 303 is counted, and nothing else.

    Nobody closes the round before the last vote is refused: then the database's clock alone has
    decided. Or workers race to close it meanwhile: then whoever was let in has been waited for.
    """
    name = f"race-{workers}-"
    round_id = a_round(system, f"Race {workers}")
    first, second, third = choices_of(system, round_id)
    wishes = [[first], [second, first], [third], [first, second, third], [second]]
    accepted: dict[int, list[int]] = {}
    with ExitStack() as stack:
        readers = voters(system, stack, name, 50)
        ready = Barrier(len(readers) + 1)

        def vote_until_refused(number: int) -> int:
            ready.wait(60)
            for turn in range(number, number + 200):
                wish = wishes[turn % len(wishes)]
                if (answer := vote(readers[number], round_id, wish)) != 303:
                    return answer
                accepted[number] = sorted(wish)
            raise AssertionError("the end did not come")

        def end_it() -> int:
            ready.wait(60)
            # Some have voted by then, and most are in the middle of it.
            wait_until(lambda: len(accepted) > 10, "the first votes")
            close(system, round_id, ago="-200 milliseconds")
            if workers == "racing":
                system.wake("voting.advance_rounds", times=30)
            return 409

        if workers == "waiting":
            asleep = stack.enter_context(ExitStack())
            asleep.enter_context(nobody_works(system))
        acts = [lambda number=number: vote_until_refused(number) for number in range(len(readers))]
        assert set(at_once(*acts, end_it)) == {409}
        if workers == "waiting":
            assert state_of(system, round_id) == "open"
            late = (
                "SELECT b.choices, b.cast_at < r.closes_at AS in_time FROM ballot b"
                " JOIN round r ON r.id = b.round_id WHERE r.id = :id"
            )
            ballots = system.rows(late, id=round_id)
            assert all(ballot["in_time"] for ballot in ballots)
            assert sorted(ballot["choices"] for ballot in ballots) == sorted(accepted.values())
            asleep.close()
            system.wake("voting.advance_rounds")
        wait_until(lambda: state_of(system, round_id) == "settled", "the settled round")
    tally = tally_of(system, round_id)
    assert tally["ballots"] == len(accepted)
    counted = Counter(str(choice) for wish in accepted.values() for choice in wish)
    assert {topic: votes for topic, votes in tally["result"]["votes"].items() if votes} == counted


def test_a_beat_slept_an_hour_past_the_close(system: System) -> None:
    """[L21] [V1] [V11] The vote is over though nobody has closed it; then there is one result."""
    with ExitStack() as stack:
        reader, silent = voters(system, stack, "late", 2)
        round_id = a_round(system, "Nobody closes it")
        first, second, _ = choices_of(system, round_id)
        assert vote(reader, round_id, [first]) == 303
        with nobody_works(system):
            close(system, round_id, ago="1 hour")
            assert vote(reader, round_id, [second]) == 409
            assert vote(silent, round_id, [second]) == 409
            assert state_of(system, round_id) == "open"
            ballots = "SELECT choices FROM ballot WHERE round_id = :id"
            assert system.rows(ballots, id=round_id) == [{"choices": [first]}]
            page = reader.get(f"/rounds/{round_id}")
            assert page.status_code == 200
            assert 'name="choice"' not in page.text
            assert f"/rounds/{round_id}/withdraw" not in page.text
            export = reader.get(f"/rounds/{round_id}/export.json")
            assert export.status_code == 404
        wait_until(lambda: told(system, round_id, "round_result"), "the mail about the result")
        assert vote(reader, round_id, [second]) == 409
        assert tally_of(system, round_id)["result"]["votes"] == {
            str(first): 1, str(second): 0, str(second + 1): 0,
        }  # fmt: skip
        assert steps_of(system, round_id) == ["round.closed", "round.settled"]
        assert told(system, round_id, "round_result") == [reader.email]
        # The opening was over before anybody could be told of it.
        assert told(system, round_id, "round_closing") == []


def test_two_beats_and_four_workers_open_and_close_twenty_rounds(system: System) -> None:
    """[V11] [L19] Each round is opened, closed, counted and told of once."""
    with ExitStack() as stack:
        readers = voters(system, stack, "hands", 3)
        readers += voters(system, stack, "silent", 1)
        refuse_others(system)
        schedule = str(system.directory / "second-beat")
        stack.enter_context(system.celery("beat", "--schedule", schedule, "--pidfile="))
        for name in ("second", "third", "fourth"):
            stack.enter_context(system.extra_worker(name))
        held = [
            a_round(system, f"Many hands {number}", "-1 second", state="draft")
            for number in range(20)
        ]
        system.wake("voting.advance_rounds", times=20)
        wait_until(lambda: states(system, held) == {"open"}, "the open rounds", 60)
        # A round that has closed is not told to be open any more.
        for round_id in held:
            wait_until(lambda id_=round_id: told(system, id_, "round_opened"), "the news", 60)
        at_once(
            *[lambda reader=reader: vote_in_all(system, reader, held) for reader in readers[:3]]
        )
        close(system, *held)
        system.wake("voting.advance_rounds", times=20)
        wait_until(lambda: states(system, held) == {"settled"}, "the settled rounds", 60)
        system.wake("voting.advance_rounds", times=20)

        took_part = sorted(reader.email for reader in readers[:3])
        everyone = sorted(reader.email for reader in readers)
        for round_id in held:
            wait_until(lambda id_=round_id: told(system, id_, "round_result"), "the mails", 60)
            assert steps_of(system, round_id) == ["round.open", "round.closed", "round.settled"]
            assert tally_of(system, round_id)["ballots"] == 3
            assert told(system, round_id, "round_opened") == everyone
            assert told(system, round_id, "round_result") == took_part
        for reader in readers:
            kinds = TOLD if reader.email in took_part else TOLD[:1]
            wanted = sorted((kind, f"round:{round_id}") for kind in kinds for round_id in held)
            wait_until(lambda reader=reader: nothing_is_due(system, reader), "the sent mails", 120)
            assert in_the_end(system, reader) == wanted


def refuse_others(system: System) -> None:
    """The patrons of the demo get no mails of rounds: twenty each would take their time."""
    for kind in TOLD:
        system.rows(
            "INSERT INTO mail_refusal (address, kind) SELECT email, :kind FROM account"
            " WHERE email NOT LIKE '%@voters.example' ON CONFLICT DO NOTHING",
            kind=kind,
        )


def vote_in_all(system: System, reader: Reader, held: list[int]) -> None:
    for round_id in held:
        assert vote(reader, round_id, choices_of(system, round_id)[:2]) == 303


def states(system: System, held: list[int]) -> set[str]:
    rows = system.rows("SELECT state FROM round WHERE id = ANY(:ids)", ids=held)
    return {row["state"] for row in rows}


def nothing_is_due(system: System, reader: Reader) -> bool:
    waiting = (
        "SELECT count(*) FROM outbox_email WHERE recipient = :email"
        " AND state IN ('pending', 'sending')"
    )
    return system.scalar(waiting, email=reader.email) == 0
