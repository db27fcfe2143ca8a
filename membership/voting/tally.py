"""The tally: a pure function of frozen ballots, rules and tie seed (rule V6).

Approval: a ballot gives one vote to each topic it names; the `seats` topics with the most votes
are chosen. Instant-runoff: a ballot counts for its highest choice that still stands; whoever has
more than half of the ballots that count is chosen, else the last is out and its ballots move on
to their next choice, stage by stage; topics that no ballot counts for go out together.

The tie rule orders level topics, and puts out the last of them: "lot" by SHA-256 of the tie seed
and the topic's id, smallest first; "earliest" by the topic's id, smallest first. A topic without
a vote is never chosen. With fewer ballots than the quorum the round is void or, by the quorum
rule, its result is advice (rule V7); without any ballot it is void.

Python's standard library only: this file is also the verifier that readers download. It counts an
exported round again with Python 3.9 or later:  python3 verify.py round-7.json
"""

import hashlib
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

APPROVAL, INSTANT_RUNOFF = "approval", "instant_runoff"
LOT, EARLIEST = "lot", "earliest"
DECIDED, ADVISORY, VOID = "decided", "advisory", "void"
# Version 1 knew one method and rule of each kind; its digest lists ballots one by one, and names
# topics by their ids alone.
VERSION = 2
RULES = {
    1: {(APPROVAL, LOT, VOID)},
    2: set(product((APPROVAL, INSTANT_RUNOFF), (LOT, EARLIEST), (VOID, ADVISORY))),
}
FORMAT, FIRST_FORMAT = "kava-round-2", "kava-round-1"


class InvalidContestError(ValueError):
    """The ballots or the rules contradict one another: nothing can be counted."""


class UnreadableExportError(Exception):
    """The file is no export of a round."""


class DifferentResultError(Exception):
    """Counted again, the ballots give another result than the file says."""


@dataclass(frozen=True)
class Contest:
    """Everything a result depends on; topics are named by their ids.

    `options` has the title of each topic, as voters read it: the digest of version 2 covers it.
    `ballots` has the number of each group of identical ballots: for approval the order of the
    choices means nothing, for instant-runoff the most wanted comes first.
    """

    round_id: int
    method: str
    version: int
    options: Mapping[int, str]
    max_choices: int
    seats: int
    quorum: int
    quorum_rule: str
    tie_rule: str
    tie_seed: str
    ballots: Mapping[tuple[int, ...], int]


@dataclass(frozen=True)
class Stage:
    """Votes of each topic that still stands, and the ballots none of whose choices does."""

    votes: dict[int, int]
    exhausted: int


