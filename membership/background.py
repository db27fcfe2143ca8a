"""Waking workers. A message is a hint: the row that says what is due is already written.

If sending fails, beat wakes the same task within a minute, and the task looks into PostgreSQL.
"""

from time import monotonic

import structlog
from celery import current_app
from kombu.exceptions import OperationalError
from sqlalchemy.orm import Session

from membership.db import after_commit

log = structlog.get_logger(__name__)

QUIET_SECONDS = 5.0
_quiet_until = [0.0]


def wake(session: Session, task: str) -> None:
    """Send `task` (such as "mail.deliver") after this session's commit; at most once per commit."""
    due: set[str] = session.info.setdefault("wake", set())
    if task in due:
        return
    due.add(task)

    def send_once() -> None:
        session.info.pop("wake", None)
        send(task)

    after_commit(session, send_once)


def send(task: str) -> bool:
    """Tell the workers that `task` has something to do. False, and no error, when Redis is away.

    After a failure nothing is sent for a few seconds, so that a Redis which hangs does not hold
    up page after page.
    """
    if monotonic() < _quiet_until[0]:
        return False
    try:
        current_app.send_task(task, ignore_result=True, retry=False)
    except (OperationalError, OSError) as error:
        _quiet_until[0] = monotonic() + QUIET_SECONDS
        log.warning("wake_failed", task=task, reason=type(error).__name__)
        return False
    return True
