"""The tally: a pure function of frozen ballots, method version and tie seed (rule V6).

Approval: each valid ballot gives one vote to each topic it names; the `seats` topics with the
most votes win, ties are ordered by SHA-256 of the tie seed and the topic's id. A topic without
a vote never wins; with fewer valid ballots than the quorum nobody does (rule V7).

Standard library only: this file alone reproduces any result from its export.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

METHOD = "approval"
VERSION = 1


class InvalidContestError(ValueError):
    """The ballots or the rules contradict one another: nothing can be counted."""


@dataclass(frozen=True)
class Contest:
    """Everything a result depends on; topics are named by their ids."""

    round_id: int
    options: tuple[int, ...]
    max_choices: int
    seats: int
    quorum: int
    tie_seed: str
    ballots: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Result:
    """`winners` from first to last; empty when the round is void."""

    digest: str
    votes: dict[int, int]
    winners: tuple[int, ...]
    is_void: bool
    trace: tuple[str, ...]


def tie_seed(round_id: int, options: Iterable[int]) -> str:
    """SHA-256 of the round's id and its ballot paper: known before opening, chosen by nobody."""
    paper = ",".join(str(option) for option in sorted(options))
    return hashlib.sha256(f"{round_id}:{paper}".encode()).hexdigest()


def tie_rank(seed: str, topic_id: int) -> str:
    """Among topics with equal votes, the one with the smaller rank comes first."""
    return hashlib.sha256(f"{seed}:{topic_id}".encode()).hexdigest()


def digest(contest: Contest) -> str:
    """SHA-256 over a canonical form of the contest, whatever order its parts came in."""
    canonical = {
        "ballots": sorted(sorted(ballot) for ballot in contest.ballots),
        "max_choices": contest.max_choices,
        "method": METHOD,
        "options": sorted(contest.options),
        "quorum": contest.quorum,
        "round": contest.round_id,
        "seats": contest.seats,
        "tie_seed": contest.tie_seed,
        "version": VERSION,
    }
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def count(contest: Contest) -> Result:
    """The result of a contest; raises InvalidContestError for ballots its rules do not allow."""
    _insist_on_valid_ballots(contest)
    counted = Counter(choice for ballot in contest.ballots for choice in ballot)
    votes = {option: counted[option] for option in sorted(contest.options)}
    trace = [
        f"{_plural(len(contest.ballots), 'valid ballot')}, each naming up to "
        f"{_plural(contest.max_choices, 'topic')}; the quorum is {contest.quorum}."
    ]
    trace += [f"Topic {option}: {_plural(number, 'vote')}." for option, number in votes.items()]
    if len(contest.ballots) < contest.quorum or not contest.ballots:
        trace.append("The quorum was missed: the round is void and nothing is chosen.")
        return Result(digest(contest), votes, (), True, tuple(trace))
    winners = _winners(contest, votes, trace)
    return Result(digest(contest), votes, winners, False, tuple(trace))


def _winners(contest: Contest, votes: dict[int, int], trace: list[str]) -> tuple[int, ...]:
    ranked = sorted(
        (option for option in votes if votes[option] > 0),
        key=lambda option: (-votes[option], tie_rank(contest.tie_seed, option)),
    )
    winners, others = ranked[: contest.seats], ranked[contest.seats :]
    if others and votes[winners[-1]] == votes[others[0]]:
        tied = [option for option in ranked if votes[option] == votes[winners[-1]]]
        trace.append(
            f"Topics {_listed(sorted(tied))} are level at {_plural(votes[tied[0]], 'vote')} "
            "with too few seats for all. SHA-256 of the tie seed and the topic's id decides, "
            f"smallest first: {_listed(tied)}."
        )
    trace.append(f"Chosen for {_plural(contest.seats, 'seat')}: {_listed(winners)}.")
    return tuple(winners)


def _insist_on_valid_ballots(contest: Contest) -> None:
    options = set(contest.options)
    for ballot in contest.ballots:
        chosen = set(ballot)
        if len(chosen) != len(ballot) or not 1 <= len(ballot) <= contest.max_choices:
            raise InvalidContestError(f"Ballot {list(ballot)} has the wrong number of choices.")
        if not chosen <= options:
            raise InvalidContestError(
                f"The ballot {list(ballot)} names a topic that did not stand."
            )


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _listed(options: Iterable[int]) -> str:
    return ", ".join(str(option) for option in options)
