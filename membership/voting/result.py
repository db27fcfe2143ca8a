"""What is shown of a round's result, on every page alike (rule V8)."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from membership.voting import paper
from membership.voting.export import FEWEST_TO_SHOW, NotSettledError
from membership.voting.models import Round, Tally, Topic


@dataclass(frozen=True)
class Row:
    """`share` is the part of all ballots that name the topic, from 0 to 100."""

    topic: Topic
    votes: int
    share: float
    won: bool


@dataclass(frozen=True)
class Counted:
    """What is published only when there are enough ballots to hide in."""

    ballots: int
    rows: list[Row]
    digest: str
    version: int
    trace: list[str]


@dataclass(frozen=True)
class Published:
    """`counted` is None when so few voted that only the winners are published."""

    winners: list[Topic]
    is_void: bool
    counted: Counted | None


def published(session: Session, round_: Round) -> Published:
    """The result of a settled or void round. Raises NotSettledError."""
    tally = session.get(Tally, round_.id)
    if tally is None:
        raise NotSettledError
    topics = {topic.id: topic for topic in paper.options(session, round_.id)}
    winners = [topics[topic_id] for topic_id in tally.result["winners"]]
    counted = _counted(tally, topics) if tally.ballots >= FEWEST_TO_SHOW else None
    return Published(winners, round_.state == "void", counted)


def _counted(tally: Tally, topics: dict[int, Topic]) -> Counted:
    winners = tally.result["winners"]
    # Winners stand in the order of the tally, which a tie has decided; the others by votes.
    place = {topic_id: number for number, topic_id in enumerate(winners)}
    votes = {int(topic_id): number for topic_id, number in tally.result["votes"].items()}
    order = sorted(votes, key=lambda id_: (place.get(id_, len(place)), -votes[id_], id_))
    rows = [
        Row(topics[id_], votes[id_], 100 * votes[id_] / tally.ballots, id_ in place)
        for id_ in order
    ]
    return Counted(tally.ballots, rows, tally.digest, tally.version, tally.result["trace"])
