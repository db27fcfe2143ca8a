"""One API request, from its headers to its answer: key, version, faults, idempotency, handler."""

import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from sandbox.stripe import (  # noqa: F401  (each registers its routes)
    account,
    charges,
    checkout,
    checkout_payment,
    customers,
    invoice_requests,
    payment_methods,
    payments,
    portal,
    refunds,
    renewals,
    subscription_requests,
)
from sandbox.stripe import faults as weather
from sandbox.stripe.errors import ApiError, Object, invalid, unsupported
from sandbox.stripe.listing import expanded
from sandbox.stripe.params import check, decode
from sandbox.stripe.routes import Route, find
from sandbox.stripe.world import API_VERSION, World

KEYS_KEPT_FOR = 24 * 3600


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    form: str
    api_key: str = ""
    version: str = ""
    idempotency_key: str = ""

    def fingerprint(self) -> str:
        text = "\n".join((self.method, self.path, *map(str, sorted(parse_qsl(self.form)))))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Answer:
    status: int
    body: Object
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False


@dataclass
class Kept:
    """What an idempotency key stands for; ``answer`` is None while the request is under way."""

    fingerprint: str
    created: int
    answer: Answer | None = None


class Api:
    def __init__(self, world: World, api_key: str | None = None) -> None:
        self.world = world
        self.faults = weather.Faults()
        self._api_key = api_key
        self._kept: dict[str, Kept] = {}
        self._kept_lock = threading.Lock()

    def forget(self) -> None:
        self.faults.forget()
        with self._kept_lock:
            self._kept.clear()

    def is_under_way(self, idempotency_key: str) -> bool:
        with self._kept_lock:
            kept = self._kept.get(idempotency_key)
            return kept is not None and kept.answer is None

    def answer(self, request: Request) -> Answer:
        request_id = "req_" + secrets.token_hex(7)
        try:
            self._check_key(request)
            self._check_version(request)
            if request.method == "POST" and request.idempotency_key:
                answer = self._answer_once(request, request_id)
            else:
                answer = self._answer_now(request, request_id)
        except ApiError as error:
            answer = Answer(error.status, error.body)
        headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION, **answer.headers}
        if request.idempotency_key:
            headers["Idempotency-Key"] = request.idempotency_key
        return Answer(answer.status, answer.body, headers, answer.lost)

    def _check_key(self, request: Request) -> None:
        given = request.api_key
        if not given:
            raise ApiError(
                401,
                "invalid_request_error",
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                "YOUR_SECRET_KEY').",
            )
        known = given == self._api_key if self._api_key else given.startswith("sk_test_")
        if not known:
            shown = given[:7] + "*" * max(len(given) - 11, 0) + given[-4:]
            raise ApiError(401, "invalid_request_error", f"Invalid API Key provided: {shown}")

    def _check_version(self, request: Request) -> None:
        if request.version not in ("", API_VERSION):
            raise invalid(
                f"Invalid Stripe API version: {request.version}. The stand-in speaks "
                f"{API_VERSION} only."
            )

    def _answer_once(self, request: Request, request_id: str) -> Answer:
        """https://docs.stripe.com/api/idempotent_requests"""
        kept = self._find_kept(request)
        if kept is not None:
            assert kept.answer is not None
            headers = {
                "Idempotent-Replayed": "true",
                "Original-Request": kept.answer.headers["Request-Id"],
            }
            return Answer(kept.answer.status, kept.answer.body, headers)
        answer = None
        try:
            answer = self._answer_now(request, request_id)
            return answer
        finally:
            with self._kept_lock:
                if answer is None:
                    del self._kept[request.idempotency_key]
                else:
                    self._kept[request.idempotency_key].answer = Answer(
                        answer.status, answer.body, {"Request-Id": request_id}
                    )

    def _find_kept(self, request: Request) -> Kept | None:
        """The stored answer, or None after noting that the request is now under way."""
        key, fingerprint, now = request.idempotency_key, request.fingerprint(), self.world.now()
        with self._kept_lock:
            kept = self._kept.get(key)
            if kept is None or kept.created < now - KEYS_KEPT_FOR:
                self._kept[key] = Kept(fingerprint, now)
                return None
        if kept.fingerprint != fingerprint:
            raise ApiError(
                400,
                "idempotency_error",
                "Keys for idempotent requests can only be used with the same parameters they were "
                f"first used with. Try using a key other than '{key}' if you meant to execute a "
                "different request.",
            )
        if kept.answer is None:
            raise ApiError(
                409,
                "idempotency_error",
                f"There is currently another in-progress request using this Idempotent Key ({key})."
                " Please try again later.",
                code="idempotency_key_in_use",
            )
        return kept

    def _answer_now(self, request: Request, request_id: str) -> Answer:
        """Raises ApiError for what never began, so that its idempotency key stays free."""
        fault = self.faults.next()
        if fault is not None and fault != "timeout":
            error = weather.error(fault)
            if error.status < 500:
                raise error
            return Answer(error.status, error.body)
        found = find(request.method, request.path)
        if found is None:
            raise ApiError(
                404,
                "invalid_request_error",
                f"Unrecognized request URL ({request.method}: {request.path}). If you are trying "
                "to list objects, remove the trailing slash. If you are trying to retrieve an "
                "object, make sure you passed a valid (non-empty) identifier in your code.",
            )
        route, ids = found
        params = check(decode(request.form), route.parameters)
        _check_taken(route, params)
        answer = self._handle(route, params, ids, request, request_id)
        answer.lost = fault == "timeout"
        return answer

    def _handle(
        self, route: Route, params: Object, ids: tuple[str, ...], request: Request, request_id: str
    ) -> Answer:
        world = self.world
        with world.lock:
            world.run_due()
            world.request_id = request_id
            world.idempotency_key = request.idempotency_key or None
            try:
                made = route.handler(world, params, *ids)
                return Answer(200, expanded(world, made, params.get("expand", [])))
            except ApiError as error:
                if error.status == 402:
                    return Answer(402, error.body)
                raise
            finally:
                world.request_id = world.idempotency_key = None
                if request.method != "GET":
                    world.changed()


def _check_taken(route: Route, params: Object) -> None:
    beyond = params.keys() - route.takes
    if beyond:
        raise unsupported(f"the parameter {min(beyond)} here")
