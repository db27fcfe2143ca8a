"""When a proof of work is asked for, and how hard it is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.billing.defence import rules
from membership.billing.defence.rules import Asked, Seen
from membership.web import networks

NOTHING = Asked(
    by_network=dict.fromkeys(rules.FREE_OF_NETWORK, 0),
    by_email=dict.fromkeys(rules.FREE_OF_EMAIL, 0),
)
counts = st.integers(0, 10_000)
askings = st.builds(
    Asked,
    by_network=st.fixed_dictionaries(dict.fromkeys(rules.FREE_OF_NETWORK, counts)),
    by_email=st.fixed_dictionaries(dict.fromkeys(rules.FREE_OF_EMAIL, counts)),
)


@st.composite
def sightings(draw: st.DrawFn) -> tuple[Seen, ...]:
    """What longer spans saw is at least what shorter ones saw."""
    declined = sorted(draw(st.lists(st.integers(0, 200), min_size=3, max_size=3)))
    opened = sorted(draw(st.lists(st.integers(0, 400), min_size=3, max_size=3)))
    paid = sorted(draw(st.lists(st.integers(0, 400), min_size=3, max_size=3)))
    return tuple(map(Seen, rules.SPANS, declined, opened, paid))


def seen(declined: int = 0, opened: int = 0, paid: int = 0) -> tuple[Seen, ...]:
    """The same within the last minute, ten minutes and hour."""
    return tuple(Seen(span, declined, opened, paid) for span in rules.SPANS)


@given(askings, st.booleans())
def test_nobody_is_refused_and_below_the_limits_nobody_is_asked(
    asked: Asked, is_tested: bool
) -> None:
    """[B16] [L11]"""
    found = rules.level(asked, is_tested)
    is_free = all(
        count < free
        for counted, limits in (
            (asked.by_network, rules.FREE_OF_NETWORK),
            (asked.by_email, rules.FREE_OF_EMAIL),
        )
        for count, free in zip(counted.values(), limits.values(), strict=True)
    )
    assert 0 <= found <= rules.HARDEST
    assert (found == 0) == (is_free and not is_tested)


@given(askings, st.sampled_from(("by_network", "by_email")), st.data())
def test_who_opens_more_never_works_less(asked: Asked, which: str, data: st.DataObject) -> None:
    """[B16]"""
    counted = getattr(asked, which)
    span = data.draw(st.sampled_from(sorted(counted)))
    more = replace(asked, **{which: counted | {span: counted[span] + data.draw(counts)}})
    assert rules.level(more, False) >= rules.level(asked, False)
    assert rules.level(asked, True) >= rules.level(asked, False)


@pytest.mark.parametrize(("unpaid", "expected"), [(39, 0), (40, 1), (79, 1), (80, 2), (160, 3)])
def test_each_doubling_is_a_step(unpaid: int, expected: int) -> None:
    """[B16]"""
    asked = replace(NOTHING, by_network=NOTHING.by_network | {600: unpaid})
    assert rules.level(asked, False) == expected
    assert rules.least_tries(expected + 1) == 2 ** (8 + expected)


@given(sightings())
def test_card_testing_never_begins_and_ends_at_once(found: tuple[Seen, ...]) -> None:
    """[B16]"""
    assert not (rules.begins(found) and rules.is_calm(found))


@given(sightings(), st.integers(0, 100))
def test_more_declines_and_fewer_gifts_never_calm(found: tuple[Seen, ...], more: int) -> None:
    """[B16]"""
    worse = tuple(replace(each, declined=each.declined + more) for each in found)
    if rules.begins(found):
        assert rules.begins(worse)
    if not rules.is_calm(found):
        assert not rules.is_calm(worse)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (seen(declined=12), True),
        (seen(declined=11), False),
        # Of many gifts, one in ten is declined.
        (seen(declined=40, opened=400, paid=360), False),
        (seen(declined=12, opened=13, paid=13), False),
        # Pages that nobody pays on.
        (seen(opened=100), True),
        (seen(opened=99), False),
        (seen(opened=200, paid=20), False),
        # Slow, all of an hour, and still at it.
        ((Seen(60, 0, 0, 0), Seen(600, 8, 8, 0), Seen(3600, 48, 48, 0)), True),
        ((Seen(60, 0, 0, 0), Seen(600, 5, 8, 0), Seen(3600, 48, 48, 0)), False),
    ],
)
def test_what_card_testing_looks_like(found: tuple[Seen, ...], expected: bool) -> None:
    """[B16] [L11]"""
    assert rules.begins(found) == expected


def test_it_ends_later_than_it_would_begin() -> None:
    """[B16] Between the two bounds it stays as it was."""
    between = seen(declined=7, opened=7)
    assert not rules.begins(between)
    assert not rules.is_calm(between)
    assert rules.is_calm(seen(declined=7, opened=40, paid=30))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_a_network_is_what_one_household_or_office_has(address: str, expected: str) -> None:
    """[B16]"""
    assert networks.prefix(address) == expected


@given(st.text())
def test_any_text_has_a_network(address: str) -> None:
    networks.prefix(address)
