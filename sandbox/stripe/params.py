"""Request parameters: decoded from forms, checked against the ``stripe`` package's types.

https://docs.stripe.com/api/errors for the codes; the messages are Stripe's own wording.
"""

import re
from typing import Any, Literal, get_args, get_origin
from urllib.parse import parse_qsl

from typing_extensions import is_typeddict

from sandbox.stripe.errors import invalid
from sandbox.stripe.hints import alternatives, literal_values, parameters

KEY = re.compile(r"\[([^\[\]]*)\]")
METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 50, 40, 500


def decode(form: str) -> dict[str, Any]:
    """``a[b][0]=1`` becomes ``{"a": {"b": {"0": "1"}}}``; every value stays a string."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(form, keep_blank_values=True):
        head, _, rest = key.partition("[")
        path = [head, *KEY.findall("[" + rest if rest else "")]
        node = tree
        for position, part in enumerate(path):
            name = part if part != "" else str(len(node))
            if position == len(path) - 1:
                node[name] = value
            else:
                node = node.setdefault(name, {})
                if not isinstance(node, dict):
                    raise invalid(f"Invalid object: {key}", param=key)
    return tree


def check(tree: dict[str, Any], typed_dict: type) -> dict[str, Any]:
    """The parameters with their proper types.

    Raises an ApiError 400 for the first unknown, missing or malformed one.
    """
    return _object(tree, typed_dict, "")


def _object(tree: dict[str, Any], typed_dict: Any, prefix: str) -> dict[str, Any]:
    known = parameters(typed_dict)
    for name in tree:
        if name not in known:
            full = _join(prefix, name)
            raise invalid(f"Received unknown parameter: {full}", full, "parameter_unknown")
    for name in sorted(typed_dict.__required_keys__ & known.keys()):
        if name not in tree:
            full = _join(prefix, name)
            raise invalid(f"Missing required param: {full}.", full, "parameter_missing")
    return {name: _value(value, known[name], _join(prefix, name)) for name, value in tree.items()}


def _join(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _value(value: Any, hint: Any, param: str) -> Any:
    """One value, read as the first alternative of its type that it fits."""
    options = alternatives(hint)
    if value == "":
        if "" in literal_values(hint):
            return ""
        if not any(get_origin(option) is list for option in options):
            raise invalid(
                f"You passed an empty string for '{param}'. We assume empty values are an "
                f"attempt to unset a parameter; however '{param}' cannot be unset. You should "
                f"remove '{param}' from your request or supply a non-empty value.",
                param,
                "parameter_invalid_empty",
            )
        return []
    if isinstance(value, dict):
        return _structure(value, options, param)
    return _scalar(value, hint, options, param)


def _structure(value: dict[str, Any], options: tuple[Any, ...], param: str) -> Any:
    for option in options:
        if is_typeddict(option):
            return _object(value, option, param)
        if get_origin(option) is list:
            return _list(value, get_args(option)[0], param)
        if get_origin(option) is dict:
            return _mapping(value, get_args(option)[1], param)
    raise invalid(f"Invalid string: {value}", param)


def _list(value: dict[str, Any], item: Any, param: str) -> list[Any]:
    if not all(key.isdigit() for key in value):
        raise invalid("Invalid array", param)
    ordered = sorted(value.items(), key=lambda entry: int(entry[0]))
    return [_value(entry, item, f"{param}[{key}]") for key, entry in ordered]


def _mapping(value: dict[str, Any], item: Any, param: str) -> dict[str, Any]:
    if param.endswith(("metadata", "metadata]")):
        _check_metadata(value, param)
        return value
    return {key: _value(entry, item, f"{param}[{key}]") for key, entry in value.items()}


def _check_metadata(value: dict[str, Any], param: str) -> None:
    if len(value) > METADATA_KEYS:
        raise invalid(f"You cannot have more than {METADATA_KEYS} metadata keys.", param)
    for key, text in value.items():
        full = f"{param}[{key}]"
        if not isinstance(text, str):
            raise invalid("Metadata values must be strings.", full)
        if len(key) > METADATA_KEY_LENGTH:
            raise invalid(
                f"Metadata keys can be at most {METADATA_KEY_LENGTH} characters long.", full
            )
        if len(text) > METADATA_VALUE_LENGTH:
            raise invalid(
                f"Metadata values can have up to {METADATA_VALUE_LENGTH} characters, but you "
                f"passed in a value that is {len(text)} characters.",
                full,
            )


def _scalar(value: str, hint: Any, options: tuple[Any, ...], param: str) -> Any:
    words = [word for word in literal_values(hint) if word != ""]
    if value in words:
        return value
    if bool in options:
        return _boolean(value, words, param)
    if int in options and (re.fullmatch(r"-?\d+", value) or str not in options):
        return _integer(value, param)
    if words and not _has_free_text(options):
        allowed = ", ".join(map(str, words[:-1])) + f" or {words[-1]}" if words[1:] else words[0]
        name = param.rpartition("[")[2].rstrip("]") or param
        raise invalid(f"Invalid {name}: must be one of {allowed}", param)
    if any(is_typeddict(option) or get_origin(option) is dict for option in options):
        raise invalid("Invalid object", param)
    if any(get_origin(option) is list for option in options):
        raise invalid("Invalid array", param)
    if float in options:
        return _decimal(value, param)
    return value


def _has_free_text(options: tuple[Any, ...]) -> bool:
    """Whether any text will do: an enumeration is typed ``Literal[…] | str``, too."""
    only_unset = all(get_args(option) == ("",) for option in options if _is_literal(option))
    return str in options and only_unset


def _is_literal(option: Any) -> bool:
    return get_origin(option) is Literal


def _boolean(value: str, words: list[Any], param: str) -> bool:
    if value in ("true", "false"):
        return value == "true"
    raise invalid(f"Invalid boolean: {value}", param)


def _integer(value: str, param: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise invalid(f"Invalid integer: {value}", param, "parameter_invalid_integer") from None


def _decimal(value: str, param: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise invalid(f"Invalid decimal: {value}", param) from None
