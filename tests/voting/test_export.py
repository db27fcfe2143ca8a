import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.voting import export, paper, rounds, settling, tally
from membership.voting.models import Ballot, Round, Tally
from tests import factories

APPROVED = ([2, 0], [1], [0])
RANKED = ([2, 0, 1], [1, 2], [0], [0, 2, 1], [1, 0, 2], [0, 1])


def settled(session: Session, ballots: int = 6, choices: Sequence = APPROVED, **values) -> Round:
    """A settled round; each ballot names the places of its topics on the paper."""
    held = factories.round_(session, **values)
    ids = [topic.id for topic in paper.options(session, held.id)]
    for number in range(ballots):
        chosen = [ids[place] for place in choices[number % len(choices)]]
        voter = factories.account(session)
        factories.add(
            session,
            Ballot(round_id=held.id, account_id=voter.id, choices=chosen, cast_at=factories.NOON),
        )
    held.closes_at = rounds.database_now(session)
    session.flush()
    while rounds.advance(session, held.id):
        pass
    session.refresh(held)
    return held


def run_off(session: Session, **values) -> Round:
    return settled(session, choices=RANKED, method="instant_runoff", **values)


def exported(session: Session) -> dict:
    return export.export(session, settled(session, seats=2))


@pytest.mark.parametrize("make", [settled, run_off])
def test_the_export_alone_reproduces_the_result(session: Session, make) -> None:
    """[V6]"""
    made = export.export(session, make(session))
    result = tally.verify(json.dumps(made))
    assert list(result.winners) == made["winners"]
    assert made["ballots"] == sorted(made["ballots"])
    assert export.ballots(made) == 6


def test_a_ranking_is_published_as_far_as_the_count_read_it(session: Session) -> None:
    """[V8] Whole rankings are easily like no other, and what was not read decides nothing."""
    held = run_off(session)
    one, two, three = (topic.id for topic in paper.options(session, held.id))
    made = export.export(session, held)
    # The third topic is out first, and its ballot moves to the first topic, which wins.
    assert made["winners"] == [one]
    assert made["ballots"] == [[[one], 3], [[two], 2], [[three, one], 1]]
    stored = settling.contest_of(session, held).ballots
    assert stored[one, three, two] == 1
    assert tally.verify(json.dumps(made)).digest == session.get_one(Tally, held.id).digest


def test_a_round_counted_by_the_first_version_is_exported_with_its_digest(
    session: Session,
) -> None:
    """[V6] A digest that was published stays the one that the export gives."""
    held = settled(session)
    kept = session.get_one(Tally, held.id)
    first = settling.contest_of(session, held, version=1)
    kept.version, kept.digest = 1, tally.count(first).digest
    kept.result = {key: kept.result[key] for key in ("votes", "winners", "trace")}
    session.flush()
    made = export.export(session, held)
    assert (made["round"]["version"], made["digest"]) == (1, kept.digest)
    assert tally.verify(json.dumps(made)).digest == kept.digest


def more_votes(made: dict) -> None:
    made["ballots"][0][1] += 1


def fewer_votes(made: dict) -> None:
    made["ballots"].pop()


def other_winners(made: dict) -> None:
    made["winners"].reverse()


def other_votes(made: dict) -> None:
    made["votes"][str(made["winners"][0])] += 1


def other_outcome(made: dict) -> None:
    made["outcome"] = "advisory"


def other_seed(made: dict) -> None:
    made["round"]["tie_seed"] = "0" * 64


def other_quorum(made: dict) -> None:
    made["round"]["quorum"] += 1


def no_seats(made: dict) -> None:
    made["round"]["seats"] = 0


def unknown_choice(made: dict) -> None:
    made["ballots"][0] = [[10**6], 1]


def negative_number(made: dict) -> None:
    made["ballots"][0][1] = -1


def other_title(made: dict) -> None:
    made["options"][0]["title"] = "Something else"


def no_digest(made: dict) -> None:
    del made["digest"]


TAMPERED = [
    *(more_votes, fewer_votes, other_winners, other_votes, other_outcome, other_seed),
    *(other_quorum, no_seats, unknown_choice, negative_number, no_digest, other_title),
]


@pytest.mark.parametrize("tamper", TAMPERED)
def test_a_changed_export_is_noticed(session: Session, tamper) -> None:
    """[V6]"""
    made = exported(session)
    tamper(made)
    with pytest.raises(tally.DifferentResultError):
        tally.verify(json.dumps(made))


def fractions(made: dict) -> None:
    made["ballots"][0][1] = 1.5


