"""Sending what is due (rules M1, M2, M4, M5).

A batch is taken by a lease. Each of its mails is marked `sending`, with one attempt more and its
Message-ID, in a committed transaction just before the server hears of it; no transaction is open
while we speak to the server. If a worker dies, only the mail that it was handing over is in doubt.
"""

import time
from collections import Counter, deque
from collections.abc import Iterable
from datetime import timedelta

import structlog
from sqlalchemy import select, update

from config.settings import settings
from membership import clock
from membership.db import transaction
from membership.mail import kinds, letters, refusals
from membership.mail.models import OutboxEmail
from membership.mail.smtp import (
    MailServer,
    NoAnswerError,
    NotNowError,
    RefusedError,
    ServerAwayError,
    describe,
)

log = structlog.get_logger(__name__)

BATCH = 50
BUDGET_SECONDS = 120.0
# Longer than any task may run (300 s): whoever held a lease that ran out is dead.
LEASE = timedelta(minutes=10)
# When the server is away, nothing is tried for a minute.
PAUSE = timedelta(minutes=1)
# Doubling from a minute up to six hours: the last try comes after about a day.
MAX_ATTEMPTS = 12
LONGEST_WAIT = timedelta(hours=6)
IN_DOUBT = "no answer: it may have been taken"


def deliver_due(budget_seconds: float = BUDGET_SECONDS) -> Counter[str]:
    """Send what is due until nothing is, the server is away, or the time is up.

    Returns how many mails came to which state ("pending": to be tried again). Safe to run any
    number of times at once.
    """
    until = time.monotonic() + budget_seconds
    outcome: Counter[str] = Counter()
    with_server = True
    while with_server and time.monotonic() < until:
        claimed, settled = _claim()
        outcome.update(settled)
        if not claimed and not settled:
            break
        with_server = _send_batch(claimed, until, outcome)
    if outcome:
        log.info("mail_delivered", **outcome)
    return outcome


def wait_after(attempts: int) -> timedelta:
    """How long to wait before the next try when `attempts` have been made."""
    return min(timedelta(minutes=2 ** (attempts - 1)), LONGEST_WAIT)


def _claim() -> tuple[deque[OutboxEmail], list[str]]:
    """Lease a batch of due mails; also gives the states of those left behind in doubt."""
    now = clock.now()
    claimed: deque[OutboxEmail] = deque()
    settled = []
    with transaction() as session:
        due = session.scalars(
            select(OutboxEmail)
            .where(OutboxEmail.state.in_(["pending", "sending"]))
            .where(OutboxEmail.next_attempt_at <= now)
            # Who waits for a sign-in mail does not wait behind a letter to thousands.
            .order_by(
                OutboxEmail.is_bulk,
                OutboxEmail.not_after_at.asc().nulls_last(),
                OutboxEmail.next_attempt_at,
                OutboxEmail.id,
            )
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        for mail in due:
            if mail.state == "sending":
                _resolve_doubt(mail)
            if mail.state == "pending":
                mail.next_attempt_at = now + LEASE
                claimed.append(mail)
            else:
                mail.settled_at = now
                settled.append(mail.state)
    return claimed, settled


def _send_batch(mails: deque[OutboxEmail], until: float, outcome: Counter[str]) -> bool:
    """Send leased mails over one connection; False when the server went away."""
    if not mails:
        return True
    try:
        with MailServer(settings().smtp_url) as server:
            while mails and time.monotonic() < until:
                state = _deliver(server, mails.popleft(), outcome)
                if state is not None:
                    outcome[state] += 1
    except ServerAwayError as error:
        log.warning("mail_server_away", reason=str(error))
        _give_back(mails, PAUSE)
        return False
    _give_back(mails, timedelta())
    return True


def _deliver(server: MailServer, mail: OutboxEmail, outcome: Counter[str]) -> str | None:
    """Send one leased mail; its new state, or None when somebody else has it by now.

    Raises ServerAwayError when the server is gone; what that means for `mail` is written down.
    """
    state = _begin(mail)
    if state != "sending":
        return state
    try:
        letter = letters.compose(mail).as_bytes()
    except Exception as error:
        log.error("mail_not_composed", kind=mail.kind, outbox_id=mail.id, exc_info=error)
        return _end(mail, "failed", describe(error))
    try:
        server.send(letter, letters.sender().addr_spec, mail.recipient)
    except RefusedError as error:
        return _end(mail, "failed", str(error))
    except NotNowError as error:
        return _end(mail, *_try_later(mail, str(error)))
    except NoAnswerError:
        _resolve_doubt(mail)
        outcome[_end(mail, mail.state, mail.last_error)] += 1
        raise
    except ServerAwayError as error:
        outcome[_end(mail, *_try_later(mail, str(error)))] += 1
        raise
    return _end(mail, "sent")


def _begin(mail: OutboxEmail) -> str | None:
    """Mark a leased mail `sending`, unless it must not go out; gives its new state."""
    with transaction() as session:
        row = session.scalar(
            select(OutboxEmail)
            .where(OutboxEmail.id == mail.id, OutboxEmail.state == "pending")
            .where(OutboxEmail.next_attempt_at == mail.next_attempt_at)
            .with_for_update()
        )
        if row is None:
            return None
        reason = refusals.why_not(session, row)
        if reason is not None:
            row.state, row.last_error = "suppressed", reason
            row.settled_at = clock.now()
        elif row.not_after_at is not None and row.not_after_at <= clock.now():
            row.state = "expired"
            row.settled_at = clock.now()
        else:
            row.state = "sending"
            row.attempts += 1
            row.message_id = row.message_id or letters.new_message_id()
            row.next_attempt_at = clock.now() + LEASE
        session.flush()
        mail.state, mail.attempts, mail.message_id = row.state, row.attempts, row.message_id
        return row.state


def _resolve_doubt(mail: OutboxEmail) -> None:
    """Nobody knows whether `mail` was taken. One that must arrive is sent once more (rule M2)."""
    if kinds.is_bulk(mail.kind) or (mail.last_error or "").startswith(IN_DOUBT):
        mail.state = "uncertain"
    else:
        mail.state = "pending"
        mail.last_error = IN_DOUBT


def _try_later(mail: OutboxEmail, error: str) -> tuple[str, str]:
    """State and error of a mail that was not taken this time; the doubt of before stays known."""
    if (mail.last_error or "").startswith(IN_DOUBT):
        error = f"{IN_DOUBT}; then {error}"
    return ("pending" if mail.attempts < MAX_ATTEMPTS else "failed"), error


def _end(mail: OutboxEmail, state: str, error: str | None = None) -> str:
    """Write down what became of a mail that was `sending`."""
    now = clock.now()
    with transaction() as session:
        session.execute(
            update(OutboxEmail)
            .where(OutboxEmail.id == mail.id, OutboxEmail.state == "sending")
            .values(
                state=state,
                last_error=error,
                sent_at=now if state == "sent" else None,
                settled_at=None if state == "pending" else now,
                next_attempt_at=now + wait_after(mail.attempts),
            )
        )
    return state


def _give_back(mails: Iterable[OutboxEmail], pause: timedelta) -> None:
    """End the lease of mails that were not tried."""
    leased = [mail.id for mail in mails]
    if leased:
        with transaction() as session:
            session.execute(
                update(OutboxEmail)
                .where(OutboxEmail.id.in_(leased), OutboxEmail.state == "pending")
                .values(next_attempt_at=clock.now() + pause)
            )
