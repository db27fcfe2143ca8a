"""`kill -9` of a worker in the middle of a round's steps: as if it had not been there."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from membership.voting import tally
from tests.faults.electorate import (
    a_round,
    choices_of,
    close,
    nobody_works,
    state_of,
    steps_of,
    tally_of,
    told,
    vote,
    voters,
)
from tests.faults.steps import Reader, held, waits_for_lock
from tests.system import System, kill, wait_until

# Each table is written at another moment of settling: before, while and after links are cut.
MOMENTS = [
    ("tally", "approval"),
    ("turnout", "instant_runoff"),
    ("ballot", "approval"),
    ("audit_entry", "instant_runoff"),
]


@contextmanager
def killed_while_it_writes(system: System, table: str) -> Iterator[None]:
    """Do what is due inside; a worker that inserts into `table` is killed in the middle of it."""
    with nobody_works(system), system.extra_worker() as extra, held(system, table, "INSERT"):
        yield
        system.wake("voting.advance_rounds", times=3)
        wait_until(lambda: waits_for_lock(system), "a worker in the middle of its work")
        kill(extra)
    system.wake("voting.advance_rounds", times=3)


def undisturbed(system: System, round_id: int) -> tally.Result:
    """What the ballots as they lie there give, counted in this process."""
    round_ = system.rows("SELECT * FROM round WHERE id = :id", id=round_id)[0]
    ballots = system.rows(
        "SELECT choices, count(*) AS votes FROM ballot WHERE round_id = :id GROUP BY choices",
        id=round_id,
    )
    titles = {
        row["id"]: row["title"]
        for row in system.rows(
            "SELECT id, title FROM topic JOIN round_option ON topic_id = id WHERE round_id = :id",
            id=round_id,
        )
    }
    names = ("method", "max_choices", "seats", "quorum", "quorum_rule", "tie_rule", "tie_seed")
    return tally.count(
        tally.Contest(
            round_id=round_id,
            version=tally.VERSION,
            options=titles,
            ballots={tuple(each["choices"]): each["votes"] for each in ballots},
            **{name: round_[name] for name in names},
        )
    )


@pytest.mark.parametrize(("table", "method"), MOMENTS)
def test_a_worker_dies_in_the_tally(system: System, table: str, method: str) -> None:
    """[V6] [V11] [M9] The same digest as if nothing had happened; one result, one mail each."""
    title = f"Killed at {table} {method}"
    with ExitStack() as stack:
        readers = voters(system, stack, f"{table}-{method}-", 5)
        round_id = a_round(system, title, method=method)
        first, second, third = choices_of(system, round_id)
        wishes = [[first], [second, first], [second, third], [third], [third, first]]
        for reader, wish in zip(readers, wishes, strict=True):
            assert vote(reader, round_id, wish) == 303
        expected = undisturbed(system, round_id)
        with killed_while_it_writes(system, table):
            close(system, round_id)
        assert state_of(system, round_id) in ("open", "closed", "settled")
        everyone = sorted(reader.email for reader in readers)
        wait_until(lambda: told(system, round_id, "round_result") == everyone, "one mail each")
        found = tally_of(system, round_id)
        assert found["digest"] == expected.digest
        assert found["result"]["winners"] == list(expected.winners)
        assert found["ballots"] == 5
        assert steps_of(system, round_id) == ["round.closed", "round.settled"]
        assert roll(system, round_id) == everyone
        assert ballots_left(system, round_id) == sorted(
            sorted(wish) if method == "approval" else wish for wish in wishes
        )


@pytest.mark.parametrize("table", ["topic_change", "outbox_email"])
def test_a_worker_dies_while_it_opens_and_tells(system: System, table: str) -> None:
    """[V11] [M9] Opened once and told once, or the reverse: nobody is left out or told twice."""
    with ExitStack() as stack:
        readers = voters(system, stack, f"opening-{table}-", 3)
        with killed_while_it_writes(system, table):
            round_id = a_round(system, f"Killed opening {table}", "-1 second", state="draft")
        everyone = sorted(reader.email for reader in readers)
        # Patrons of other tests are told as well.
        wait_until(
            lambda: (
                [to for to in told(system, round_id, "round_opened") if to in everyone] == everyone
            ),
            "one mail each",
        )
        assert steps_of(system, round_id) == ["round.open"]
        assert vote_is_open(readers[0], round_id)


def vote_is_open(reader: Reader, round_id: int) -> bool:
    return vote(reader, round_id, choices_of(reader.system, round_id)[:1]) == 303


def roll(system: System, round_id: int) -> list[str]:
    """Addresses on the turnout roll, sorted."""
    rows = system.rows(
        "SELECT email FROM turnout JOIN account ON id = account_id WHERE round_id = :id"
        " ORDER BY email",
        id=round_id,
    )
    return [row["email"] for row in rows]


def ballots_left(system: System, round_id: int) -> list[list[int]]:
    """What was chosen, sorted; nobody's name and no time stands beside it any more."""
    rows = system.rows(
        "SELECT choices, account_id, cast_at FROM ballot WHERE round_id = :id ORDER BY choices",
        id=round_id,
    )
    assert {(row["account_id"], row["cast_at"]) for row in rows} == {(None, None)}
    return [row["choices"] for row in rows]
