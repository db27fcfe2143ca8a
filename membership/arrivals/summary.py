"""What an import does, or would do: counts, what became of each column, and each problem."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# Of lines or subscriptions, in the order in which they are told: new to us; known, and told
# otherwise now; known and the same; known, and over now; over before we knew of it; gives nothing
# there; not taken; of other prices than those that were asked for.
COUNTS = ("new", "changed", "same", "ended", "over", "free", "not_taken", "not_asked_for")
# Of accounts: who has standing now and had none before, whom the next round's vote is open to.
ENTITLED = "entitled"
# Of letters: who said yes and gets them now, who did before, who said no.
LETTERS = ("letters_begun", "letters_known", "letters_refused")
# Reasons not to take a line that are counted and not told one by one: exports are full of them.
COUNTED = frozenset({"over", "free"})


@dataclass(frozen=True)
class Problem:
    """Why a line, or a subscription at Stripe, is not taken; `reason` is one of words.REASON."""

    place: str
    reason: str
    detail: str = ""


@dataclass
class Group:
    """Subscriptions at Stripe that are alike: by price, amount and state."""

    price_id: str
    product_id: str
    name: str
    amount_minor: int
    currency: str
    interval: str
    state: str
    count: int = 0


@dataclass
class Summary:
    """`mapping`: heading → our word, or None. `groups` and `ids` are of Stripe’s subscriptions."""

    mapping: tuple[tuple[str, str | None], ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def refuse(self, place: object, reason: str, detail: str = "") -> None:
        """Not taken, and said why."""
        self.counts["not_taken"] += 1
        self.problems.append(Problem(str(place), reason, detail))

    def kept(self) -> dict[str, Any]:
        """As JSON, without the problems, which are rows of their own."""
        return {
            "mapping": [list(each) for each in self.mapping],
            "counts": {name: self.counts[name] for name in (*COUNTS, ENTITLED, *LETTERS)},
            "groups": [vars(each) for each in self.groups],
            "ids": self.ids,
        }

    @property
    def digest(self) -> str:
        """Of all that is shown: another digest is another import."""
        shown = [self.kept(), [[each.place, each.reason, each.detail] for each in self.problems]]
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
