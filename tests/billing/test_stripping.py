"""[S10] Events that an older release stored whole lose their names, batch after batch."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from membership.billing import inbox, stripping
from membership.billing.gateway.events import read_event
from membership.billing.models import StripeEvent
from tests import factories
from tests.billing.reading import row, rows

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def payload(number: int, **said: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{number}",
        "object": "event",
        "type": "customer.updated",
        "created": int(NOON.timestamp()),
        "livemode": False,
        "data": {"object": {"object": "customer", "name": "Olena", **said}},
    }


def whole(session: Session, number: int, said: dict[str, Any]) -> StripeEvent:
    found: StripeEvent = factories.add(
        session,
        StripeEvent(id=f"evt_{number}", type="customer.updated", payload=said, created_at=NOON),
    )
    return found


@pytest.mark.parametrize(
    "said",
    [
        {"id": "cus_1", "email": "reader@example.org"},
        {"id": None, "address": {"line1": "Olena Street"}},
        {"id": "in_1", "parent": {"subscription_details": {"subscription": "sub_1"}}},
    ],
)
def test_what_is_left_is_what_is_kept_today(session: Session, said: dict[str, Any]) -> None:
    """Also of one that leads nowhere."""
    kept = read_event(payload(1, **said)).kept
    whole(session, 1, payload(1, **said))
    assert stripping.strip_old() == 1
    stripped = row(session, StripeEvent).payload
    assert "Olena" not in str(stripped)
    subject = {name: value for name, value in kept["data"]["object"].items() if value is not None}
    assert stripped == kept | {"data": {"object": subject}}


def test_batch_after_batch_until_none_is_left(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripping, "BATCH", 2)
    for number in range(5):
        whole(session, number, payload(number, id="cus_1"))
    whole(session, 5, {"id": "evt_5"})
    assert stripping.strip_old() == 6
    assert stripping.strip_old() == 0
    assert row(session, StripeEvent, id="evt_5").payload == {"id": "evt_5"}
    assert "Olena" not in str([each.payload for each in rows(session, StripeEvent)])


def test_a_run_ends_in_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripping, "RUN_SECONDS", 0.0)
    whole(session, 1, payload(1))
    assert stripping.strip_old() == 0


def test_what_comes_now_needs_no_stripping(session: Session) -> None:
    inbox.store(session, [read_event(payload(1, id="cus_1"))])
    assert row(session, StripeEvent).is_stripped
    assert stripping.strip_old() == 0
