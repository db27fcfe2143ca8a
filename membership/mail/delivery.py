"""Sending what is due (rules M1, M2, M4, M5).

A batch is taken by a lease. Each of its mails is marked `sending`, with one attempt more and its
Message-ID, in a committed transaction just before the server hears of it; no transaction is open
while we speak to the server. If a worker dies, only the mail that it was handing over is in doubt.
"""

import time
from collections import Counter, deque
from datetime import timedelta
from itertools import chain

import structlog
from jinja2 import UndefinedError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from config.settings import settings
from membership import background, clock
from membership.mail import bounces, claiming, letters, provider, slots
from membership.mail.claiming import BULK, IN_DOUBT, LANES, Claimed, End
from membership.mail.editions import Editions
from membership.mail.kinds import UnknownKindError
from membership.mail.line import LINE
from membership.mail.smtp import (
    NoAnswerError,
    NotNowError,
    RefusedError,
    ServerAwayError,
    describe,
)

log = structlog.get_logger(__name__)

# Less than a container may take to stop, so that a worker that is to stop ends its run in peace.
BUDGET_SECONDS = 30.0
# So soon a worker is free for something else, though all of them send a campaign.
TURN_SECONDS = 2.0
# While other mail leaves, this is how soon somebody looks for what a person waits for.
LOOKS_EVERY = 0.3
# What may be over next time: no database, or a worker whose release is older than the mail.
PASSING = (DBAPIError, OSError, UnknownKindError, UndefinedError)
# Doubling from a minute up to six hours: the last try comes after about a day.
MAX_ATTEMPTS = 12
LONGEST_WAIT = timedelta(hours=6)


def deliver_due(budget_seconds: float = BUDGET_SECONDS) -> Counter[str]:
    """Send what is due until nothing is, the server is away, or the time is up.

    Returns how many mails came to which state ("pending": to be tried again). Safe to run any
    number of times at once; more than slots.SENDERS do nothing.
    """
    until = time.monotonic() + budget_seconds
    outcome: Counter[str] = Counter()
    looks_left = 2
    while looks_left:
        with slots.taken() as session:
            if session is None:
                break
            run = _Run(session, until, outcome)
            has_done_all = run.go()
        if not has_done_all:
            break
        # What became due while all slots were held has woken nobody else.
        looks_left = 1 if run.has_claimed else looks_left - 1
    LINE.rest()
    if outcome:
        log.info("mail_delivered", **outcome)
    return outcome


def take_turns() -> None:
    """deliver_due() for a turn, after which any worker goes on; this one, if Redis tells nobody."""
    until = time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < until:
        turn_ends = time.monotonic() + TURN_SECONDS
        deliver_due(TURN_SECONDS)
        if time.monotonic() < turn_ends or background.send("mail.deliver"):
            return


def wait_after(attempts: int) -> timedelta:
    """How long to wait before the next try when `attempts` have been made."""
    doublings = min(attempts - 1, MAX_ATTEMPTS)
    return min(timedelta(minutes=2**doublings), LONGEST_WAIT)


