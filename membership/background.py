"""Waking workers. A message is a hint: the row that says what is due is already written.

If sending fails, beat wakes the same task within a minute, and the task looks into PostgreSQL.
"""

import structlog
from celery import current_app
from kombu.exceptions import OperationalError
from sqlalchemy.orm import Session

from membership.db import after_commit

log = structlog.get_logger(__name__)


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


def send(task: str) -> None:
    """Tell the workers that `task` has something to do. Never raises when Redis is away."""
    try:
        current_app.send_task(task, ignore_result=True, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("wake_failed", task=task, reason=type(error).__name__)
