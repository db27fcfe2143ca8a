"""A settled round as anyone may keep it: without names, and complete enough to be counted again."""

import csv
import io
from typing import Any

from sqlalchemy.orm import Session

from membership.voting import paper, settling, tally
from membership.voting.models import Round, Tally
from membership.voting.settling import FEWEST_TO_SHOW as FEWEST_TO_SHOW


class NotSettledError(Exception):
    """The round has no result yet."""


def export(session: Session, round_: Round) -> dict[str, Any]:
    """The round as JSON: rules, options, ballots as counted, digest and result.

    `ballots` has a line [choices, number] for each group of identical ballots, in sorted order;
    of a ranking it has the part that the count has read (see tally.as_counted).

    Raises NotSettledError. With fewer than FEWEST_TO_SHOW ballots it is not for publishing.
    """
    settled = session.get(Tally, round_.id)
    if settled is None:
        raise NotSettledError
    contest = settling.contest_of(session, round_, settled.version)
    result = tally.count(contest)
    return {
        "format": tally.FORMAT,
        "round": {
            "id": round_.id,
            "title": round_.title,
            "opens_at": round_.opens_at.isoformat(),
            "closes_at": round_.closes_at.isoformat(),
            "method": settled.method,
            "version": settled.version,
            "max_choices": round_.max_choices,
            "seats": round_.seats,
            "quorum": round_.quorum,
            "quorum_rule": round_.quorum_rule,
            "tie_rule": round_.tie_rule,
            "tie_seed": round_.tie_seed,
        },
        "options": [
            {"id": topic.id, "slug": topic.slug, "title": topic.title}
            for topic in paper.options(session, round_.id)
        ],
        "ballots": sorted(
            [list(ballot), number]
            for ballot, number in tally.as_counted(contest, result.stages).items()
        ),
        **result.as_json(),
        "digest": settled.digest,
    }


def ballots(exported: dict[str, Any]) -> int:
    """How many ballots an export holds."""
    return sum(number for _, number in exported["ballots"])


def csv_of(exported: dict[str, Any]) -> str:
    """The ballots for a spreadsheet, a line for each group. Topics are named by the last part of
    their address, which no spreadsheet takes for a formula."""
    slugs = {option["id"]: option["slug"] for option in exported["options"]}
    columns = ["ballots", *(f"choice_{n}" for n in range(1, exported["round"]["max_choices"] + 1))]
    written = io.StringIO()
    lines = csv.DictWriter(written, columns)
    lines.writeheader()
    for choices, number in exported["ballots"]:
        chosen = [slugs[choice] for choice in choices]
        lines.writerow(dict(zip(columns, [number, *chosen], strict=False)))
    return written.getvalue()
