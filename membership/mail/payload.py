"""JSON that providers send, read into the shape that is needed of it."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError, model_validator

from membership.mail.bounces import UnreadableError


class Payload(BaseModel):
    """A part of it. A field that is null is as one that is not there."""

    @model_validator(mode="before")
    @classmethod
    def leave_out_nulls(cls, said: Any) -> Any:
        if isinstance(said, dict):
            return {name: value for name, value in said.items() if value is not None}
        return said


Shape = TypeVar("Shape", bound=Payload)


def read_json(shape: type[Shape], text: str | bytes) -> Shape:
    """Raises UnreadableError, whose sentence names the field and repeats nothing of its value."""
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        wrong = f"{field}: {first['msg']}" if field else first["msg"]
        raise UnreadableError(f"This is not the JSON that we expect. {wrong}.") from error
