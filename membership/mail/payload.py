"""JSON that providers send, read into the shape that is needed of it."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from membership.mail.bounces import UnreadableError

Shape = TypeVar("Shape", bound=BaseModel)


def read_json(shape: type[Shape], text: str | bytes) -> Shape:
    """Raises UnreadableError, whose sentence names the field and repeats nothing of its value."""
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        wrong = f"{field}: {first['msg']}" if field else first["msg"]
        raise UnreadableError(f"This is not the JSON that we expect. {wrong}.") from error
