"""[V6] The file that readers download, run as they run it: alone, with nothing but Python."""

import ast
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from membership.voting import tally
from tests.voting.contests import OPTIONS, RUN_OFF, SEED, TITLES, contest

# As it was exported by the first version of the count.
FIRST = {
    "format": "kava-round-1",
    "round": {
        "id": 7,
        "title": "What next?",
        "state": "settled",
        "method": "approval",
        "version": 1,
        "max_choices": 3,
        "seats": 1,
        "quorum": 2,
        "tie_seed": "4339d73992eac2de00cb8c1e2898b9d26634c7ada4b2a624640957ac8689af70",
    },
    "options": [{"id": id_, "slug": f"t{id_}", "title": f"Topic {id_}"} for id_ in (1, 2, 3)],
    "ballots": [[1], [1, 2], [2], [2, 3], [3]],
    "digest": "410e7e6cd70d1195083a3a84cca3cc50d051048d3deb1c67b804cf39418722cf",
    "votes": {"1": 2, "2": 3, "3": 2},
    "winners": [2],
}
FIRST_VOID = FIRST | {
    "round": FIRST["round"] | {"quorum": 6, "state": "void"},
    "digest": "bd46c4f91be4a5b60eeffe9d3e150c164cce7a4e9323f547c18bcf382bfe33d5",
    "winners": [],
}


def exported(method: str, **rules) -> dict:
    """1,000 ballots, as an export has them."""
    chance = random.Random(7)
    cast = [tuple(chance.sample(OPTIONS, chance.randint(1, 3))) for _ in range(1_000)]
    whole = contest(*cast, method=method, **rules)
    result = tally.count(whole)
    names = ("method", "version", "max_choices", "seats", "quorum", "quorum_rule")
    kept = {name: getattr(whole, name) for name in names}
    return {
        "format": tally.FORMAT,
        "round": {"id": 7, "title": "Що далі?", "tie_rule": "lot", "tie_seed": SEED} | kept,
        "options": [{"id": id_, "title": title} for id_, title in TITLES.items()],
        "ballots": sorted([list(b), n] for b, n in tally.as_counted(whole, result.stages).items()),
        "digest": result.digest,
        **result.as_json(),
    }


@pytest.fixture
def verify(tmp_path: Path):
    """verify.py in an empty directory: no environment, no packages, nothing of ours."""
    shutil.copy(tally.__file__, tmp_path / "verify.py")

    def run(content: object, *more: str, **env: str) -> subprocess.CompletedProcess[str]:
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        (tmp_path / "round-7.json").write_text(text, encoding="utf-8")
        command = [sys.executable, "-I", "-S", "verify.py", "round-7.json", *more]
        return subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, encoding="utf-8", timeout=60
        )

    return run


@pytest.mark.parametrize("method", ["approval", RUN_OFF])
def test_it_reproduces_winner_and_digest(verify, method: str) -> None:
    made = exported(method)
    done = verify(made)
    assert (done.returncode, done.stderr) == (0, "")
    (winner,) = made["winners"]
    first, digest, *steps, last, claimed = done.stdout.splitlines()
    assert first == f"Chosen: topic {winner}, Тема {winner}"
    assert digest == f"Digest: {made['digest']}"
    assert steps == list(tally.verify(json.dumps(made)).trace)
    assert last == "Counted again, the result is the one in the file."
    assert claimed == (
        "Not covered by the digest, and only what the file says: the round's title and times, "
        "addresses of topics."
    )


@pytest.mark.parametrize("method", ["approval", RUN_OFF])
def test_ballots_in_another_order_are_the_same(verify, method: str) -> None:
    made = exported(method)
    random.Random(1).shuffle(made["ballots"])
    made["options"].reverse()
    # A group may also stand in two lines.
    choices, number = made["ballots"].pop()
    made["ballots"] += [[choices, number - 1], [choices, 1]]
    assert verify(made).returncode == 0


