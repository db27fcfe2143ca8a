"""Bad weather for the API, on order and repeatable."""

import random

from sandbox.stripe.errors import ApiError

Fault = int | str
RANDOM_FAULTS: tuple[Fault, ...] = (500, 503, "timeout")


class Faults:
    """Which of the next API requests go wrong.

    ``script`` is consumed one entry per request: 0 or "ok" lets it pass, a status answers with
    that error before anything happens, and so does "lock_timeout" (429: the object is busy);
    "timeout" does the work and then drops the connection.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self.forget()

    def forget(self) -> None:
        self.rate = 0.0
        self.script: list[Fault] = []
        self._random = random.Random(self._seed)

    def next(self) -> Fault | None:
        if self.script:
            fault = self.script.pop(0)
            return None if fault in (0, "ok") else fault
        if self.rate and self._random.random() < self.rate:
            return self._random.choice(RANDOM_FAULTS)
        return None


def error(fault: Fault) -> ApiError:
    """Stripe's own words for a failure that is not the caller's."""
    details: dict[Fault, tuple[str, str, str | None]] = {
        400: ("invalid_request_error", "Something in this request is wrong.", None),
        401: ("invalid_request_error", "Invalid API Key provided.", None),
        409: (
            "invalid_request_error",
            "The request conflicts with another request.",
            None,
        ),
        # https://docs.stripe.com/rate-limits#object-lock-timeouts
        "lock_timeout": (
            "invalid_request_error",
            "This object cannot be accessed right now because another API request or Stripe "
            "process is currently accessing it.",
            "lock_timeout",
        ),
        429: (
            "invalid_request_error",
            "Request rate limit exceeded. Learn more about rate limits here "
            "https://stripe.com/docs/rate-limits.",
            "rate_limit",
        ),
    }
    kind, message, code = details.get(
        fault,
        (
            "api_error",
            "Sorry! There was an error while talking to one of our backends. Support has been "
            "notified.",
            None,
        ),
    )
    status = fault if isinstance(fault, int) else 429
    return ApiError(status, kind, message, code=code)