def truth_for_one(made: dict) -> None:
    made["round"]["id"] = True


def no_rules(made: dict) -> None:
    made["round"] = []


def number_as_title(made: dict) -> None:
    made["options"][0]["title"] = 3


def flat_ballots(made: dict) -> None:
    made["ballots"] = [line[0] for line in made["ballots"]]


@pytest.mark.parametrize(
    "break_", [fractions, truth_for_one, no_rules, number_as_title, flat_ballots]
)
def test_a_broken_export(session: Session, break_) -> None:
    made = exported(session)
    break_(made)
    with pytest.raises(tally.UnreadableExportError):
        tally.verify(json.dumps(made))


@pytest.mark.parametrize(("key", "value"), [("version", 3), ("method", "borda")])
def test_another_method_is_not_guessed_at(session: Session, key: str, value) -> None:
    made = exported(session)
    made["round"][key] = value
    with pytest.raises(tally.UnreadableExportError, match="not known here"):
        tally.verify(json.dumps(made))


def test_the_ballots_as_a_spreadsheet(session: Session, client: FlaskClient) -> None:
    held = run_off(session)
    one, two, three = (topic.slug for topic in paper.options(session, held.id))
    answer = client.get(f"/rounds/{held.id}/ballots.csv")
    assert answer.mimetype == "text/csv"
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["ballots", "choice_1", "choice_2", "choice_3"],
        ["3", one, "", ""],
        ["2", two, "", ""],
        ["1", three, one, ""],
    ]


def test_the_verifier_is_the_file_that_counts_here(client: FlaskClient) -> None:
    """[V6]"""
    answer = client.get("/rounds/verify.py")
    assert answer.mimetype == "text/x-python"
    assert answer.data == Path(tally.__file__).read_bytes()
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("name", ["export.json", "ballots.csv"])
def test_few_ballots_are_not_published(session: Session, client: FlaskClient, name: str) -> None:
    """[V8] They could tell who chose what. Before the result there is nothing to take away."""
    few = settled(session, ballots=export.FEWEST_TO_SHOW - 1)
    assert client.get(f"/rounds/{few.id}/{name}").status_code == 404
    enough = settled(session, ballots=export.FEWEST_TO_SHOW)
    answer = client.get(f"/rounds/{enough.id}/{name}")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.cache_control.public
    assert client.get(f"/rounds/{factories.round_(session).id}/{name}").status_code == 404


def test_the_commands(app: Flask, session: Session, tmp_path: Path) -> None:
    """[V6] settle, export, verify: exit status 1 for another result, 2 for another file."""
    run = app.test_cli_runner().invoke
    held = factories.round_(session)
    one = paper.options(session, held.id)[0].id
    rounds.cast(session, held.id, factories.patron(session).id, [one])
    answer = run(args=["voting", "export", str(held.id)])
    assert (answer.exit_code, "has no result yet" in answer.output) == (1, True)
    assert run(args=["voting", "export", "12345"]).exit_code == 1

    held.closes_at = rounds.database_now(session)
    session.flush()
    answer = run(args=["voting", "settle"])
    assert (answer.exit_code, answer.output) == (0, "Steps taken: 2\n")
    answer = run(args=["voting", "export", str(held.id)])
    assert answer.exit_code == 0
    assert "do not publish" in answer.stderr
    file = tmp_path / "round.json"
    file.write_text(answer.stdout)
    answer = run(args=["voting", "verify", str(file)])
    assert answer.exit_code == 0, answer.output
    assert f"Chosen for 1 seat: {one}." in answer.output

    file.write_text(file.read_text().replace('"quorum": 1', '"quorum": 2'))
    answer = run(args=["voting", "verify", str(file)])
    assert (answer.exit_code, answer.stderr.count("\n")) == (1, 1)
    file.write_text("{}")
    answer = run(args=["voting", "verify", str(file)])
    assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)


def test_settle_says_which_round_is_stuck(app: Flask, session: Session) -> None:
    """A ballot that its round does not allow, which only a hand in the database can have put."""
    sound = factories.round_(session)
    stuck = factories.round_(session)
    strange = Ballot(round_id=stuck.id, choices=[10**6], cast_at=factories.NOON)
    factories.add(session, strange)
    sound.closes_at = stuck.closes_at = rounds.database_now(session)
    session.flush()
    answer = app.test_cli_runner().invoke(args=["voting", "settle"])
    assert answer.exit_code == 1
    assert f"round {stuck.id}." in answer.stderr
    assert str(sound.id) not in answer.stderr
    session.refresh(sound)
    assert sound.state == "void"
