"""The stand-in's state: objects, clock, what falls due, and the events that follow from changes."""

import heapq
import json
import os
import secrets
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from stripe._api_version import _ApiVersion

from sandbox.stripe import hints, shapes
from sandbox.stripe.errors import Object, missing

API_VERSION = _ApiVersion.CURRENT
PREFIXES = {
    "account": "acct_",
    "balance_transaction": "txn_",
    "billing_portal.configuration": "bpc_",
    "billing_portal.session": "bps_",
    "charge": "ch_",
    "checkout.session": "cs_test_",
    "customer": "cus_",
    "dispute": "du_",
    "event": "evt_",
    "invoice": "in_",
    "invoice_payment": "inpay_",
    "item": "li_",
    "line_item": "il_",
    "payment_intent": "pi_",
    "payment_method": "pm_",
    "price": "price_",
    "product": "prod_",
    "radar.early_fraud_warning": "issfr_",
    "refund": "re_",
    "setup_intent": "seti_",
    "subscription": "sub_",
    "subscription_item": "si_",
    "webhook_endpoint": "we_",
}
DueHandler = Callable[["World", str], None]
DUE: dict[str, DueHandler] = {}


def due(kind: str) -> Callable[[DueHandler], DueHandler]:
    """Registers what happens when an agenda entry of this kind falls due."""

    def register(handler: DueHandler) -> DueHandler:
        DUE[kind] = handler
        return handler

    return register


