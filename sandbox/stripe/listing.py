"""Lists and their pages, newest first, and ``expand``.

https://docs.stripe.com/api/pagination · https://docs.stripe.com/api/expanding_objects
"""

import json
from collections.abc import Callable
from itertools import islice
from typing import Any

from sandbox.stripe.errors import Object, invalid, missing
from sandbox.stripe.hints import fields, is_expandable, object_class
from sandbox.stripe.routes import route
from sandbox.stripe.shapes import a_list
from sandbox.stripe.world import World

DEEPEST_EXPANSION = 4
# Parts of objects that stand in an answer only when expanded: (kind, field) → how to make them.
Included = Callable[[World, Object], Any]
INCLUDED: dict[tuple[str, str], Included] = {}


def included(kind: str, field: str) -> Callable[[Included], Included]:
    def register(make: Included) -> Included:
        INCLUDED[kind, field] = make
        return make

    return register


def page(kind: str, entries: list[Object], params: dict[str, Any], url: str) -> Object:
    """One page of few entries, which come oldest first."""
    limit = _limit(params)
    newest_first = entries[::-1]
    ids = [entry["id"] for entry in newest_first]
    if "ending_before" in params:
        before = newest_first[: _position(kind, ids, params, "ending_before")]
        return a_list(url, before[-limit:], has_more=len(before) > limit)
    if "starting_after" in params:
        newest_first = newest_first[_position(kind, ids, params, "starting_after") + 1 :]
    return a_list(url, newest_first[:limit], has_more=len(newest_first) > limit)


def page_of(
    world: World, kind: str, wanted: Callable[[Object], bool], params: dict[str, Any], url: str
) -> Object:
    """One page of all objects of a kind that are wanted; no more are looked at than needed.

    The object from which the page goes on need not be wanted itself: it may have changed since.
    """
    limit = _limit(params)
    after, before = params.get("starting_after"), params.get("ending_before")
    try:
        entries = world.between(kind, after, before)
    except KeyError as error:
        name = "starting_after" if before is None else "ending_before"
        raise missing(kind, params[name], name, 400) from error
    found = list(islice(filter(wanted, entries), limit + 1))
    shown = found[:limit]
    return a_list(url, shown if before is None else shown[::-1], has_more=len(found) > limit)


def _limit(params: dict[str, Any]) -> int:
    limit: int = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise invalid("Invalid limit: must be between 1 and 100.", "limit",
                      "parameter_invalid_integer")  # fmt: skip
    if "starting_after" in params and "ending_before" in params:
        raise invalid("You cannot use both starting_after and ending_before.", "starting_after")
    return limit


def _position(kind: str, ids: list[str], params: dict[str, Any], name: str) -> int:
    if params[name] not in ids:
        raise missing(kind, params[name], name, 400)
    return ids.index(params[name])


def matches(entry: Object, params: dict[str, Any], names: str) -> bool:
    """Whether an object has the values that the filters ask for; ``created`` may be a range."""
    return all(_matches(entry.get(name), params[name]) for name in names.split() if name in params)


def _matches(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return bool(
            value > wanted.get("gt", value - 1)
            and value >= wanted.get("gte", value)
            and value < wanted.get("lt", value + 1)
            and value <= wanted.get("lte", value)
        )
    return bool(value == wanted)


def listing(kind: str, path: str, parameters: type, filters: str = "") -> None:
    """Registers the plain GET of a list whose filters compare fields of the same name."""

    @route("GET", path, parameters, filters)
    def handler(world: World, params: dict[str, Any]) -> Object:
        def is_wanted(entry: Object) -> bool:
            return not entry.get("deleted") and matches(entry, params, filters)

        return page_of(world, kind, is_wanted, params, "/v1" + path)


def copied(value: Any) -> Any:
    """As it is sent; faster than deepcopy()."""
    return json.loads(json.dumps(value))


def expanded(world: World, answer: Object, paths: list[str]) -> Object:
    """A copy of an answer in which the paths are replaced by the objects themselves."""
    copy = copied(answer)
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST_EXPANSION:
            raise invalid(
                f"You cannot expand more than {DEEPEST_EXPANSION} levels of a property. "
                f"Property: {path}",
                "expand",
            )
        _expand(world, copy, steps, path)
    return copy


def _expand(world: World, node: Any, steps: list[str], path: str) -> None:
    if not steps or node is None:
        return
    if isinstance(node, list):
        for entry in node:
            _expand(world, entry, steps, path)
        return
    if node.get("deleted"):
        return  # a tombstone has nothing more to tell
    field, rest = steps[0], steps[1:]
    kind = node.get("object", "")
    if (kind, field) in INCLUDED and field not in node:
        node[field] = copied(INCLUDED[kind, field](world, node))
    elif isinstance(node.get(field), str):
        if not _may_expand(kind, field) or node[field] not in world.objects:
            raise _not_expandable(field, path)
        node[field] = copied(world.objects[node[field]])
    elif field not in node or isinstance(node[field], bool | int):
        raise _not_expandable(field, path)
    _expand(world, node[field], rest, path)


def _may_expand(kind: str, field: str) -> bool:
    """Nested hashes have no kind; their ids are looked up without asking the class."""
    return not kind or is_expandable(fields(object_class(kind)).get(field))


def _not_expandable(field: str, path: str) -> Exception:
    return invalid(
        f"This property cannot be expanded ({field}). You may want to try expanding another "
        f"property instead of '{path}'.",
        "expand",
    )
