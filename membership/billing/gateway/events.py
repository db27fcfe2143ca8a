"""Stripe's events, and the signature by which a webhook proves to bring one."""

import json
from datetime import UTC, datetime
from typing import Any

import stripe
import structlog

from config.settings import settings
from membership import clock
from membership.billing.gateway.errors import BadSignatureError
from membership.billing.snapshots import Event

log = structlog.get_logger(__name__)

# Rule B17. Stripe signs anew for each try, so what is older was not delayed on its way.
SIGNATURE_TOLERANCE_SECONDS = 300


def verified_event(body: bytes, signature: str) -> Event:
    """The event of a webhook's raw body (rule B1). Raises BadSignatureError."""
    for secret in settings().stripe_webhook_secrets:
        try:
            stripe.WebhookSignature.verify_header(body, signature, secret)
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            continue
        _check_age(signature)
        try:
            return read_event(json.loads(body))
        except (ValueError, KeyError, TypeError) as error:
            raise BadSignatureError("signed, but no event") from error
    raise BadSignatureError("no secret of ours fits")


def _check_age(signature: str) -> None:
    """Refuse what was signed too long ago; say so when it is our clock that may be wrong."""
    signed_at = next(int(each[2:]) for each in signature.split(",") if each.startswith("t="))
    age = int(clock.now().timestamp()) - signed_at
    if age > SIGNATURE_TOLERANCE_SECONDS:
        log.error("webhook_too_old", age_seconds=age, advice="is this machine's clock fast?")
        raise BadSignatureError(f"signed {age} s ago, going by this machine's clock")
    if age < -clock.TOLERANCE.total_seconds():
        log.error("host_clock_off", seconds=age, measured_by="a webhook's signature")


def read_event(payload: dict[str, Any]) -> Event:
    """Raises ValueError, KeyError and TypeError for what is no event."""
    if payload["object"] != "event" or not isinstance(payload["data"]["object"], dict):
        raise ValueError("not an event")
    return Event(
        id=str(payload["id"]),
        type=str(payload["type"]),
        created_at=datetime.fromtimestamp(payload["created"], UTC),
        is_live=bool(payload["livemode"]),
        payload=payload,
    )
