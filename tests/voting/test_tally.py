import hashlib
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.voting import tally
from tests.voting.contests import OPTIONS, RUN_OFF, SEED, TITLES, ballots, contest

tie_rules = st.sampled_from(("lot", "earliest"))


def place(rule: str, seed: str, topic: int) -> object:
    """The documented rule for ties: the smallest of these comes first."""
    return topic if rule == "earliest" else hashlib.sha256(f"{seed}:{topic}".encode()).hexdigest()


def by_hand(cast: list[tuple[int, ...]], seats: int, tie_rule: str) -> list[int]:
    """Seat after seat goes to whom most ballots name, of those who have none yet."""
    chosen: list[int] = []
    while len(chosen) < seats:
        named = {
            topic: len([ballot for ballot in cast if topic in ballot])
            for topic in OPTIONS
            if topic not in chosen
        }
        most = max(named.values())
        if not most:
            break
        level = [topic for topic, number in named.items() if number == most]
        chosen.append(min(level, key=lambda topic: place(tie_rule, SEED, topic)))
    return chosen


@given(ballots(), st.integers(1, 4), tie_rules)
def test_approval_agrees_with_counting_by_hand(cast, seats, tie_rule) -> None:
    """[V2] One vote for each topic named; those with the most win, ties by the documented rule."""
    result = tally.count(contest(*cast, seats=seats, tie_rule=tie_rule))
    assert list(result.winners) == by_hand(cast, seats, tie_rule)
    votes = Counter(topic for ballot in cast for topic in ballot)
    assert {topic: number for topic, number in result.votes.items() if number} == votes


@given(ballots(), st.randoms(), st.integers(1, 4))
def test_the_order_of_ballots_and_choices_changes_nothing(cast, random, seats) -> None:
    """[V6]"""
    mixed = [tuple(random.sample(ballot, len(ballot))) for ballot in cast]
    random.shuffle(mixed)
    options = tuple(random.sample(OPTIONS, len(OPTIONS)))
    assert tally.count(contest(*cast, seats=seats)) == tally.count(
        contest(*mixed, seats=seats, options=options)
    )


@pytest.mark.parametrize("method", ["approval", RUN_OFF])
def test_a_lot_is_decided_by_the_seed_alone(method: str) -> None:
    """[V6] SHA-256 of "seed:topic", the smallest first; another seed may choose another."""
    cast = [(1,), (2,), (3,), (4,), (5,)]
    seeds = [tally.tie_seed(number, OPTIONS) for number in range(40)]
    chosen = [tally.count(contest(*cast, method=method, tie_seed=seed)).winners for seed in seeds]
    by_rule = [min(OPTIONS, key=lambda topic: place("lot", seed, topic)) for seed in seeds]
    assert chosen == [(topic,) for topic in by_rule]
    assert set(by_rule) == set(OPTIONS)


def test_the_trace_tells_how_a_tie_was_decided() -> None:
    trace = tally.count(contest((1, 2), (1, 3), (2,))).trace
    assert trace[0] == "3 valid ballots, each naming up to 3 topics; the quorum is 1."
    assert "Topic 3: 1 vote." in trace
    assert trace[-2].startswith("Topics 1, 2 are level at 2 votes: SHA-256 of the tie seed")
    assert trace[-1] in ("Chosen for 1 seat: 1.", "Chosen for 1 seat: 2.")
    earliest = tally.count(contest((2,), (1,), tie_rule="earliest")).trace
    assert "suggested earlier" in earliest[-2]
    assert earliest[-1] == "Chosen for 1 seat: 1."


def test_a_tie_that_decides_nothing_needs_no_rule() -> None:
    trace = tally.count(contest((1, 2), (1, 2), seats=2)).trace
    assert not any("level" in sentence for sentence in trace)


