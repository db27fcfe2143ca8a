"""A ranked ballot as a form without scripts sends it: each topic with the number of its place."""

from collections.abc import Mapping


class NotAPlaceError(ValueError):
    """A place is a whole number from 1."""


class SamePlaceError(ValueError):
    """Two topics have one place; `args[0]` is its number."""


def by_place(places: Mapping[int, str]) -> list[int]:
    """Topic ids, the most wanted first, of what was entered for each.

    Nothing entered means not chosen; a gap is closed, for the order alone counts. Raises
    NotAPlaceError or SamePlaceError.
    """
    topics: dict[int, int] = {}
    for topic_id, entered in places.items():
        if not entered.strip():
            continue
        place = _place(entered.strip())
        if place in topics:
            raise SamePlaceError(place)
        topics[place] = topic_id
    return [topics[place] for place in sorted(topics)]


def _place(entered: str) -> int:
    is_number = entered.isascii() and entered.isdigit() and len(entered) < 6
    if not is_number or int(entered) < 1:
        raise NotAPlaceError(entered)
    return int(entered)