class World:
    """Everything Stripe would know of one test account. Use it under ``lock``."""

    def __init__(self, merchant: str = "", data_file: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.merchant = merchant
        self.base_url = ""
        self.webhook_url = ""
        self.webhook_secret = ""
        self.idempotency_key: str | None = None
        self.request_id: str | None = None
        self.on_event: Callable[[str], None] = lambda event_id: None
        self._data_file = data_file
        self._running_at: int | None = None
        self._is_unheard = False
        self._is_changed = False
        self.forget()
        if data_file and data_file.exists():
            self._restore(json.loads(data_file.read_text(encoding="utf-8")))

    def forget(self) -> None:
        """Back to an empty account at real time."""
        # While it is set, no event is made of anything.
        self.is_silent = False
        self.objects: dict[str, Object] = {}
        self._ids: dict[str, list[str]] = {}
        # The cards behind payment methods, what a checkout has begun, the lines of a checkout.
        self.cards: dict[str, Object] = {}
        self.attempts: dict[str, Object] = {}
        self.line_items: dict[str, list[Object]] = {}
        self._agenda: list[list[Any]] = []
        self._sequence = 0
        self._offset = 0

    # Objects

    def add(self, kind: str, **given: Any) -> Object:
        """Makes, keeps and returns a new object; ``id`` and ``created`` come by themselves."""
        names = hints.fields(hints.object_class(kind))
        given.setdefault("id", self.new_id(kind))
        if "created" in names:
            given.setdefault("created", self.now())
        made = shapes.blank(kind, **given)
        self.keep(made)
        return made

    def keep(self, made: Object) -> None:
        self.objects[made["id"]] = made
        ids = self._ids.setdefault(made["object"], [])
        if not ids or self._created(ids[-1]) <= self._created(made["id"]):
            ids.append(made["id"])
        else:
            # What was made in the past stands where it belongs.
            place = bisect_right(ids, self._created(made["id"]), key=self._created)
            ids.insert(place, made["id"])

    def _created(self, object_id: str) -> int:
        """Seconds since the epoch; 0 for kinds that do not say."""
        return int(self.objects[object_id].get("created") or 0)

    def new_id(self, kind: str) -> str:
        length = 56 if kind == "checkout.session" else 24
        return PREFIXES[kind] + secrets.token_hex(length // 2)

    def get(self, kind: str, object_id: str, param: str = "id", status: int = 404) -> Object:
        """Raises ApiError ``resource_missing``."""
        found = self.objects.get(object_id)
        if found is None or found["object"] != kind:
            raise missing(kind, object_id, param, status)
        return found

    def named(self, kind: str, object_id: str, param: str) -> Object:
        """An object that a parameter names; 400 where it does not exist or was deleted."""
        found = self.get(kind, object_id, param, 400)
        if found.get("deleted"):
            raise missing(kind, object_id, param, 400)
        return found

    def all(self, kind: str) -> list[Object]:
        """Oldest first."""
        return [self.objects[object_id] for object_id in self._ids.get(kind, [])]

    def between(self, kind: str, after: str | None, before: str | None) -> Iterator[Object]:
        """Newest first and on from the object `after`; or oldest first, on from `before`.

        Raises KeyError when there is no such object.
        """
        ids = self._ids.get(kind, [])
        if before is not None:
            places = range(self._place(ids, before) + 1, len(ids))
        else:
            places = range((len(ids) if after is None else self._place(ids, after)) - 1, -1, -1)
        return (self.objects[ids[place]] for place in places)

    def _place(self, ids: list[str], object_id: str) -> int:
        first = bisect_left(ids, self._created(object_id), key=self._created)
        for place in range(first, len(ids)):
            if ids[place] == object_id:
                return place
        raise KeyError(object_id)

    # Events

    def emit(self, event_type: str, subject: Object, previous: Object | None = None) -> Object:
        """Records an event with a snapshot of its object and hands it to delivery.

        Within ``unheard()`` and while silent there is none: the answer is empty then.
        """
        if self._is_unheard or self.is_silent:
            return {}
        data: Object = {"object": deepcopy(subject)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = self.add(
            "event",
            type=event_type,
            api_version=API_VERSION,
            data=data,
            pending_webhooks=1 if self.webhook_url else 0,
            request={"id": self.request_id, "idempotency_key": self.idempotency_key},
        )
        self.on_event(event["id"])
        return event

    @contextmanager
    def changing(self, subject: Object, event_type: str) -> Iterator[None]:
        """Emits an update with ``previous_attributes`` if the block changes the object."""
        before = deepcopy(subject)
        yield
        changed = shapes.difference(before, subject)
        if changed:
            self.emit(event_type, subject, changed)

    @contextmanager
    def unheard(self, at: int | None = None) -> Iterator[None]:
        """What the block does was before anybody listened: no event tells of it.

        With ``at`` it happens at that moment.
        """
        before = self._is_unheard, self._running_at
        self._is_unheard, self._running_at = True, at
        try:
            yield
        finally:
            self._is_unheard, self._running_at = before

    # Clock

    def now(self) -> int:
        if self._running_at is not None:
            return self._running_at
        return int(time.time()) + self._offset

    def schedule(self, at: int, kind: str, object_id: str) -> None:
        self._sequence += 1
        heapq.heappush(self._agenda, [at, self._sequence, kind, object_id])

    def advance(self, seconds: int) -> None:
        """Moves the clock; what falls due on the way happens in order, each at its own time."""
        self._offset += seconds
        self.run_due()

    def run_due(self) -> None:
        until = self.now()
        while self._agenda and self._agenda[0][0] <= until:
            at, _, kind, object_id = heapq.heappop(self._agenda)
            self._running_at = at
            try:
                DUE[kind](self, object_id)
            finally:
                self._running_at = None
                self.changed()

    # Persistence

    def save(self) -> None:
        """Writes what changed beside the file and renames, so that a crash leaves the old one."""
        if self._data_file is None or not self._is_changed:
            return
        self._is_changed = False
        draft = self._data_file.with_suffix(".new")
        draft.write_text(json.dumps(self._as_json()), encoding="utf-8")
        os.replace(draft, self._data_file)

    def changed(self) -> None:
        """Notes that the state is to be saved."""
        self._is_changed = True

    def _as_json(self) -> Object:
        kept = "objects _ids cards attempts line_items _agenda _sequence _offset"
        return {name: getattr(self, name) for name in kept.split()}

    def _restore(self, stored: Object) -> None:
        for name, value in stored.items():
            setattr(self, name, value)
