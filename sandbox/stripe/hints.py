"""Reads the annotations of the installed ``stripe`` package, which are its published contract."""

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from stripe import StripeObject
from stripe._object_classes import get_object_class
from stripe._request_options import RequestOptions
from stripe._stripe_context import StripeContext

CLIENT_OPTIONS = frozenset(RequestOptions.__annotations__)
CLIENT_TYPES = {"StripeContext": StripeContext, "Mapping": Mapping}


@cache
def _names_for_type_checkers(module_name: str) -> dict[str, Any]:
    """What a module imports under ``if TYPE_CHECKING:``, which its annotations refer to."""
    names: dict[str, Any] = {}
    for node in ast.walk(ast.parse(inspect.getsource(import_module(module_name)))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for statement in node.body:
                if isinstance(statement, ast.ImportFrom) and statement.module:
                    source = import_module(statement.module)
                    for name in statement.names:
                        names[name.asname or name.name] = getattr(source, name.name)
    return names


@cache
def fields(cls: type) -> dict[str, Any]:
    """The fields that a class of the ``stripe`` package declares, with their types resolved."""
    hints = get_type_hints(cls, localns=_names_for_type_checkers(cls.__module__))
    return {
        name: hint
        for name, hint in hints.items()
        if name in inspect.get_annotations(cls)
        and not name.startswith("_")
        and name != "OBJECT_NAME"
    }


@cache
def parameters(typed_dict: type) -> dict[str, Any]:
    """The parameters a request type declares, without the client's own options."""
    hints = get_type_hints(typed_dict, localns=CLIENT_TYPES)
    inherits_options = hints.keys() >= CLIENT_OPTIONS
    return {
        name: hint
        for name, hint in hints.items()
        if not (inherits_options and name in CLIENT_OPTIONS)
    }


@cache
def object_class(name: str) -> type:
    """The class of an object by the value of its ``object`` field."""
    return get_object_class("V1", name)


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The members of a union, without None; a plain type is its only alternative."""
    if get_origin(hint) in (Union, UnionType):
        return tuple(member for member in get_args(hint) if member is not NoneType)
    return (hint,)


def is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint)


def literal_values(hint: Any) -> tuple[Any, ...]:
    """Every literal among the alternatives, flattened."""
    return tuple(
        value
        for member in alternatives(hint)
        if get_origin(member) is Literal
        for value in get_args(member)
    )


def is_object_type(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, StripeObject)


@cache
def is_expandable(hint: Any) -> bool:
    """Whether a field holds an id that ``expand`` may replace by the object."""
    members = alternatives(hint)
    return str in members and any(is_object_type(member) for member in members)
