"""A settled round as anyone may keep it: without names, and complete enough to be counted again."""

import json
from typing import Any

from sqlalchemy.orm import Session

from membership.voting import paper, settling, tally
from membership.voting.models import Round, Tally

FORMAT = "kava-round-1"
# With fewer ballots than this, counts could tell who chose what: only winners are published (V8).
FEWEST_TO_SHOW = 5


class NotSettledError(Exception):
    """The round has no result yet."""


class UnreadableExportError(Exception):
    """The file is no export of a round."""


class DifferentResultError(Exception):
    """Counted again, the ballots give another result than the file says."""


def export(session: Session, round_: Round) -> dict[str, Any]:
    """The round as JSON: rules, options, tie seed, ballots in sorted order, digest and result.

    Raises NotSettledError. With fewer than FEWEST_TO_SHOW ballots it is not for publishing.
    """
    settled = session.get(Tally, round_.id)
    if settled is None:
        raise NotSettledError
    contest = settling.contest_of(session, round_)
    return {
        "format": FORMAT,
        "round": {
            "id": round_.id,
            "title": round_.title,
            "state": round_.state,
            "opens_at": round_.opens_at.isoformat(),
            "closes_at": round_.closes_at.isoformat(),
            "method": settled.method,
            "version": settled.version,
            "max_choices": round_.max_choices,
            "seats": round_.seats,
            "quorum": round_.quorum,
            "tie_seed": round_.tie_seed,
        },
        "options": [
            {"id": topic.id, "slug": topic.slug, "title": topic.title}
            for topic in paper.options(session, round_.id)
        ],
        "ballots": [list(ballot) for ballot in contest.ballots],
        "digest": settled.digest,
        "votes": settled.result["votes"],
        "winners": settled.result["winners"],
    }


def verify(text: str) -> tally.Result:
    """Count an exported round again, from the file alone.

    Raises UnreadableExportError, or DifferentResultError when digest, votes or winners differ.
    """
    exported, contest = _read(text)
    try:
        result = tally.count(contest)
    except tally.InvalidContestError as error:
        raise DifferentResultError(str(error)) from error
    seed = tally.tie_seed(contest.round_id, contest.options)
    found = {
        "tie seed": (contest.tie_seed, seed),
        "digest": (exported.get("digest"), result.digest),
        "votes": (exported.get("votes"), {str(key): votes for key, votes in result.votes.items()}),
        "winners": (exported.get("winners"), list(result.winners)),
    }
    wrong = [name for name, (said, again) in found.items() if said != again]
    if wrong:
        raise DifferentResultError(f"Counted again, this differs: {', '.join(wrong)}.")
    return result


def _read(text: str) -> tuple[dict[str, Any], tally.Contest]:
    try:
        exported = json.loads(text)
        if exported["format"] != FORMAT:
            raise UnreadableExportError(f"This is not the format {FORMAT}.")
        rules = exported["round"]
        if (rules["method"], rules["version"]) != (tally.METHOD, tally.VERSION):
            raise UnreadableExportError("This was counted by a method that is not known here.")
        contest = tally.Contest(
            round_id=int(rules["id"]),
            options=tuple(int(option["id"]) for option in exported["options"]),
            max_choices=int(rules["max_choices"]),
            seats=int(rules["seats"]),
            quorum=int(rules["quorum"]),
            tie_seed=str(rules["tie_seed"]),
            ballots=tuple(
                tuple(int(choice) for choice in ballot) for ballot in exported["ballots"]
            ),
        )
    # RecursionError: nested deeper than any export of ours.
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UnreadableExportError("This file is not an export of a round.") from error
    if contest.seats < 1 or contest.max_choices < 1:
        raise UnreadableExportError("A round without seats or choices is no round.")
    return exported, contest
