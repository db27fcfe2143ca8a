"""``python -m sandbox.stripe --port N --webhook-url URL --webhook-secret whsec_…``."""

import argparse
import signal
import threading
from pathlib import Path

from sandbox.stripe.server import MERCHANT, WEBHOOK_SECRET, start


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.stripe", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--webhook-url", default="", help="where events go; none without it")
    parser.add_argument("--webhook-secret", default=WEBHOOK_SECRET)
    parser.add_argument("--api-key", default="", help="any sk_test_… key without it")
    parser.add_argument("--merchant", default=MERCHANT, help="the name on the pages")
    parser.add_argument("--data", type=Path, help="a JSON file that keeps the state")
    chosen = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    server = start(
        port=chosen.port,
        webhook_url=chosen.webhook_url,
        webhook_secret=chosen.webhook_secret,
        api_key=chosen.api_key,
        data_file=chosen.data,
        host=chosen.host,
        merchant=chosen.merchant,
    )
    print(f"The Stripe stand-in answers at {server.url}", flush=True)  # noqa: T201
    stopping.wait()
    server.stop()


if __name__ == "__main__":
    main()