@pytest.mark.parametrize(
    ("outcome", "said"),
    [("void", "Nothing is chosen."), ("advisory", "Ahead, as advice: topic")],
)
def test_it_says_what_became_of_a_missed_quorum(verify, outcome: str, said: str) -> None:
    """[V7]"""
    done = verify(exported("approval", quorum=1_001, quorum_rule=outcome))
    assert (done.returncode, done.stdout.startswith(said)) == (0, True)


def test_results_of_the_first_version_still_verify(verify) -> None:
    done = verify(FIRST)
    assert done.returncode == 0, done.stderr
    assert "Chosen: topic 2, Topic 2" in done.stdout
    assert "only what the file says: all titles, the times" in done.stdout
    assert verify(FIRST_VOID).returncode == 0
    changed = verify(FIRST | {"ballots": FIRST["ballots"][1:]})
    assert (changed.returncode, changed.stderr) == (
        1,
        "Counted again, this differs: digest, votes.\n",
    )


def test_topics_that_changed_their_titles(verify) -> None:
    """[V6] Whoever reads who won must read what the voters chose."""
    made = exported("approval")
    one, two = made["options"][:2]
    one["title"], two["title"] = two["title"], one["title"]
    done = verify(made)
    assert (done.returncode, done.stderr) == (1, "Counted again, this differs: digest.\n")


def test_a_topic_that_stands_twice(verify) -> None:
    made = exported("approval")
    made["options"].append(made["options"][0] | {"title": "Another"})
    done = verify(made)
    assert (done.returncode, done.stderr) == (2, "A topic stands twice in this file.\n")


@pytest.mark.parametrize("method", ["approval", RUN_OFF])
@pytest.mark.parametrize("part", ["digest", "winners", "votes", "stages", "outcome", "ballots"])
def test_one_sentence_on_what_differs(verify, method: str, part: str) -> None:
    made = exported(method)
    changed = {
        "digest": "0" * 64,
        "winners": [],
        "votes": made["votes"] | {"1": 0},
        "stages": [{}],
        "outcome": "void",
        "ballots": made["ballots"][:-1],
    }[part]
    done = verify(made | {part: changed})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert ("digest" if part == "ballots" else part) in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        *("", "no json", "[]", "{}", "null", "[" * 100_000, '{"round": ' + "9" * 5_000 + "}"),
        *('{"format": "another"}', '{"format": "kava-round-1"}', '{"format": "kava-round-2"}'),
        *('{"format": ["kava-round-2"], "round": {}}', '{"format": "kava-round-1", "round": 3}'),
    ],
)
def test_a_file_that_is_no_export(verify, text: str) -> None:
    done = verify(text)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.endswith(".\n")


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path, capsys) -> None:
    (tmp_path / "photo").write_bytes(b"\xff\xfe\x00")
    for arguments in ([str(tmp_path / "none")], [str(tmp_path / "photo")], [str(tmp_path)], []):
        assert tally.main(arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_what_a_file_says_cannot_command_a_terminal(verify) -> None:
    made = exported("approval")
    strange = dict.fromkeys(OPTIONS, "\x1b[2J\u202egone\r\n")
    for option in made["options"]:
        option["title"] = strange[option["id"]]
    _, whole = tally.read(json.dumps(made))
    made["digest"] = tally.count(whole).digest
    assert verify(made).stdout.splitlines()[0].endswith("?[2J?gone??")
    made["round"]["quorum_rule"] = "\x1b[2J"
    done = verify(made)
    assert (done.returncode, "?[2J" in done.stderr) == (1, True)


def test_a_seed_that_somebody_chose(verify) -> None:
    """[V6] It follows from the round and its topics, whatever a file says."""
    for seed in ("0" * 64, "\ud800"):
        made = exported("approval")
        made["round"]["tie_seed"] = seed
        done = verify(json.dumps(made))
        assert (done.returncode, "tie seed" in done.stderr) == (1, True)


def test_a_terminal_that_lacks_letters_gets_the_rest(verify) -> None:
    done = verify(exported("approval"), LC_ALL="C", PYTHONIOENCODING="ascii")
    assert done.returncode == 0


def test_an_old_python_can_read_it() -> None:
    """Readers have what their computer came with."""
    ast.parse(Path(tally.__file__).read_text(), feature_version=(3, 9))
