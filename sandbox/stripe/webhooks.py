"""Delivery of events: signed POSTs, tried again until answered 2xx, disturbed when asked to.

https://docs.stripe.com/webhooks: no order is promised and an event may come twice.
"""

import heapq
import json
import random
import threading
import time

import requests
from stripe import WebhookSignature

from sandbox.stripe.errors import Object
from sandbox.stripe.world import World

FIRST_RETRY, LONGEST_RETRY = 1.0, 30.0
ATTEMPTS = 12
ANSWER_WITHIN = 10.0
DELAY, SHUFFLE_WINDOW = 2.0, 0.25
WAYS = ("ok", "drop", "duplicate", "shuffle", "delay")


class Deliveries:
    """One thread that delivers; times here are real ones, since receivers check signatures' age."""

    def __init__(self, world: World, seed: int = 0) -> None:
        self.world = world
        self.way = "ok"
        self.delay = DELAY
        self.log: list[Object] = []
        self._random = random.Random(seed)
        self._queue: list[tuple[float, int, str, int]] = []
        self._sequence = 0
        self._changed = threading.Condition()
        self._in_flight = 0
        self._stopping = False
        self._session = requests.Session()
        self._session.trust_env = False
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        world.on_event = self.send

    def start(self) -> None:
        for event in self.world.all("event"):
            if event["pending_webhooks"] and self.world.webhook_url:
                self._put(event["id"], 0.0)
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()
        self._session.close()

    def forget(self) -> None:
        with self._changed:
            self._queue.clear()
            self.log.clear()
            self.way = "ok"

    def send(self, event_id: str) -> None:
        """Queues a new event, in the way that is set."""
        if not self.world.webhook_url:
            return
        if self.way == "drop":
            self._note(self.world.objects[event_id], None, "dropped")
            return
        wait = {"delay": self.delay, "shuffle": self._random.uniform(0, SHUFFLE_WINDOW)}
        self._put(event_id, wait.get(self.way, 0.0))
        if self.way == "duplicate":
            self._put(event_id, 0.0)

    def resend(self, event_id: str) -> None:
        self._put(event_id, 0.0)

    def pending(self) -> int:
        """Deliveries that are queued, waiting for another try, or on their way."""
        with self._changed:
            return len(self._queue) + self._in_flight

    def _put(self, event_id: str, wait: float, tried: int = 0) -> None:
        with self._changed:
            self._sequence += 1
            at = time.monotonic() + wait
            heapq.heappush(self._queue, (at, self._sequence, event_id, tried))
            self._changed.notify_all()

    def _run(self) -> None:
        while (entry := self._next()) is not None:
            _, _, event_id, tried = entry
            try:
                self._deliver(event_id, tried + 1)
            finally:
                with self._changed:
                    self._in_flight -= 1
                    self._changed.notify_all()

    def _next(self) -> tuple[float, int, str, int] | None:
        with self._changed:
            while not self._stopping:
                wait = self._queue[0][0] - time.monotonic() if self._queue else None
                if wait is not None and wait <= 0:
                    self._in_flight += 1
                    return heapq.heappop(self._queue)
                self._changed.wait(wait)
            return None

    def _deliver(self, event_id: str, tried: int) -> None:
        with self.world.lock:
            event = self.world.objects.get(event_id)
            if event is None:
                return
            body = json.dumps(event, indent=2)
        status, problem = self._post(body)
        self._note(event, status, problem)
        if status is not None and 200 <= status < 300:
            with self.world.lock:
                event["pending_webhooks"] = 0
                self.world.changed()
        elif tried < ATTEMPTS:
            self._put(event_id, min(FIRST_RETRY * 2 ** (tried - 1), LONGEST_RETRY), tried)

    def _post(self, body: str) -> tuple[int | None, str | None]:
        signature = WebhookSignature.generate_signature_header(body, self.world.webhook_secret)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature,
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            answer = self._session.post(
                self.world.webhook_url,
                data=body.encode(),
                headers=headers,
                timeout=ANSWER_WITHIN,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return None, type(error).__name__
        return answer.status_code, None

    def _note(self, event: Object, status: int | None, problem: str | None) -> None:
        self.log.append(
            {"event": event["id"], "type": event["type"], "status": status, "problem": problem}
        )
