"""Celery, wired to the Flask application: every task runs in its context."""

from typing import Any

from celery import Celery, Task
from celery.signals import worker_process_init
from flask import Flask
from kombu import Queue

from membership.db import disconnect
from tasks.schedule import BEAT_SCHEDULE

TASK_TIME_LIMIT = 300
VISIBILITY_TIMEOUT = 3 * TASK_TIME_LIMIT

# Rule M9. Messages are hints (architecture, rule 1): no results, no retries, no countdowns.
OPTIONS: dict[str, Any] = {
    "include": [
        "tasks.accounts",
        "tasks.arrivals",
        "tasks.billing",
        "tasks.campaigns",
        "tasks.counts",
        "tasks.exports",
        "tasks.mail",
        "tasks.newsletter",
        "tasks.reports",
        "tasks.voting",
    ],
    "beat_schedule": BEAT_SCHEDULE,
    # Workers take from both in turn: however often mail wakes them, nothing else waits behind it.
    "task_queues": [Queue("celery"), Queue("mail")],
    "task_routes": {"mail.deliver": {"queue": "mail"}},
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_time_limit": TASK_TIME_LIMIT,
    "worker_prefetch_multiplier": 1,
    "worker_hijack_root_logger": False,
    "worker_soft_shutdown_timeout": 20,
    "broker_connection_retry_on_startup": True,
    "broker_connection_timeout": 2,
    "broker_transport_options": {
        "visibility_timeout": VISIBILITY_TIMEOUT,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        # A page that wakes a worker waits no longer than this for a Redis that hangs.
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        # Without Redis a reader's request goes on at once; beat wakes the task later.
        "max_retries": 0,
    },
    "timezone": "UTC",
}


def create_celery(app: Flask) -> Celery:
    """The Celery application of `app`, also under app.extensions["celery"]."""

    class ContextTask(Task):  # type: ignore[type-arg]
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                return self.run(*args, **kwargs)

    celery: Celery[Any] = Celery("kava", task_cls=ContextTask)
    celery.conf.update(OPTIONS, broker_url=app.extensions["kava.settings"].redis_url)
    celery.set_default()
    app.extensions["celery"] = celery
    return celery


@worker_process_init.connect
def leave_the_parents_connections(**_: Any) -> None:
    """A forked worker must not speak on sockets that its parent opened."""
    disconnect()