@dataclass(frozen=True)
class Result:
    """`outcome`: "decided", "advisory" (the winners are advice, nothing is chosen) or "void".

    `votes`: of each topic; for instant-runoff its first choices. `winners` from first to last.
    `stages` of instant-runoff, none when void.
    """

    outcome: str
    digest: str
    votes: dict[int, int]
    winners: tuple[int, ...]
    stages: tuple[Stage, ...]
    trace: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The result without digest and trace, as it is stored and exported."""
        return {
            "outcome": self.outcome,
            "votes": _named(self.votes),
            "winners": list(self.winners),
            "stages": [
                {"votes": _named(stage.votes), "exhausted": stage.exhausted}
                for stage in self.stages
            ],
        }


def tie_seed(round_id: int, options: Iterable[int]) -> str:
    """SHA-256 of the round's id and its ballot paper: known to everybody before the opening.

    Votes do not change it. Whoever builds a round can: another draft, or paper, has another seed.
    """
    paper = ",".join(str(option) for option in sorted(options))
    return hashlib.sha256(f"{round_id}:{paper}".encode()).hexdigest()


def count(contest: Contest) -> Result:
    """The result of a contest; raises InvalidContestError for one that its rules do not allow."""
    _insist_on_valid(contest)
    cast, votes = sum(contest.ballots.values()), _votes(contest)
    trace = [_rules_in_words(contest, cast)]
    winners: tuple[int, ...] = ()
    stages: tuple[Stage, ...] = ()
    if not cast or (cast < contest.quorum and contest.quorum_rule == VOID):
        outcome = VOID
        trace += _votes_in_words(votes)
        why = "The quorum was missed" if cast else "Nobody voted"
        trace.append(f"{why}: the round is void and nothing is chosen.")
    else:
        if contest.method == APPROVAL:
            winners = _most_approved(contest, votes, trace)
        else:
            winners, stages = _run_off(contest, trace)
        outcome = DECIDED if cast >= contest.quorum else ADVISORY
        if outcome == ADVISORY:
            trace.append("The quorum was missed: this is advice, and nothing is chosen by it.")
    found = _digest(contest, as_counted(contest, stages))
    return Result(outcome, found, votes, winners, stages, tuple(trace))


def as_counted(contest: Contest, stages: Sequence[Stage]) -> dict[tuple[int, ...], int]:
    """The ballots as far as the count has read them: what the digest covers and what is published.

    Of a ranking these are the topics that it counted for, one after another; the others cannot
    change the result. Whole rankings are easily like no other: who buys or orders votes could
    tell each voter to rank in a way of their own, and look for it among the published ballots
    ("Italian attack"). Counting what is left gives the same stages.

    That makes it harder, not impossible. In a run-off of many stages a ranking that names weak
    topics from the weakest up is read to its end; and an approval ballot is published whole, so
    with more possible sets of topics than voters some stand alone.
    """
    stood = dict.fromkeys(contest.options, 0)
    for number, stage in enumerate(stages):
        stood.update(dict.fromkeys(stage.votes, number))

    def read_part(ballot: tuple[int, ...]) -> tuple[int, ...]:
        if contest.method == APPROVAL:
            return tuple(sorted(ballot))
        read = list(ballot[:1])
        for choice in ballot[1:]:
            if stood[choice] > stood[read[-1]]:
                read.append(choice)
        return tuple(read)

    grouped: Counter[tuple[int, ...]] = Counter()
    for ballot, number in contest.ballots.items():
        grouped[read_part(ballot)] += number
    return grouped


def _digest(contest: Contest, ballots: Mapping[tuple[int, ...], int]) -> str:
    """SHA-256 over a canonical form of the contest, whatever order its parts came in."""
    grouped = sorted((list(ballot), number) for ballot, number in ballots.items())
    canonical: dict[str, Any] = {
        "ballots": grouped,
        "max_choices": contest.max_choices,
        "method": contest.method,
        "options": sorted([option, title] for option, title in contest.options.items()),
        "quorum": contest.quorum,
        "round": contest.round_id,
        "seats": contest.seats,
        "tie_seed": contest.tie_seed,
        "version": contest.version,
    }
    if contest.version == 1:
        canonical["ballots"] = [ballot for ballot, number in grouped for _ in range(number)]
        canonical["options"] = sorted(contest.options)
    else:
        canonical |= {"quorum_rule": contest.quorum_rule, "tie_rule": contest.tie_rule}
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# Counting


def _votes(contest: Contest) -> dict[int, int]:
    votes = dict.fromkeys(sorted(contest.options), 0)
    for ballot, number in contest.ballots.items():
        for choice in ballot if contest.method == APPROVAL else ballot[:1]:
            votes[choice] += number
    return votes


def _most_approved(contest: Contest, votes: dict[int, int], trace: list[str]) -> tuple[int, ...]:
    trace += _votes_in_words(votes)
    ranked = _by_tie_rule(contest, (option for option in votes if votes[option]))
    ranked.sort(key=lambda option: -votes[option])
    winners, others = ranked[: contest.seats], ranked[contest.seats :]
    if others and votes[winners[-1]] == votes[others[0]]:
        tied = [option for option in ranked if votes[option] == votes[others[0]]]
        trace.append(_tie_in_words(contest, tied, votes))
    trace.append(f"Chosen for {_plural(contest.seats, 'seat')}: {_listed(winners)}.")
    return tuple(winners)


def _run_off(contest: Contest, trace: list[str]) -> tuple[tuple[int, ...], tuple[Stage, ...]]:
    piles: dict[int, Counter[tuple[int, ...]]] = {
        option: Counter() for option in sorted(contest.options)
    }
    for ballot, number in contest.ballots.items():
        piles[ballot[0]][ballot] += number
    stages: list[Stage] = []
    exhausted = 0
    while True:
        votes = {option: sum(pile.values()) for option, pile in piles.items()}
        stages.append(Stage(votes, exhausted))
        trace.append(_stage_in_words(len(stages), stages[-1]))
        winners, out = _end_of_stage(contest, votes, trace)
        if winners:
            return winners, tuple(stages)
        for ballot, number in [each for gone in out for each in piles.pop(gone).items()]:
            following = next((choice for choice in ballot if choice in piles), None)
            if following is None:
                exhausted += number
            else:
                piles[following][ballot] += number


def _end_of_stage(
    contest: Contest, votes: dict[int, int], trace: list[str]
) -> tuple[tuple[int, ...], list[int]]:
    """The winner, or else who is out."""
    ahead, counting = max(votes, key=votes.__getitem__), sum(votes.values())
    if 2 * votes[ahead] > counting:
        trace.append(f"Topic {ahead} has more than half of {counting} and is chosen.")
        return (ahead,), []
    last = _by_tie_rule(contest, (o for o in votes if votes[o] == min(votes.values())))
    if not votes[last[0]]:
        trace.append(f"None has more than half of {counting}. Out without a vote: {_listed(last)}.")
        return (), last
    if len(last) > 1:
        trace.append(_tie_in_words(contest, last, votes))
    if len(votes) == 2:
        trace.append(f"Of the last two, topic {last[0]} is chosen.")
        return (last[0],), []
    trace.append(
        f"None has more than half of {counting}. Topic {last[-1]} is last and out; its ballots "
        "move to their next choice."
    )
    return (), last[-1:]


def _by_tie_rule(contest: Contest, tied: Iterable[int]) -> list[int]:
    def lot(option: int) -> str:
        return hashlib.sha256(f"{contest.tie_seed}:{option}".encode()).hexdigest()

    return sorted(tied, key=lot if contest.tie_rule == LOT else None)


def _insist_on_valid(contest: Contest) -> None:
    rules = (contest.method, contest.tie_rule, contest.quorum_rule)
    options = set(contest.options)
    if rules not in RULES.get(contest.version, ()):
        said = f"Version {contest.version} of the count does not know {', '.join(rules)}."
        raise InvalidContestError(said)
    if min(contest.seats, contest.max_choices, len(options)) < 1 or contest.quorum < 0:
        raise InvalidContestError("A round without seats, choices or topics is no round.")
    if contest.method == INSTANT_RUNOFF and contest.seats != 1:
        raise InvalidContestError("Instant-runoff has one seat.")
    for ballot, number in contest.ballots.items():
        if len(set(ballot)) != len(ballot) or not 1 <= len(ballot) <= contest.max_choices:
            raise InvalidContestError(f"Ballot {list(ballot)} has the wrong number of choices.")
        if not options.issuperset(ballot):
            raise InvalidContestError(f"Ballot {list(ballot)} names a topic that did not stand.")
        if number < 1:
            raise InvalidContestError(f"Ballot {list(ballot)} was cast {number} times.")


# Words


def _rules_in_words(contest: Contest, cast: int) -> str:
    does = "naming" if contest.method == APPROVAL else "ranking"
    most = _plural(contest.max_choices, "topic")
    return (
        f"{_plural(cast, 'valid ballot')}, each {does} up to {most}; "
        f"the quorum is {contest.quorum}."
    )


def _votes_in_words(votes: dict[int, int]) -> list[str]:
    return [f"Topic {option}: {_plural(number, 'vote')}." for option, number in votes.items()]


def _stage_in_words(number: int, stage: Stage) -> str:
    votes = ", ".join(f"topic {option} has {votes}" for option, votes in stage.votes.items())
    rest = f" On {_plural(stage.exhausted, 'ballot')} no choice stands any more."
    return f"Votes in stage {number}: {votes}.{rest if stage.exhausted else ''}"


def _tie_in_words(contest: Contest, ordered: list[int], votes: dict[int, int]) -> str:
    rule = {
        LOT: "SHA-256 of the tie seed and the topic's id decides, smallest first",
        EARLIEST: "the topic that was suggested earlier, with the smaller id, comes first",
    }[contest.tie_rule]
    level = _plural(votes[ordered[0]], "vote")
    return f"Topics {_listed(sorted(ordered))} are level at {level}: {rule}: {_listed(ordered)}."


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _listed(options: Iterable[int]) -> str:
    return ", ".join(str(option) for option in options)


def _named(votes: dict[int, int]) -> dict[str, int]:
    return {str(option): number for option, number in votes.items()}


# Exports


def read(text: str) -> tuple[dict[str, Any], Contest]:
    """An exported round as it stands in its file, and its contest; raises UnreadableExportError."""
    try:
        exported = json.loads(text)
        rules = exported["round"]
        if exported["format"] == FIRST_FORMAT:
            rules = {"quorum_rule": VOID, "tie_rule": LOT} | rules
            lines = [(ballot, 1) for ballot in exported["ballots"]]
        elif exported["format"] == FORMAT:
            lines = exported["ballots"]
        else:
            raise UnreadableExportError(f"This is neither {FORMAT} nor {FIRST_FORMAT}.")
        ballots: Counter[tuple[int, ...]] = Counter()
        for choices, number in lines:
            ballots[tuple(_whole(choice) for choice in choices)] += _whole(number)
        contest = Contest(
            round_id=_whole(rules["id"]),
            method=str(rules["method"]),
            version=_whole(rules["version"]),
            options={_whole(each["id"]): _words(each["title"]) for each in exported["options"]},
            max_choices=_whole(rules["max_choices"]),
            seats=_whole(rules["seats"]),
            quorum=_whole(rules["quorum"]),
            quorum_rule=str(rules["quorum_rule"]),
            tie_rule=str(rules["tie_rule"]),
            tie_seed=str(rules["tie_seed"]),
            ballots=ballots,
        )
    # RecursionError: nested deeper than any export of ours.
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise UnreadableExportError("This file is not an export of a round.") from error
    if contest.version not in RULES or contest.method not in (APPROVAL, INSTANT_RUNOFF):
        raise UnreadableExportError("This was counted by a method that is not known here.")
    if len(contest.options) != len(exported["options"]):
        raise UnreadableExportError("A topic stands twice in this file.")
    return exported, contest


def verify(text: str) -> Result:
    """Count an exported round again, from the file alone.

    Raises UnreadableExportError, or DifferentResultError that says what differs.
    """
    exported, contest = read(text)
    if contest.tie_seed != tie_seed(contest.round_id, contest.options):
        raise DifferentResultError("The tie seed does not follow from the round and its topics.")
    try:
        result = count(contest)
    except InvalidContestError as error:
        raise DifferentResultError(str(error)) from error
    found = {"digest": result.digest} | result.as_json()
    if exported["format"] == FIRST_FORMAT:
        del found["outcome"], found["stages"]
    wrong = [name for name, value in found.items() if exported.get(name) != value]
    if wrong:
        raise DifferentResultError(f"Counted again, this differs: {', '.join(wrong)}.")
    return result


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 the same result, 1 a different one, 2 no export of a round."""
    if len(arguments) != 1:
        return _refuse(2, "Say which file: python3 verify.py round-7.json")
    try:
        with open(arguments[0], encoding="utf-8-sig") as file:
            text = file.read()
        result = verify(text)
    except OSError as error:
        return _refuse(2, f"{arguments[0]}: {error.strerror}.")
    except UnicodeDecodeError:
        return _refuse(2, "This file is not an export of a round.")
    except UnreadableExportError as error:
        return _refuse(2, str(error))
    except DifferentResultError as error:
        return _refuse(1, str(error))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal knows every letter
    _, contest = read(text)
    for line in _report(contest, result):
        sys.stdout.write(f"{_printable(line)}\n")
    return 0


def _report(contest: Contest, result: Result) -> list[str]:
    said = {DECIDED: "Chosen", ADVISORY: "Ahead, as advice", VOID: "Nothing is chosen"}
    chosen = [
        f"{said[result.outcome]}: topic {topic}, {contest.options[topic]}"
        for topic in result.winners
    ]
    whose = "the round's title and times" if contest.version > 1 else "all titles, the times"
    return [
        *(chosen or [f"{said[VOID]}."]),
        f"Digest: {result.digest}",
        *result.trace,
        "Counted again, the result is the one in the file.",
        f"Not covered by the digest, and only what the file says: {whose}, addresses of topics.",
    ]


def _refuse(status: int, sentence: str) -> int:
    sys.stderr.write(f"{_printable(sentence)}\n")
    return status


def _printable(line: str) -> str:
    """A file may hold anything, and a terminal obeys some of it."""
    return "".join(each if each.isprintable() else "?" for each in line)


def _words(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
