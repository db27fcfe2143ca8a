"""Stripe's errors, as it answers them."""

from typing import Any

Object = dict[str, Any]


class ApiError(Exception):
    """An answer other than 200: ``{"error": {"type", "code", "message", "param", …}}``."""

    def __init__(self, status: int, kind: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: Object = {
            "error": {
                "type": kind,
                "message": message,
                **{name: value for name, value in details.items() if value is not None},
            }
        }
        code = details.get("code")
        if code:
            self.body["error"]["doc_url"] = "https://stripe.com/docs/error-codes/" + code.replace(
                "_", "-"
            )


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    return ApiError(400, "invalid_request_error", message, param=param, code=code)


def missing(resource: str, object_id: str, param: str = "id", status: int = 404) -> ApiError:
    """404 for the object in the path, 400 for one that a parameter names."""
    return ApiError(
        status,
        "invalid_request_error",
        f"No such {resource.rpartition('.')[2].replace('_', ' ')}: '{object_id}'",
        param=param,
        code="resource_missing",
    )


def unsupported(what: str) -> ApiError:
    """What Stripe can do and the stand-in cannot; it says so rather than pretend."""
    return ApiError(501, "api_error", f"The stand-in does not implement {what}.")
