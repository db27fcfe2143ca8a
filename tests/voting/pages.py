"""What the tests of the vote's pages share."""

import html
import re
from collections.abc import Sequence

from sqlalchemy.orm import Session

from membership.voting import paper, rounds
from membership.voting.models import Round
from tests import factories


def text_of(answer) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split()))


def chosen_in(answer) -> list[int]:
    return [
        int(value)
        for value in re.findall(
            r'name="choice" value="(\d+)"[^>]* checked', answer.get_data(as_text=True)
        )
    ]


def places_in(answer) -> dict[int, int]:
    """The place of each topic that has one, as it stands in a ranked ballot."""
    selects = re.findall(
        r'name="place-(\d+)"(.*?)</select>', answer.get_data(as_text=True), re.DOTALL
    )
    chosen = {topic: re.search(r'value="(\d+)" selected', options) for topic, options in selects}
    return {int(topic): int(place.group(1)) for topic, place in chosen.items() if place}


def topic_ids(session: Session, held: Round) -> list[int]:
    return [topic.id for topic in paper.options(session, held.id)]


def settle(session: Session, held: Round) -> Round:
    held.closes_at = rounds.database_now(session)
    session.flush()
    while rounds.advance(session, held.id):
        pass
    session.refresh(held)
    return held


def settled(session: Session, ballots: int | Sequence[Sequence[int]], **values) -> Round:
    """A round that is over. `ballots`: what each patron chose, by the topics' positions; a number
    has every patron choose the first topic, and every other one the second besides."""
    held = factories.round_(session, **values)
    ids = topic_ids(session, held)
    if isinstance(ballots, int):
        ballots = [[0, 1] if number % 2 else [0] for number in range(ballots)]
    for positions in ballots:
        voter = factories.patron(session)
        rounds.cast(session, held.id, voter.id, [ids[position] for position in positions])
    return settle(session, held)