@pytest.mark.parametrize("method", ["approval", RUN_OFF])
@pytest.mark.parametrize(
    ("cast", "quorum", "rule", "outcome"),
    [
        ([(1, 2)] * 4, 5, "void", "void"),
        ([(1, 2)] * 4, 5, "advisory", "advisory"),
        ([(1, 2)] * 5, 5, "void", "decided"),
        ([(1, 2)] * 5, 5, "advisory", "decided"),
        ([], 0, "void", "void"),
        ([], 1, "advisory", "void"),
    ],
)
def test_a_missed_quorum_is_never_a_silent_win(method, cast, quorum, rule, outcome) -> None:
    """[V7] The result is void or says that it is advice; nobody is ahead where nobody voted."""
    result = tally.count(
        contest(*cast, method=method, quorum=quorum, quorum_rule=rule, tie_rule="earliest")
    )
    assert result.outcome == outcome
    assert result.winners == (() if outcome == "void" else (1,))
    assert ("nothing is chosen" in result.trace[-1]) is (outcome != "decided")


def test_a_topic_without_votes_never_wins() -> None:
    assert tally.count(contest((4,), seats=3)).winners == (4,)


def test_the_digest_covers_everything_the_result_depends_on() -> None:
    """[V6]"""
    first = contest((1, 2), (3,))
    others = [
        replace(first, round_id=8),
        replace(first, options=TITLES | {6: "Another"}),
        replace(first, options=TITLES | {1: TITLES[2], 2: TITLES[1]}),
        replace(first, max_choices=2),
        replace(first, seats=2),
        replace(first, quorum=2),
        replace(first, quorum_rule="advisory"),
        replace(first, tie_rule="earliest"),
        replace(first, tie_seed="another"),
        replace(first, method=RUN_OFF),
        replace(first, version=1),
        replace(first, ballots={(1, 2): 1, (3,): 2}),
        replace(first, ballots={(1,): 1, (2, 3): 1}),
    ]
    digests = {tally.count(each).digest for each in [first, *others]}
    assert len(digests) == len(others) + 1


RULES = '"max_choices":3,"method":"approval","options":'
TOPICS = ",".join(rf'[{option},"\u0422\u0435\u043c\u0430 {option}"]' for option in OPTIONS)
DIGESTED = {
    1: '{"ballots":[[1,2],[3],[3]],' + RULES + '[1,2,3,4,5],"quorum":1,"round":7,"seats":1,'
    '"tie_seed":"S","version":1}',
    2: '{"ballots":[[[1,2],1],[[3],2]],' + RULES + f'[{TOPICS}],"quorum":1,'
    '"quorum_rule":"void","round":7,"seats":1,"tie_rule":"lot","tie_seed":"S","version":2}',
}


@pytest.mark.parametrize("version", DIGESTED)
def test_the_digest_is_a_promise(version: int) -> None:
    """[V6] Published digests must stay reproducible: a change here needs a new version."""
    again = tally.count(contest((3,), (2, 1), (3,), tie_seed="S", version=version))
    assert again.digest == hashlib.sha256(DIGESTED[version].encode()).hexdigest()


@pytest.mark.parametrize("method", ["approval", RUN_OFF])
@pytest.mark.parametrize("ballot", [(), (1, 2, 3, 4), (1, 1), (6,)])
def test_ballots_that_the_rules_do_not_allow_are_not_counted(method, ballot) -> None:
    with pytest.raises(tally.InvalidContestError):
        tally.count(contest((1,), ballot, method=method))


@pytest.mark.parametrize(
    "rules",
    [
        {"method": "borda"},
        {"tie_rule": "coin"},
        {"quorum_rule": "ignored"},
        {"version": 0},
        {"version": 3},
        {"version": 1, "method": RUN_OFF},
        {"version": 1, "tie_rule": "earliest"},
        {"version": 1, "quorum_rule": "advisory"},
        {"method": RUN_OFF, "seats": 2},
        {"seats": 0},
        {"max_choices": 0},
        {"quorum": -1},
        {"options": ()},
    ],
)
def test_rules_that_contradict_one_another_are_refused(rules) -> None:
    with pytest.raises(tally.InvalidContestError):
        tally.count(contest((1,), **rules))


@pytest.mark.parametrize("number", [0, -3])
def test_a_group_of_ballots_has_at_least_one(number: int) -> None:
    with pytest.raises(tally.InvalidContestError):
        tally.count(replace(contest(), ballots={(1,): 2, (2,): number}))
