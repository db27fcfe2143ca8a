"""Why mails did not arrive, in groups: by what mail servers answer (RFC 5321, RFC 3463).

The words of an answer often name the reader; its codes do not.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from membership.discretion import SMALLEST_GROUP
from membership.mail.bounces import status_in

NO_ANSWER, UNWRITTEN, UNKNOWN = "no_answer", "unwritten", "unknown"

_CODE = re.compile(r"^\W{0,3}([45]\d\d)\b")
_EXCEPTION = re.compile(r"^\w*(Error|Exception|NotFound|Undefined)\b")


@dataclass(frozen=True)
class Failure:
    """One mail that did not arrive: what was said, and the address it was for."""

    said: str
    address: str


def reason(said: str) -> str:
    """The enhanced status of an answer, such as "5.1.1", else its code, such as "550".

    Else NO_ANSWER (nobody knows whether it was taken), UNWRITTEN (our own letter could not be
    written) or UNKNOWN.
    """
    if status := status_in(said):
        return status
    if code := _CODE.search(said):
        return code[1]
    if said.startswith("no answer"):
        return NO_ANSWER
    return UNWRITTEN if _EXCEPTION.match(said) else UNKNOWN


def by_reason(failures: Iterable[Failure]) -> list[tuple[str, int]]:
    """How many there are of each reason, the most frequent first."""
    return _ordered(Counter(reason(each.said) for each in failures))


def by_domain(failures: Iterable[Failure]) -> tuple[list[tuple[str, int]], int]:
    """How many there are at each domain, the most frequent first, and at all other domains.

    A domain is named where at least SMALLEST_GROUP addresses are concerned.
    """
    counts: Counter[str] = Counter()
    addresses: dict[str, set[str]] = {}
    for each in failures:
        domain = each.address.rpartition("@")[2].lower()
        counts[domain] += 1
        addresses.setdefault(domain, set()).add(each.address.lower())
    named = {d: n for d, n in counts.items() if len(addresses[d]) >= SMALLEST_GROUP}
    return _ordered(named), counts.total() - sum(named.values())


def _ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
