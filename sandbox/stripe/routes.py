"""The table of API requests that the stand-in answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.stripe.errors import Object
from sandbox.stripe.world import World

ALWAYS_TAKEN = frozenset({"expand", "limit", "starting_after", "ending_before"})


@dataclass(frozen=True)
class Route:
    """``takes`` are the parameters in effect; Stripe knows more (``parameters``, a TypedDict)."""

    method: str
    pattern: re.Pattern[str]
    parameters: type
    takes: frozenset[str]
    handler: Callable[..., Object]


ROUTES: list[Route] = []


def route(
    method: str, path: str, parameters: type, takes: str = ""
) -> Callable[[Callable[..., Object]], Callable[..., Object]]:
    """Registers ``handler(world, params, *ids)`` for a path whose ``*`` stand for ids."""
    pattern = re.compile("/v1" + path.replace("*", "([^/]+)"))

    def register(handler: Callable[..., Object]) -> Callable[..., Object]:
        names = ALWAYS_TAKEN | set(takes.split())
        ROUTES.append(Route(method, pattern, parameters, frozenset(names), handler))
        return handler

    return register


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    for entry in ROUTES:
        match = entry.pattern.fullmatch(path)
        if match and entry.method == method:
            return entry, match.groups()
    return None


def assign(subject: Object, params: dict[str, Any], names: str) -> None:
    """Copies the given parameters onto an object; an empty string unsets. Metadata is merged."""
    for name in names.split():
        if name == "metadata" and "metadata" in params:
            subject["metadata"] = merged_metadata(subject["metadata"], params["metadata"])
        elif name in params:
            subject[name] = params[name] if params[name] != "" else None


def merged_metadata(old: dict[str, str], given: dict[str, str] | str) -> dict[str, str]:
    """https://docs.stripe.com/api/metadata: an empty value unsets a key, an empty whole all."""
    if given == "":
        return {}
    assert isinstance(given, dict)
    return {key: value for key, value in {**old, **given}.items() if value != ""}


def retrieve(kind: str, path: str, parameters: type, takes: str = "") -> None:
    """Registers the plain GET of one object."""

    @route("GET", path + "/*", parameters, takes)
    def handler(world: World, params: dict[str, Any], object_id: str) -> Object:
        return world.get(kind, object_id)
