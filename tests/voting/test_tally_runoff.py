import itertools
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings

from membership.voting import tally
from tests.voting.contests import OPTIONS, RUN_OFF, SEED, ballots, contest
from tests.voting.test_tally import place, tie_rules


def run_off(*cast: tuple[int, ...], **values) -> tally.Contest:
    return contest(*cast, **({"method": RUN_OFF, "max_choices": 5} | values))


def winner_by_hand(
    cast: list[tuple[int, ...]], tie_rule: str, standing: frozenset[int] = frozenset(OPTIONS)
) -> int:
    """Another way to count: each time over all ballots, one topic out at a time, to the last."""
    if len(standing) == 1:
        return min(standing)
    first = [[topic for topic in ballot if topic in standing][:1] for ballot in cast]
    votes = {topic: first.count([topic]) for topic in standing}
    for topic in standing:
        if votes[topic] > sum(votes.values()) - votes[topic]:
            return topic
    # Of those that are last, the one that the rule for ties puts last.
    order = sorted(standing, key=lambda topic: place(tie_rule, SEED, topic))
    out = min(reversed(order), key=lambda topic: votes[topic])
    return winner_by_hand(cast, tie_rule, standing - {out})


@settings(max_examples=500)
@given(ballots(most=5, min_size=1), tie_rules)
def test_instant_runoff_agrees_with_counting_by_hand(cast, tie_rule) -> None:
    """[V2] More than half wins, else the last is out; ties by the documented rule."""
    result = tally.count(run_off(*cast, tie_rule=tie_rule))
    assert result.winners == (winner_by_hand(cast, tie_rule),)
    assert result.votes == {topic: [b[0] for b in cast].count(topic) for topic in OPTIONS}


@given(ballots(most=5, min_size=1), tie_rules)
def test_every_ballot_is_in_every_stage(cast, tie_rule) -> None:
    result = tally.count(run_off(*cast, tie_rule=tie_rule))
    for stage in result.stages:
        assert sum(stage.votes.values()) + stage.exhausted == len(cast)
        standing = [[topic for topic in ballot if topic in stage.votes] for ballot in cast]
        assert stage.votes == dict.fromkeys(stage.votes, 0) | Counter(
            ballot[0] for ballot in standing if ballot
        )
    standing = [set(stage.votes) for stage in result.stages]
    assert all(later < sooner for sooner, later in itertools.pairwise(standing))
    assert len(result.stages) == sum("Votes in stage" in sentence for sentence in result.trace)


@given(ballots(most=5), tie_rules)
def test_ballots_as_counted_give_the_same_count(cast, tie_rule) -> None:
    """[V6] [V8] What the count has not read is published nowhere and changes nothing."""
    whole = run_off(*cast, tie_rule=tie_rule)
    result = tally.count(whole)
    published = tally.as_counted(whole, result.stages)
    assert tally.count(replace(whole, ballots=published)) == result
    assert sum(published.values()) == len(cast)
    if result.stages:
        last = set(result.stages[-1].votes)
        assert not any(last & set(ballot[:-1]) for ballot in published)


def test_a_ranking_shows_only_the_topics_it_counted_for() -> None:
    """[V8] A voter who was told to rank in a way like no other cannot be found by it."""
    common = [(1, 2)] * 4 + [(2, 1)] * 3 + [(3, 2)] * 2
    like_no_other = [(1, 3, 5, 2, 4), (1, 5, 4, 3, 2), (2, 4, 3, 1, 5), (3, 5, 2, 4, 1)]
    whole = run_off(*common, *like_no_other)
    published = tally.as_counted(whole, tally.count(whole).stages)
    assert published == {(1,): 6, (2,): 4, (3, 2): 3}


@given(ballots(most=5), tie_rules)
def test_the_order_of_ballots_changes_nothing_and_that_of_choices_does(cast, tie_rule) -> None:
    """[V6]"""
    again = tally.count(run_off(*reversed(cast), options=OPTIONS[::-1], tie_rule=tie_rule))
    assert again == tally.count(run_off(*cast, tie_rule=tie_rule))
    assert tally.count(run_off((1, 2), (1, 2), (2, 1))).winners == (1,)
    assert tally.count(run_off((2, 1), (2, 1), (1, 2))).winners == (2,)


def test_stage_by_stage() -> None:
    """Topic 3 is out first: one of its ballots moves on, the other names nobody else."""
    cast = [(1,)] * 4 + [(2, 1)] * 4 + [(3, 2), (3,)]
    result = tally.count(run_off(*cast, options=(1, 2, 3), tie_seed=SEED))
    assert result.stages == (
        tally.Stage({1: 4, 2: 4, 3: 2}, 0),
        tally.Stage({1: 4, 2: 5}, 1),
    )
    assert result.trace == (
        "10 valid ballots, each ranking up to 5 topics; the quorum is 1.",
        "Votes in stage 1: topic 1 has 4, topic 2 has 4, topic 3 has 2.",
        "None has more than half of 10. Topic 3 is last and out; its ballots move to their next "
        "choice.",
        "Votes in stage 2: topic 1 has 4, topic 2 has 5. On 1 ballot no choice stands any more.",
        "Topic 2 has more than half of 9 and is chosen.",
    )


@pytest.mark.parametrize("tie_rule", ["lot", "earliest"])
def test_the_last_two_are_level(tie_rule: str) -> None:
    """[V7] The rule for ties was fixed before the opening; it is also said in the trace."""
    result = tally.count(run_off((4,), (5,), (4, 5), (5, 4), tie_rule=tie_rule))
    winner = min((4, 5), key=lambda topic: place(tie_rule, SEED, topic))
    assert result.winners == (winner,)
    assert result.stages[-1] == tally.Stage({4: 2, 5: 2}, 0)
    assert result.trace[-2].startswith("Topics 4, 5 are level at 2 votes")
    assert result.trace[-1] == f"Of the last two, topic {winner} is chosen."


def test_topics_without_a_vote_go_out_together() -> None:
    result = tally.count(run_off((1,), (1,), (2,), (2,), (3, 1)))
    assert [set(stage.votes) for stage in result.stages] == [{1, 2, 3, 4, 5}, {1, 2, 3}, {1, 2}]
    assert result.winners == (1,)


def test_a_void_round_reads_first_choices_alone() -> None:
    """[V7] [V8]"""
    whole = run_off((1, 2), (1, 3), quorum=3)
    result = tally.count(whole)
    assert (result.winners, result.stages) == ((), ())
    assert tally.as_counted(whole, result.stages) == {(1,): 2}
