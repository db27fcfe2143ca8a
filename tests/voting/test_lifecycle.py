from itertools import product

import pytest

from membership.voting import lifecycle
from membership.voting.models import ROUND_STATES, TOPIC_STATES

# Rule V10, written out a second time.
ALLOWED = {
    ("suggested", "rejected"),
    ("suggested", "merged"),
    ("suggested", "on_ballot"),
    ("on_ballot", "selected"),
    ("on_ballot", "not_selected"),
    ("selected", "assigned"),
    ("not_selected", "assigned"),
    ("assigned", "published"),
    ("assigned", "dropped"),
}
FORBIDDEN = sorted(set(product(TOPIC_STATES, repeat=2)) - ALLOWED)
ROUND_STEPS = {("draft", "open"), ("open", "closed"), ("closed", "settled"), ("closed", "void")}


@pytest.mark.parametrize(("before", "after"), sorted(ALLOWED))
def test_the_steps_of_a_topic(before: str, after: str) -> None:
    """[V10]"""
    lifecycle.check_topic(before, after, reason="Why.", has_article=True, has_original=True)


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_every_other_step_is_forbidden(before: str, after: str) -> None:
    """[V10]"""
    with pytest.raises(lifecycle.ForbiddenTransitionError, match=f"from {before} to {after}"):
        lifecycle.check_topic(before, after, reason="Why.", has_article=True, has_original=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [("suggested", "rejected"), ("assigned", "dropped"), ("not_selected", "assigned")],
)
@pytest.mark.parametrize("reason", [None, "", "  \n"])
def test_what_disappoints_needs_a_public_reason(before: str, after: str, reason) -> None:
    """[V10] [V12]"""
    with pytest.raises(lifecycle.MissingReasonError):
        lifecycle.check_topic(before, after, reason=reason)


def test_publishing_needs_the_article_and_merging_the_original() -> None:
    """[V10]"""
    with pytest.raises(lifecycle.MissingArticleError):
        lifecycle.check_topic("assigned", "published")
    with pytest.raises(lifecycle.MissingOriginalError):
        lifecycle.check_topic("suggested", "merged")


def test_the_steps_of_a_round() -> None:
    """[V11]"""
    for before, after in product(ROUND_STATES, repeat=2):
        if (before, after) in ROUND_STEPS:
            lifecycle.check_round(before, after)
        else:
            with pytest.raises(lifecycle.ForbiddenTransitionError):
                lifecycle.check_round(before, after)
