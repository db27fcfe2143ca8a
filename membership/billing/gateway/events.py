"""Stripe's events: the webhook's signature, and the list of those it still has."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import stripe

from config.settings import settings
from membership.billing.gateway.client import stripe_client
from membership.billing.gateway.errors import BadSignatureError, said_in_our_words
from membership.billing.snapshots import Event

SIGNATURE_TOLERANCE_SECONDS = 300


def verified_event(body: bytes, signature: str) -> Event:
    """The event of a webhook's raw body (rule B1). Raises BadSignatureError."""
    for secret in settings().stripe_webhook_secrets:
        try:
            stripe.WebhookSignature.verify_header(
                body, signature, secret, SIGNATURE_TOLERANCE_SECONDS
            )
            return _event(json.loads(body))
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            continue
        except (ValueError, KeyError, TypeError) as error:
            raise BadSignatureError("signed, but no event") from error
    raise BadSignatureError("no secret of ours fits")


def events_since(since: datetime) -> Iterator[Event]:
    """All events that Stripe still has (30 days) from `since` on, newest first."""
    with said_in_our_words():
        found = stripe_client().v1.events.list(
            {"created": {"gte": int(since.timestamp())}, "limit": 100}
        )
        for each in found.auto_paging_iter():
            yield _event(each.to_dict(for_json=True))


def _event(payload: dict[str, Any]) -> Event:
    if payload["object"] != "event" or not isinstance(payload["data"]["object"], dict):
        raise ValueError("not an event")
    return Event(
        id=str(payload["id"]),
        type=str(payload["type"]),
        created_at=datetime.fromtimestamp(payload["created"], UTC),
        is_live=bool(payload["livemode"]),
        payload=payload,
    )
