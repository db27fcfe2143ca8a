"""What is shown of a round's result, on every page alike (rule V8)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.articles.models import Article
from membership.voting import paper
from membership.voting.export import FEWEST_TO_SHOW, NotSettledError
from membership.voting.models import Round, Tally, Topic, TopicChange
from membership.voting.tally import ADVISORY, DECIDED, VOID, Stage


@dataclass(frozen=True)
class Winner:
    """`topic.state` says what became of it; `article` is its story, once that is published."""

    topic: Topic
    article: Article | None


@dataclass(frozen=True)
class Overruling:
    """A topic that was neither chosen nor advised and was taken up all the same (rule V12)."""

    topic: Topic
    reason: str
    at: datetime


@dataclass(frozen=True)
class Row:
    """`votes` of approval, or first choices of instant-runoff; `share` of all ballots, 0 to 100."""

    topic: Topic
    votes: int
    share: float
    won: bool


@dataclass(frozen=True)
class Counted:
    """What is published only when there are enough ballots to hide in.

    `electorate`: how many might have voted; None for rounds settled before that was kept. `stages`
    of instant-runoff: votes by topic id, of the topics that still stood.
    """

    ballots: int
    electorate: int | None
    rows: list[Row]
    stages: list[Stage]
    method: str
    version: int
    quorum: int
    quorum_rule: str
    tie_rule: str
    digest: str
    trace: list[str]


@dataclass(frozen=True)
class Published:
    """`winners` when the outcome is "decided"; `advice`, the topics ahead, when it is "advisory".

    The `public_reason` of advice that was followed says why. `counted` is None when so few voted
    that only the winners are published.
    """

    outcome: str
    winners: list[Winner]
    advice: list[Topic]
    overrulings: list[Overruling]
    counted: Counted | None


def published(session: Session, round_: Round) -> Published:
    """The result of a settled or void round. Raises NotSettledError."""
    tally = session.get(Tally, round_.id)
    if tally is None:
        raise NotSettledError
    topics = {topic.id: topic for topic in paper.options(session, round_.id)}
    ahead = [topics[topic_id] for topic_id in tally.result["winners"]]
    # Version 1 of the count stored no outcome, and knew no advice.
    outcome = tally.result.get("outcome", VOID if round_.state == "void" else DECIDED)
    won = ahead if outcome == DECIDED else []
    advice = ahead if outcome == ADVISORY else []
    return Published(
        outcome=outcome,
        winners=_with_articles(session, won),
        advice=advice,
        # Whoever follows advice overrules nothing.
        overrulings=_overrulings(session, [each for each in topics.values() if each not in advice]),
        counted=(
            _counted(round_, tally, topics, {topic.id for topic in won})
            if tally.ballots >= FEWEST_TO_SHOW
            else None
        ),
    )


def _with_articles(session: Session, winners: list[Topic]) -> list[Winner]:
    wanted = select(Article).where(Article.id.in_([topic.article_id for topic in winners]))
    articles = {article.id: article for article in session.scalars(wanted)}
    return [Winner(topic, articles.get(topic.article_id or 0)) for topic in winners]


def _overrulings(session: Session, topics: Iterable[Topic]) -> list[Overruling]:
    behind = {topic.id: topic for topic in topics}
    changes = session.scalars(
        select(TopicChange)
        .where(
            TopicChange.topic_id.in_(behind),
            TopicChange.from_state == "not_selected",
            TopicChange.to_state == "assigned",
        )
        .order_by(TopicChange.id)
    )
    return [
        Overruling(behind[change.topic_id], change.reason or "", change.created_at)
        for change in changes
    ]


def _counted(round_: Round, tally: Tally, topics: dict[int, Topic], won: set[int]) -> Counted:
    votes = {int(topic_id): number for topic_id, number in tally.result["votes"].items()}
    stages = [
        Stage({int(id_): number for id_, number in stage["votes"].items()}, stage["exhausted"])
        for stage in tally.result.get("stages", [])
    ]
    order = _order(tally.result["winners"], votes, stages)
    rows = [
        Row(topics[id_], votes[id_], 100 * votes[id_] / tally.ballots, id_ in won) for id_ in order
    ]
    return Counted(
        ballots=tally.ballots,
        electorate=tally.electorate,
        rows=rows,
        stages=stages,
        method=tally.method,
        version=tally.version,
        quorum=round_.quorum,
        quorum_rule=round_.quorum_rule,
        tie_rule=round_.tie_rule,
        digest=tally.digest,
        trace=tally.result["trace"],
    )


def _order(winners: list[int], votes: dict[int, int], stages: list[Stage]) -> list[int]:
    """Winners in the order of the tally, which a tie has decided; the others by votes in the last
    stage they stood in, if there are stages."""

    def place(topic_id: int) -> tuple[int, int, int, int]:
        won = winners.index(topic_id) if topic_id in winners else len(winners)
        stood = [stage.votes[topic_id] for stage in stages if topic_id in stage.votes]
        return won, -len(stood), -(stood[-1] if stood else votes[topic_id]), topic_id

    return sorted(votes, key=place)
