"""What can go wrong between Stripe and us, in three words: away, unavailable, refused."""

from collections.abc import Iterator
from contextlib import contextmanager

import stripe

# Why Stripe refuses: the idempotency key belongs to a request with other contents.
KEY_TAKEN = "idempotency_error"


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
    # A wrong or restricted key is mended by the operator; what waited then goes through.
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.AuthenticationError) as error:
        raise StripeAwayError(str(error)) from error
    except stripe.PermissionError as error:
        raise StripeUnavailableError(str(error)) from error
    except stripe.IdempotencyError as error:
        if error.http_status == 409:
            raise StripeUnavailableError(str(error)) from error
        raise StripeRefusedError(str(error), KEY_TAKEN) from error
    except stripe.InvalidRequestError as error:
        raise StripeRefusedError(str(error), error.code, error.param) from error
    except stripe.StripeError as error:
        if (error.http_status or 500) >= 500:
            raise StripeUnavailableError(str(error), answered=True) from error
        if error.http_status == 409:
            raise StripeUnavailableError(str(error)) from error
        raise StripeRefusedError(str(error), error.code) from error
