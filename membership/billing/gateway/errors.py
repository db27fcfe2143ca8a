"""What can go wrong between Stripe and us, in three words: away, unavailable, refused."""

from collections.abc import Iterator
from contextlib import contextmanager

import stripe

# Why Stripe refuses: the idempotency key belongs to a request with other contents.
KEY_TAKEN = "idempotency_error"
# With 429, too: this object is busy, others are not (docs.stripe.com/rate-limits).
BUSY = "lock_timeout"


class StripeUnavailableError(RuntimeError):
    """Stripe cannot be reached, is overloaded, or fails: the same request may work later.

    `answered`: Stripe did answer with a failure, which it replays for the same idempotency key.
    """

    def __init__(self, message: str, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class StripeAwayError(StripeUnavailableError):
    """No request would go through now: no connection, too many requests, or a wrong key."""


class StripeRefusedError(RuntimeError):
    """Stripe understood and said no; `code` and `param` are its own words for why."""

    def __init__(self, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class BadSignatureError(ValueError):
    """The webhook's body was not signed by Stripe with one of our secrets, or too long ago."""


@contextmanager
def said_in_our_words() -> Iterator[None]:
    """Turns the client's errors into ours."""
    try:
        yield
    except stripe.StripeError as error:
        raise _in_our_words(error) from error


def _in_our_words(error: stripe.StripeError) -> StripeUnavailableError | StripeRefusedError:
    text, status = str(error), error.http_status or 500
    match error:
        # A wrong or restricted key is mended by the operator; what waited then goes through.
        case stripe.APIConnectionError() | stripe.AuthenticationError():
            return StripeAwayError(text)
        case stripe.RateLimitError():
            is_busy = error.error is not None and error.error.code == BUSY
            return StripeUnavailableError(text) if is_busy else StripeAwayError(text)
        case stripe.PermissionError():
            return StripeUnavailableError(text)
        case stripe.IdempotencyError() if status != 409:
            return StripeRefusedError(text, KEY_TAKEN)
        case stripe.InvalidRequestError():
            return StripeRefusedError(text, error.code, error.param)
    if status >= 500:
        return StripeUnavailableError(text, answered=True)
    if status == 409:
        return StripeUnavailableError(text)
    return StripeRefusedError(text, error.code)