class _Run:
    """One worker's work while it holds a slot; `session` commits each statement."""

    def __init__(self, session: Session, until: float, outcome: Counter[str]) -> None:
        self.has_claimed = False
        self._has_called = False
        self._session = session
        self._until = until
        self._outcome = outcome
        self._url = settings().smtp_url
        self._sender = letters.sender().addr_spec
        self._editions = Editions()
        self._mails: dict[str, deque[Claimed]] = {lane: deque() for lane in LANES}
        self._was_away = False
        # What became of the mail before; written down with the beginning of the next.
        self._ended: End | None = None

    def go(self) -> bool:
        """False when the time is up or the server is away; True when nothing is due."""
        try:
            while time.monotonic() < self._until:
                seen = provider.look(self._session)
                if seen.is_paused:
                    return False
                self._was_away = seen.was_away
                lane = next(
                    (each for each in LANES if self._mails[each] or self._claim(each)), None
                )
                if lane is None:
                    return True
                self._send(self._mails[lane], min(self._until, time.monotonic() + LOOKS_EVERY))
        except ServerAwayError as error:
            provider.pause(self._session, str(error))
            return False
        finally:
            claiming.step(self._session, self._ended, None)
            claiming.give_back(self._session, list(chain(*self._mails.values())))
        return False

    def _claim(self, lane: str) -> bool:
        """Lease what is due in a lane; False when nothing is."""
        claimed = claiming.claim(self._session, lane)
        self._mails[lane].extend(mail for mail in claimed if mail.settled_at is None)
        self._outcome.update(mail.state for mail in claimed if mail.state == "uncertain")
        if lane == BULK and len(claimed) == claiming.BATCH and not self._has_called:
            self._has_called = True
            background.send("mail.deliver")  # enough for two
        self.has_claimed |= bool(claimed)
        return bool(claimed)

    def _send(self, mails: deque[Claimed], until: float) -> None:
        """Raises ServerAwayError; what it means for the mail that it met is in `_ended`."""
        LINE.open(self._url)
        while mails and time.monotonic() < until:
            if self._has_turn():
                self._deliver(mails.popleft())

    def _deliver(self, mail: Claimed) -> None:
        """Send one leased mail, unless it must not go or somebody else has it by now."""
        state = claiming.step(self._session, self._ended, mail)
        self._ended = None
        if state != "sending":
            self._outcome.update([state] if state else [])
            return
        mail.attempts += 1
        try:
            letter = self._editions.letter(mail)
        except Exception as error:  # noqa: BLE001 - a template raises whatever it likes
            # The row has its words, which may name a reader (rule S10).
            reason = type(error).__name__
            log.error("mail_not_composed", kind=mail.kind, outbox_id=mail.id, reason=reason)
            is_passing = isinstance(error, PASSING)
            said = describe(error)
            self._end(mail, *(_try_later(mail, said) if is_passing else ("failed", said)))
            return
        self._hand_over(mail, letter)

    def _hand_over(self, mail: Claimed, letter: bytes) -> None:
        try:
            LINE.send(self._url, letter, self._sender, mail.recipient)
        except RefusedError as error:
            # Before the mail's end: who dies between has lost nothing.
            bounces.take_refusal(self._session, mail.id, mail.recipient, error.status, str(error))
            self._end(mail, "failed", str(error))
        except NotNowError as error:
            self._end(mail, *_try_later(mail, str(error)))
        except NoAnswerError:
            # One that must arrive is sent once more (rule M2).
            is_lost = mail.is_bulk or _was_in_doubt(mail)
            self._end(mail, "uncertain" if is_lost else "pending", IN_DOUBT)
            raise
        except ServerAwayError as error:
            # It is about us, and not this mail's fault, however often it meets it.
            _, said = _try_later(mail, str(error))
            self._end(mail, "pending", said)
            raise
        else:
            self._end(mail, "sent")
            if self._was_away:
                provider.recover(self._session)
                self._was_away = False

    def _end(self, mail: Claimed, state: str, error: str | None = None) -> None:
        self._ended = End(mail, state, error, clock.now(), wait_after(mail.attempts))
        self._outcome[state] += 1

    def _has_turn(self) -> bool:
        """Whether the next mail may leave; waits a little if not."""
        seconds = provider.turn(self._session)
        if seconds > 0:
            # Nothing stays in doubt meanwhile.
            claiming.step(self._session, self._ended, None)
            self._ended = None
            time.sleep(min(seconds, LOOKS_EVERY))
        return seconds == 0


def _try_later(mail: Claimed, error: str) -> tuple[str, str]:
    """State and error of a mail that was not taken this time; the doubt of before stays known."""
    if _was_in_doubt(mail):
        error = f"{IN_DOUBT}; then {error}"
    return ("pending" if mail.attempts < MAX_ATTEMPTS else "failed"), error


def _was_in_doubt(mail: Claimed) -> bool:
    return (mail.last_error or "").startswith(IN_DOUBT)
