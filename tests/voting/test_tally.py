import hashlib
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from membership.voting import tally
from membership.voting.tally import Contest

OPTIONS = (1, 2, 3, 4, 5)
SEED = tally.tie_seed(7, OPTIONS)


def contest(*ballots: tuple[int, ...], **values) -> Contest:
    defaults = {
        "round_id": 7,
        "method": "approval",
        "version": 2,
        "options": OPTIONS,
        "max_choices": 3,
        "seats": 1,
        "quorum": 1,
        "quorum_rule": "void",
        "tie_rule": "lot",
        "tie_seed": SEED,
    }
    return Contest(**(defaults | values), ballots=Counter(ballots))


ballots = st.lists(
    st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=3, unique=True).map(tuple), max_size=30
)


@given(ballots, st.randoms(), st.integers(1, 4))
def test_the_order_of_ballots_and_choices_changes_nothing(cast, random, seats) -> None:
    """[V6]"""
    mixed = [tuple(random.sample(ballot, len(ballot))) for ballot in cast]
    random.shuffle(mixed)
    options = tuple(random.sample(OPTIONS, len(OPTIONS)))
    assert tally.count(contest(*cast, seats=seats)) == tally.count(
        contest(*mixed, seats=seats, options=options)
    )


@given(ballots, st.integers(1, 4))
def test_approval_agrees_with_counting_by_hand_when_nothing_is_level(cast, seats) -> None:
    """[V2] One vote for each topic named; those with the most win."""
    votes = Counter(topic for ballot in cast for topic in set(ballot))
    assume(len(set(votes.values())) == len(votes))
    by_hand = [topic for topic, _ in votes.most_common(seats)]
    result = tally.count(contest(*cast, seats=seats))
    assert list(result.winners) == by_hand
    assert {topic: number for topic, number in result.votes.items() if number} == votes


@given(ballots, st.integers(1, 4))
def test_no_loser_has_more_votes_than_a_winner(cast, seats) -> None:
    result = tally.count(contest(*cast, seats=seats))
    losers = set(OPTIONS) - set(result.winners)
    assert all(
        result.votes[loser] <= result.votes[winner] for loser in losers for winner in result.winners
    )
    assert len(result.winners) == min(seats, sum(number > 0 for number in result.votes.values()))


def test_a_tie_is_decided_by_the_seed_alone() -> None:
    """[V6] SHA-256 of "seed:topic", the smallest first; another seed may choose another."""
    cast = [(1,), (2,), (3,), (4,), (5,)]
    seeds = [tally.tie_seed(number, OPTIONS) for number in range(40)]
    chosen = [tally.count(contest(*cast, tie_seed=seed)).winners[0] for seed in seeds]
    by_hand = [
        min(OPTIONS, key=lambda topic: hashlib.sha256(f"{seed}:{topic}".encode()).hexdigest())
        for seed in seeds
    ]
    assert chosen == by_hand
    assert set(chosen) == set(OPTIONS)


def test_the_trace_tells_how_a_tie_was_decided() -> None:
    trace = tally.count(contest((1, 2), (1, 3), (2,))).trace
    assert trace[0] == "3 valid ballots, each naming up to 3 topics; the quorum is 1."
    assert "Topic 3: 1 vote." in trace
    assert trace[-2].startswith("Topics 1, 2 are level at 2 votes")
    assert trace[-1] in ("Chosen for 1 seat: 1.", "Chosen for 1 seat: 2.")


def test_a_tie_that_decides_nothing_needs_no_seed() -> None:
    trace = tally.count(contest((1, 2), (1, 2), seats=2)).trace
    assert not any("level" in sentence for sentence in trace)


@pytest.mark.parametrize(
    ("cast", "quorum", "is_void"),
    [([(1,)] * 4, 5, True), ([(1,)] * 5, 5, False), ([], 0, True)],
)
def test_a_missed_quorum_is_never_a_silent_win(cast, quorum, is_void) -> None:
    """[V7]"""
    result = tally.count(contest(*cast, quorum=quorum))
    assert (result.outcome == "void") is is_void
    assert result.winners == (() if is_void else (1,))


def test_a_topic_without_votes_never_wins() -> None:
    assert tally.count(contest((4,), seats=3)).winners == (4,)


def test_the_digest_covers_everything_the_result_depends_on() -> None:
    """[V6]"""
    first = contest((1, 2), (3,))
    others = [
        replace(first, round_id=8),
        replace(first, options=(*OPTIONS, 6)),
        replace(first, max_choices=2),
        replace(first, seats=2),
        replace(first, quorum=2),
        replace(first, tie_seed="another"),
        replace(first, quorum_rule="advisory"),
        replace(first, tie_rule="earliest"),
        replace(first, ballots={(1, 2): 1, (3,): 2}),
        replace(first, ballots={(1,): 1, (2, 3): 1}),
    ]
    digests = {tally.count(each).digest for each in [first, *others]}
    assert len(digests) == len(others) + 1


DIGESTED = {
    1: '{"ballots":[[1,2],[3],[3]],"max_choices":3,"method":"approval","options":[1,2,3,4,5],'
    '"quorum":1,"round":7,"seats":1,"tie_seed":"S","version":1}',
    2: '{"ballots":[[[1,2],1],[[3],2]],"max_choices":3,"method":"approval","options":[1,2,3,4,5],'
    '"quorum":1,"quorum_rule":"void","round":7,"seats":1,"tie_rule":"lot","tie_seed":"S",'
    '"version":2}',
}


@pytest.mark.parametrize("version", DIGESTED)
def test_the_digest_is_a_promise(version: int) -> None:
    """[V6] Published digests must stay reproducible: a change here needs a new version."""
    again = tally.count(contest((3,), (2, 1), (3,), tie_seed="S", version=version))
    assert again.digest == hashlib.sha256(DIGESTED[version].encode()).hexdigest()


@pytest.mark.parametrize("ballot", [(), (1, 2, 3, 4), (1, 1), (6,)])
def test_ballots_that_the_rules_do_not_allow_are_not_counted(ballot) -> None:
    with pytest.raises(tally.InvalidContestError):
        tally.count(contest((1,), ballot))
