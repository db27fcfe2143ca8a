"""When a proof of work is asked for before a payment page opens, and how hard it is (rule B16).

Nobody is refused. Below the limits giving is free; above them each doubling doubles the work. When
cards are being tested, everyone works a little until it is quiet again. Pure rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# Payment pages that were opened and not paid, before a proof is asked for. A newsroom, a mobile
# carrier or a Tor exit is one network with many honest readers.
FREE_OF_NETWORK = {10 * MINUTE: 40, HOUR: 120}
FREE_OF_EMAIL = {HOUR: 20, DAY: 40}

# Declined cards in so many seconds that, with at least this share of all outcomes, are no chance:
# of honest givers' cards one in ten is declined.
DECLINES = {MINUTE: 12, 10 * MINUTE: 24, HOUR: 48}
SHARE = 1 / 2
# Pages opened in ten minutes of which next to none is paid.
OPENED = 100
PAID_SHARE = 1 / 10
# It ends when the last ten minutes saw less than a quarter, or half, of what begins it.
CALM_SPAN = 10 * MINUTE
CALM_DECLINES = DECLINES[CALM_SPAN] / 4
CALM_SHARE = SHARE / 2
CALM_OPENED = OPENED / 2

SPANS = tuple(DECLINES)
# Steps of work that card testing asks of everyone, and the most that is ever asked of anybody.
STEPS_WHILE_TESTED = 3
HARDEST = 6
# Work of the first step: a page's key is derived so many times, and up to twice as often. At two
# milliseconds each (5,000 rounds of PBKDF2 on one core of a laptop) half a second to one.
LEAST_TRIES = 256

# Declines on one page after which it is closed. Who mistypes twice goes on undisturbed.
PAGE_DECLINES = 10
PAGE_DECLINES_WHILE_TESTED = 3
# Pages within an hour on which one card was declined before they are closed.
CARD_PAGES = 20


@dataclass(frozen=True)
class Asked:
    """Pages opened and not paid, by span in seconds: of this network, and of this address."""

    by_network: dict[int, int]
    by_email: dict[int, int]


@dataclass(frozen=True)
class Seen:
    """What happened in the last `span` seconds, of all readers."""

    span: int
    declined: int
    opened: int
    paid: int


def level(asked: Asked, is_tested: bool) -> int:
    """Steps of work to ask for: 0 for none, at most HARDEST."""
    steps = [_steps(asked.by_network[span], free) for span, free in FREE_OF_NETWORK.items()]
    steps += [_steps(asked.by_email[span], free) for span, free in FREE_OF_EMAIL.items()]
    return min(max(steps) + (STEPS_WHILE_TESTED if is_tested else 0), HARDEST)


def _steps(count: int, free: int) -> int:
    """0 below what is free, then one more for each doubling."""
    return (count // free).bit_length()


def least_tries(level: int) -> int:
    """How often the key of a page is derived at least; at most twice as often."""
    return LEAST_TRIES << (level - 1)


def begins(seen: Sequence[Seen]) -> bool:
    """Whether cards are being tested; `seen` has each of SPANS."""
    return not is_calm(seen) and any(_is_testing(each) or _is_hoarding(each) for each in seen)


def _is_testing(seen: Seen) -> bool:
    outcomes = seen.declined + seen.paid
    return seen.declined >= DECLINES[seen.span] and seen.declined >= SHARE * outcomes


def _is_hoarding(seen: Seen) -> bool:
    return seen.span == CALM_SPAN and seen.opened >= OPENED and seen.paid < PAID_SHARE * seen.opened


def is_calm(seen: Sequence[Seen]) -> bool:
    """Whether everyone may give freely again; never at once with begins()."""
    (lately,) = (each for each in seen if each.span == CALM_SPAN)
    outcomes = lately.declined + lately.paid
    few_declines = lately.declined < CALM_DECLINES or lately.declined < CALM_SHARE * outcomes
    few_pages = lately.opened < CALM_OPENED or lately.paid >= PAID_SHARE * lately.opened
    return few_declines and few_pages


def page_declines(is_tested: bool) -> int:
    """Declines after which a payment page is closed."""
    return PAGE_DECLINES_WHILE_TESTED if is_tested else PAGE_DECLINES
