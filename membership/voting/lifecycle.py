"""What may follow what: the states of topics (rule V10) and of rounds (rule V11)."""

from collections.abc import Mapping
from types import MappingProxyType

Transitions = Mapping[str, frozenset[str]]

TOPIC: Transitions = MappingProxyType(
    {
        "suggested": frozenset({"rejected", "merged", "on_ballot"}),
        "on_ballot": frozenset({"selected", "not_selected"}),
        "selected": frozenset({"assigned"}),
        # An editor may overrule a result, with a public reason (rule V12).
        "not_selected": frozenset({"assigned"}),
        "assigned": frozenset({"published", "dropped"}),
        "rejected": frozenset(),
        "merged": frozenset(),
        "published": frozenset(),
        "dropped": frozenset(),
    }
)
ROUND: Transitions = MappingProxyType(
    {
        "draft": frozenset({"open"}),
        "open": frozenset({"closed"}),
        "closed": frozenset({"settled", "void"}),
        "settled": frozenset(),
        "void": frozenset(),
    }
)
NEEDS_REASON = frozenset(
    {("suggested", "rejected"), ("assigned", "dropped"), ("not_selected", "assigned")}
)


class ForbiddenTransitionError(ValueError):
    """This state cannot follow that one; nothing was changed."""


class MissingReasonError(ValueError):
    """Readers are owed a reason for this step; nothing was changed."""


class MissingArticleError(ValueError):
    """A topic is published with its article, or not at all; nothing was changed."""


class MissingOriginalError(ValueError):
    """A topic is merged into another one; nothing was changed."""


def check_topic(
    from_state: str,
    to_state: str,
    *,
    reason: str | None = None,
    has_article: bool = False,
    has_original: bool = False,
) -> None:
    """Pass when a topic may take this step; raise one of this module's errors otherwise."""
    _check("A topic", TOPIC, from_state, to_state)
    if (from_state, to_state) in NEEDS_REASON and not (reason or "").strip():
        raise MissingReasonError(f"Going from {from_state} to {to_state} needs a public reason.")
    if to_state == "published" and not has_article:
        raise MissingArticleError("A topic is published with its article: choose the article.")
    if to_state == "merged" and not has_original:
        raise MissingOriginalError("A topic is merged into another one: choose which.")


def check_round(from_state: str, to_state: str) -> None:
    """Pass when a round may take this step; raise ForbiddenTransitionError otherwise."""
    _check("A round", ROUND, from_state, to_state)


def _check(what: str, transitions: Transitions, from_state: str, to_state: str) -> None:
    if to_state not in transitions[from_state]:
        raise ForbiddenTransitionError(f"{what} cannot go from {from_state} to {to_state}.")
