"""The stand-in as a server: ``start()`` for a thread of this process, ``__main__`` for its own."""

import json
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from sandbox.stripe.account import add_webhook_endpoint
from sandbox.stripe.api import Api, Request
from sandbox.stripe.control import control_pages
from sandbox.stripe.pages import hosted_pages
from sandbox.stripe.webhooks import Deliveries
from sandbox.stripe.world import World

CLOCK_TICK = 2.0
MERCHANT = "Kava"
API_KEY = "sk_test_standin"
WEBHOOK_SECRET = "whsec_standin"


class QuietHandler(WSGIRequestHandler):
    """HTTP/1.1 with connections kept open, as the official client expects; no access log."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@dataclass
class Server:
    """A running stand-in."""

    url: str
    api_key: str
    webhook_secret: str
    world: World
    api: Api
    deliveries: Deliveries
    _wsgi: BaseWSGIServer
    _threads: list[threading.Thread]
    _stopping: threading.Event

    def stop(self) -> None:
        self._stopping.set()
        self._wsgi.shutdown()
        for thread in self._threads:
            thread.join()
        self.deliveries.stop()
        with self.world.lock:
            self.world.save()
        self._wsgi.server_close()


def start(
    port: int = 0,
    webhook_url: str = "",
    webhook_secret: str = WEBHOOK_SECRET,
    api_key: str = API_KEY,
    data_file: Path | None = None,
    host: str = "127.0.0.1",
    merchant: str = MERCHANT,
) -> Server:
    """Starts the stand-in in threads of this process; port 0 takes a free one.

    ``webhook_url`` may be set later, through ``server.world.webhook_url``.
    """
    world = World(merchant, data_file)
    deliveries = Deliveries(world)
    api = Api(world, api_key or None)
    wsgi = make_server(
        host, port, create_app(api, deliveries), threaded=True, request_handler=QuietHandler
    )
    world.base_url = f"http://{host}:{wsgi.server_port}"
    world.webhook_url, world.webhook_secret = webhook_url, webhook_secret
    if webhook_url:
        add_webhook_endpoint(world, webhook_url)
    stopping = threading.Event()
    threads = [
        threading.Thread(target=wsgi.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True),
        threading.Thread(target=_keep_time, args=(world, stopping), daemon=True),
    ]
    deliveries.start()
    for thread in threads:
        thread.start()
    return Server(
        world.base_url, api_key, webhook_secret, world, api, deliveries, wsgi, threads, stopping
    )


def _keep_time(world: World, stopping: threading.Event) -> None:
    """What falls due by real time happens without a request, too; changes are saved."""
    while not stopping.wait(CLOCK_TICK):
        with world.lock:
            world.run_due()
            world.save()


def create_app(api: Api, deliveries: Deliveries) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(control_pages(api, deliveries))
    app.register_blueprint(hosted_pages(api.world))

    @app.route("/v1/<path:rest>", methods=["GET", "POST", "DELETE"])
    def answer_api(rest: str) -> Response:
        form = request.get_data(as_text=True) if request.method == "POST" else ""
        answer = api.answer(
            Request(
                method=request.method,
                path="/v1/" + rest,
                form=form or request.query_string.decode(),
                api_key=_api_key(),
                version=request.headers.get("Stripe-Version", ""),
                idempotency_key=request.headers.get("Idempotency-Key", ""),
            )
        )
        if answer.lost:
            _drop_connection()
        body = json.dumps(answer.body) + "\n"
        return Response(body, answer.status, answer.headers, mimetype="application/json")

    return app


def _api_key() -> str:
    """Bearer token, or the user name of basic authentication."""
    given = request.authorization
    if given is None:
        return ""
    return given.token or given.username or ""


def _drop_connection() -> None:
    """The answer never arrives; the client sees the connection close."""
    request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
