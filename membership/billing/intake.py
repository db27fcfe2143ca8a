"""Storing what many requests bring at the same time with one INSERT and one commit (rule B2).

Whoever comes while others are written is written with the next ones, and answered after the commit
that holds its event. Alone, an event waits for nobody.
"""

from collections.abc import Callable, Sequence
from threading import Lock

from sqlalchemy.exc import DataError

from membership.billing.snapshots import Event

Write = Callable[[Sequence[Event]], None]


class NotWrittenError(RuntimeError):
    """Whoever wrote for all was stopped in the middle of it."""


class _Brought:
    """One thread's event on its way, and what stands against its being written."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.is_done = False
        self.error: Exception | None = NotWrittenError("stopped before the commit")
        self._asleep = Lock()
        self._asleep.acquire()

    def sleep(self) -> None:
        """Until somebody wakes this one alone: a crowd that wakes for each commit costs more."""
        self._asleep.acquire()

    def wake(self) -> None:
        self._asleep.release()


class Intake:
    """`write` commits one or more events, or raises and has written none."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._guard = Lock()
        self._waiting: list[_Brought] = []
        self._is_writing = False

    def bring(self, event: Event) -> None:
        """Returns when `event` is committed. Raises what `write` raised for it."""
        mine = _Brought(event)
        with self._guard:
            self._waiting.append(mine)
            leads, self._is_writing = not self._is_writing, True
        if not leads:
            mine.sleep()
        if not mine.is_done:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error

    def _lead(self, mine: _Brought) -> None:
        """Write for all who wait by now, `mine` among them; the next one leads those who came."""
        with self._guard:
            taken, self._waiting = self._waiting, []
        try:
            self._write_down(taken)
        finally:
            with self._guard:
                following = self._waiting[0] if self._waiting else None
                self._is_writing = following is not None
            for each in taken:
                each.is_done = True
                if each is not mine:
                    each.wake()
            if following is not None:
                following.wake()

    def _write_down(self, taken: list[_Brought]) -> None:
        try:
            self._write([each.event for each in taken])
            error: Exception | None = None
        except DataError as refused:
            # One event that the database cannot hold must not cost the others.
            if len(taken) > 1:
                for each in taken:
                    self._write_down([each])
                return
            error = refused
        # Whatever it was, it is raised again for each who waits.
        except Exception as failed:  # noqa: BLE001
            error = failed
        for each in taken:
            each.error = error
