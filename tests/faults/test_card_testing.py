"""Bots try a thousand stolen cards on the support form, while Redis loses everything (fault 12)."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import altcha
import pytest
import redis
import requests
from lxml import html

from tests import card_testing
from tests.faults.steps import DECLINED, Reader, assert_one_gift, form_of, wait_for_gift
from tests.system import System, wait_until

BOTS = 200
CARDS_EACH = 5
# Requests that are under way when the door closes.
AT_ONCE = 8
SINCE = "SELECT started_at FROM card_testing WHERE ended_at IS NULL"


@pytest.fixture(autouse=True)
def _forget(system: System) -> Iterator[None]:
    card_testing.forget(system)
    yield
    card_testing.forget(system)


@dataclass
class Attack:
    """What the bots met; Redis is emptied when half of the cards have been tried."""

    system: System
    statuses: Counter[int] = field(default_factory=Counter)
    began_at: float = field(default_factory=time.monotonic)
    tripped_after: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(self.bot, number) for number in range(BOTS)]:
                done.result()

    def bot(self, number: int) -> None:
        with Reader(self.system, f"bot{number}@bots.example") as bot:
            fields = bot.wish()
            for _ in range(CARDS_EACH):
                sent = fields | {"interval": "once" if number % 4 else "month"}
                sent |= {f"preset_{sent['interval']}": "other", "attempt": ""}
                answer = bot.post("/support", sent)
                if answer.status_code == 303:
                    assert bot.pay(answer.headers["Location"], DECLINED).status_code == 402
                self.note(answer.status_code)

    def note(self, status: int) -> None:
        with self.lock:
            self.statuses[status] += 1
            if status == 429 and self.tripped_after is None:
                self.tripped_after = time.monotonic() - self.began_at
            if self.statuses.total() == BOTS * CARDS_EACH // 2:
                with redis.Redis.from_url(self.system.redis_url) as server:
                    server.flushall()


def pages_at_stripe(system: System) -> int:
    state = requests.get(f"{system.stripe}/sandbox/state", timeout=30).json()
    return int(state.get("checkout.session", 0))


def solved(page: str) -> str:
    """The answer to the challenge that stands in a page."""
    (puzzle,) = html.fromstring(page).xpath("//form[@id='support']//@data-challenge")
    challenge = altcha.Challenge.from_dict(json.loads(puzzle))
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    return altcha.Payload(challenge, solution).to_base64()


@pytest.mark.timeout(300)
def test_a_thousand_stolen_cards(system: System) -> None:
    """[B16] [L11] Stripe is hardly called, and an honest donor passes."""
    persistent = Reader(system, "persistent@bots.example")
    held = persistent.checkout(interval="once")
    before = pages_at_stripe(system)
    attack = Attack(system)
    attack.run()

    assert attack.statuses.total() == BOTS * CARDS_EACH
    assert set(attack.statuses) == {303, 429}
    assert attack.tripped_after is not None
    assert attack.tripped_after < 60
    opened = pages_at_stripe(system) - before
    assert opened == attack.statuses[303]
    assert opened < 150, f"{opened} pages were opened"
    assert system.scalar(SINCE) is not None
    asked_for = pages_at_stripe(system)

    close_the_page_that_a_bot_holds(system, persistent, held)
    let_an_honest_donor_pass(system)
    assert pages_at_stripe(system) == asked_for + 1
    be_quiet_again(system)
    said = [line for line in system.log.splitlines() if "card_testing_" in line]
    assert sum("card_testing_began" in line for line in said) == 1
    assert sum("card_testing_ended" in line for line in said) == 1
    persistent.browser.close()


def close_the_page_that_a_bot_holds(system: System, bot: Reader, held: str) -> None:
    """It was opened before, so cards can be tried on it, but not for long."""
    for _ in range(3):
        assert bot.pay(held, DECLINED).status_code == 402

    def is_closed() -> bool:
        system.wake("billing.watch_card_testing")
        return bot.browser.get(held, timeout=60).status_code == 410

    wait_until(is_closed, "the end of the bot's page", 60)


def let_an_honest_donor_pass(system: System) -> None:
    with Reader(system, "honest@reader.example") as donor:
        page = donor.post("/support", donor.wish())
        assert page.status_code == 429
        assert donor.email in page.text
        again = form_of(page, "/support") | {"solution": solved(page.text)}
        sent = donor.post("/support", again)
        assert sent.status_code == 303, sent.text
        assert donor.pay(sent.headers["Location"]).status_code == 303
        wait_for_gift(system, donor.email)
        assert_one_gift(system, donor.email)
        # The same answer opens no second page.
        assert donor.post("/support", again).status_code == 429


def be_quiet_again(system: System) -> None:
    """As if the ten minutes had passed; then nobody is asked for anything."""
    for table in ("card_failure", "giving_attempt"):
        system.rows(f"UPDATE {table} SET created_at = created_at - interval '11 minutes'")
    system.wake("billing.watch_card_testing")
    wait_until(lambda: system.scalar(SINCE) is None, "the end of card testing")
    with Reader(system, "afterwards@reader.example") as donor:
        donor.give(interval="once")
