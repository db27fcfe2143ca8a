"""Contests for the tests of the tally."""

from collections import Counter

from hypothesis import strategies as st

from membership.voting import tally

OPTIONS = (1, 2, 3, 4, 5)
TITLES = {option: f"Тема {option}" for option in OPTIONS}
SEED = tally.tie_seed(7, OPTIONS)
RUN_OFF = "instant_runoff"


def contest(*ballots: tuple[int, ...], options=OPTIONS, **values) -> tally.Contest:
    defaults = {
        "round_id": 7,
        "method": "approval",
        "version": 2,
        "options": {option: TITLES[option] for option in options},
        "max_choices": 3,
        "seats": 1,
        "quorum": 1,
        "quorum_rule": "void",
        "tie_rule": "lot",
        "tie_seed": SEED,
    }
    return tally.Contest(**(defaults | values), ballots=Counter(ballots))


def ballots(most: int = 3, **sizes: int) -> st.SearchStrategy[list[tuple[int, ...]]]:
    """Lists of ballots of up to `most` choices each, the most wanted first."""
    one = st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=most, unique=True)
    return st.lists(one.map(tuple), **({"max_size": 30} | sizes))
