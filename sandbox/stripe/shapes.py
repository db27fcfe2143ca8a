"""Objects in the shape of the pinned API version, and what is wrong with one that is not."""

from copy import copy, deepcopy
from decimal import Decimal
from functools import cache
from typing import Any, get_args, get_origin

from stripe import ListObject
from stripe._stripe_object import UntypedStripeObject

from sandbox.stripe.errors import Object
from sandbox.stripe.hints import (
    alternatives,
    fields,
    is_object_type,
    is_optional,
    literal_values,
    object_class,
)

# What Stripe leaves out rather than answers as null: parts that only ``expand`` brings, marks of
# deletion, and details of features or payment methods that are not in use.
LEFT_OUT: dict[str, frozenset[str]] = {
    "charge": frozenset({"level3", "refunds", "transfer", "radar_options", "authorization_code"}),
    "checkout.session": frozenset({"line_items"}),
    "customer": frozenset({"sources", "subscriptions", "tax", "tax_ids", "cash_balance"}),
    "event": frozenset({"account", "context"}),
    "invoice": frozenset({"payments", "confirmation_secret", "deleted"}),
    "price": frozenset({"currency_options", "tiers"}),
    "payment_intent": frozenset({"hooks"}),
    "webhook_endpoint": frozenset({"secret"}),
}
PAYMENT_METHOD_FIELDS = frozenset(
    {
        "id", "object", "allow_redisplay", "billing_details", "card", "created", "customer",
        "customer_account", "livemode", "metadata", "type",
    }
)  # fmt: skip


def blank(kind: str, **given: Any) -> Object:
    """An object of one kind whose unsaid fields are null, empty or false.

    A required field without such a value has to be given; the contract test sees to that.
    """
    cls = object_class(kind)
    unknown = given.keys() - fields(cls).keys()
    if unknown:
        raise TypeError(f"{kind} has no {', '.join(sorted(unknown))}")
    unsaid = {
        name: copy(value) for name, value in _unsaid(cls).items() if not _is_left_out(kind, name)
    }
    return dict(sorted((unsaid | given).items()))


def part(kind: str, *path: str, **given: Any) -> Object:
    """A nested hash of an object, such as ``part("payment_method", "card", last4="4242", …)``."""
    cls = _part_class(kind, path)
    said = {name: value for name, value in given.items() if name in fields(cls)}
    return {name: copy(value) for name, value in _unsaid(cls).items()} | said


@cache
def _part_class(kind: str, path: tuple[str, ...]) -> type:
    cls = object_class(kind)
    for name in path:
        cls = next(a for a in alternatives(fields(cls)[name]) if is_object_type(a))
    return cls


@cache
def _unsaid(cls: type) -> Object:
    """The fields of a class that have a value when nobody says one."""
    made: Object = {}
    for name, hint in fields(cls).items():
        _fill(made, name, hint)
    return made


def _is_left_out(kind: str, name: str) -> bool:
    if kind == "payment_method":
        return name not in PAYMENT_METHOD_FIELDS
    return name == "deleted" or name in LEFT_OUT.get(kind, ())


def _fill(made: Object, name: str, hint: Any) -> None:
    if is_optional(hint):
        made[name] = None
    elif hint is bool:
        made[name] = False
    elif get_origin(hint) is list:
        made[name] = []
    elif get_origin(hint) is UntypedStripeObject:
        made[name] = {}
    elif len(literal_values(hint)) == 1 and str not in alternatives(hint):
        made[name] = literal_values(hint)[0]


def deleted(kind: str, object_id: str) -> Object:
    return {"id": object_id, "object": kind, "deleted": True}


def a_list(url: str, data: list[Object], has_more: bool = False) -> Object:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def difference(before: Object, after: Object) -> Object:
    """What ``previous_attributes`` of an update says: old values, hashes only where they differ."""
    changed: Object = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            changed[name] = difference(old, new)
        else:
            changed[name] = deepcopy(old)
    return changed


def problems(value: Any, path: str = "") -> list[str]:
    """Everything in which an answer departs from the classes of the ``stripe`` package."""
    if isinstance(value, dict) and value.get("deleted") is True:
        return [] if value.keys() == {"id", "object", "deleted"} else [f"{path}: not a tombstone"]
    kind = value.get("object")
    if kind == "list":
        return [
            problem
            for position, entry in enumerate(value["data"])
            for problem in problems(entry, f"{path}.data[{position}]")
        ]
    found = _check_hash(value, object_class(kind), path or kind)
    if kind == "event":
        found += problems(_as_retrieved(value["data"]["object"]), f"{path or kind}.data.object")
    return found


def _as_retrieved(snapshot: Object) -> Object:
    """The invoice of ``invoice.upcoming`` has no id yet; otherwise it is an invoice."""
    return snapshot if "id" in snapshot else {"id": "upcoming", **snapshot}


def _check_hash(value: Object, cls: type, path: str) -> list[str]:
    names = fields(cls)
    found = [f"{path}.{name}: unknown" for name in value if name not in names]
    for name, hint in names.items():
        if name in value:
            found += _check_value(value[name], hint, f"{path}.{name}")
        elif not is_optional(hint):
            found.append(f"{path}.{name}: missing")
    return found


def _check_value(value: Any, hint: Any, path: str) -> list[str]:
    if value is None:
        return [] if is_optional(hint) else [f"{path}: null"]
    options = alternatives(hint)
    if isinstance(value, dict):
        return _check_dict(value, options, path)
    if isinstance(value, list):
        return _check_items(value, options, path)
    words = literal_values(hint)
    if words:
        return [] if value in words else [f"{path}: {value!r} is none of the known words"]
    fits: dict[Any, Any] = {bool: bool, int: int, float: (int, float), str: str, Decimal: str}
    if any(
        option in fits
        and isinstance(value, fits[option])
        and (option is bool or not isinstance(value, bool))
        for option in options
    ):
        return []
    return [f"{path}: {value!r} is no {hint}"]


def _check_dict(value: Object, options: tuple[Any, ...], path: str) -> list[str]:
    for option in options:
        if get_origin(option) in (UntypedStripeObject, dict) or option is UntypedStripeObject:
            return []
        if get_origin(option) is ListObject:
            return _check_list(value, option, path)
    kinds = [option for option in options if is_object_type(option)]
    if isinstance(value.get("object"), str):
        cls = object_class(value["object"])
        return problems(value, path) if cls in kinds else [f"{path}: {cls} is out of place"]
    return _check_hash(value, kinds[0], path) if kinds else [f"{path}: a hash is out of place"]


def _check_list(value: Object, hint: Any, path: str) -> list[str]:
    """A list object whose entries are of the class that its type names."""
    if value.get("object") != "list":
        return [f"{path}: not a list object"]
    kinds = alternatives(get_args(hint)[0])
    found = [
        f"{path}.data[{position}]: {entry['object']} is out of place"
        for position, entry in enumerate(value["data"])
        if object_class(entry["object"]) not in kinds
    ]
    return found or problems(value, path)


def _check_items(value: list[Any], options: tuple[Any, ...], path: str) -> list[str]:
    for option in options:
        if get_origin(option) is list:
            return [
                problem
                for position, entry in enumerate(value)
                for problem in _check_value(entry, get_args(option)[0], f"{path}[{position}]")
            ]
    return [f"{path}: an array is out of place"]
