import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from membership.voting import export, paper, rounds
from membership.voting.models import Round
from tests import factories


def settled(session: Session, ballots: int = 6) -> Round:
    held = factories.round_(session, seats=2)
    one, two, three = (topic.id for topic in paper.options(session, held.id))
    for number in range(ballots):
        choices = [[three, one], [two], [one]][number % 3]
        rounds.cast(session, held.id, factories.patron(session).id, choices)
    held.closes_at = rounds.database_now(session)
    session.flush()
    while rounds.advance(session, held.id):
        pass
    session.refresh(held)
    return held


def exported(session: Session) -> dict:
    return export.export(session, settled(session))


def test_the_export_alone_reproduces_the_result(session: Session) -> None:
    """[V6]"""
    made = exported(session)
    result = export.verify(json.dumps(made))
    assert list(result.winners) == made["winners"]
    assert made["ballots"] == sorted(made["ballots"])
    assert len(made["ballots"]) == 6


def more_votes(made: dict) -> None:
    made["ballots"].append(made["ballots"][0])


def fewer_votes(made: dict) -> None:
    made["ballots"].pop()


def other_winners(made: dict) -> None:
    made["winners"].reverse()


def other_seed(made: dict) -> None:
    made["round"]["tie_seed"] = "0" * 64


def other_quorum(made: dict) -> None:
    made["round"]["quorum"] += 1


def unknown_choice(made: dict) -> None:
    made["ballots"][0] = [10**6]


def no_digest(made: dict) -> None:
    del made["digest"]


TAMPERED = [
    more_votes,
    fewer_votes,
    other_winners,
    other_seed,
    other_quorum,
    unknown_choice,
    no_digest,
]


@pytest.mark.parametrize("tamper", TAMPERED)
def test_a_changed_export_is_noticed(session: Session, tamper) -> None:
    """[V6]"""
    made = exported(session)
    tamper(made)
    with pytest.raises(export.DifferentResultError):
        export.verify(json.dumps(made))


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        *("", "no json", "[]", "{}", "null"),
        *('{"format": "another"}', '{"format": "kava-round-1"}', DEEP),
    ],
)
def test_a_file_that_is_no_export(text: str) -> None:
    with pytest.raises(export.UnreadableExportError):
        export.verify(text)


def test_a_round_without_seats_is_none(session: Session) -> None:
    made = exported(session)
    made["round"]["seats"] = 0
    with pytest.raises(export.UnreadableExportError, match="seats"):
        export.verify(json.dumps(made))


def test_another_method_is_not_guessed_at(session: Session) -> None:
    made = exported(session)
    made["round"]["version"] = 2
    with pytest.raises(export.UnreadableExportError, match="not known here"):
        export.verify(json.dumps(made))


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
    assert run(args=["voting", "settle"]).output == "Steps taken: 2\n"
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
    for content in (b"{}", b"\xff\xfe"):
        file.write_bytes(content)
        answer = run(args=["voting", "verify", str(file)])
        assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)
