"""Starts Celery processes by forking, so that ten workers in a row need one import of the product.

Each line of its input is the arguments of one, as JSON; it answers with the id of the new process,
which is also that of its group. The processes die with their nursery.
"""

import ctypes
import json
import os
import signal
import sys

import celery.apps.beat
import celery.apps.worker
import celery.bin.celery  # noqa: F401

from tasks.worker import celery as app

TELL_WHEN_PARENT_DIES = 1  # PR_SET_PDEATHSIG of prctl(2)


def become(arguments: list[str]) -> None:
    """Run as a process of its own until it ends."""
    os.setsid()
    ctypes.CDLL(None).prctl(TELL_WHEN_PARENT_DIES, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    app.start(arguments)


def main() -> None:
    # Nobody waits for the dead here, so none of them stays.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    app.loader.import_default_modules()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                become(json.loads(line))
            finally:
                os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
