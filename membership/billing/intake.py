"""Storing what many requests bring at the same time with one INSERT and one commit (rule B2).

Whoever comes while others are written is written with the next ones, and answered after the commit
that holds its event. Alone, an event waits for nobody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition

from sqlalchemy.exc import DataError

from membership.billing.snapshots import Event

Write = Callable[[Sequence[Event]], None]


class NotWrittenError(RuntimeError):
    """Whoever wrote for all was stopped in the middle of it."""


@dataclass(eq=False)
class _Brought:
    """One thread's event on its way, and what stands against its being written."""

    event: Event
    is_done: bool = False
    error: Exception | None = field(default_factory=NotWrittenError)


class Intake:
    """`write` commits one or more events, or raises and has written none."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._turn = Condition()
        self._waiting: list[_Brought] = []
        self._is_writing = False

    def bring(self, event: Event) -> None:
        """Returns when `event` is committed. Raises what `write` raised for it."""
        mine = _Brought(event)
        with self._turn:
            self._waiting.append(mine)
            self._turn.wait_for(lambda: mine.is_done or not self._is_writing)
            taken: list[_Brought] = []
            if not mine.is_done:
                self._is_writing = True
                taken, self._waiting = self._waiting, []
        if taken:
            self._lead(taken)
        if mine.error is not None:
            raise mine.error

    def _lead(self, taken: list[_Brought]) -> None:
        try:
            self._write_down(taken)
        finally:
            with self._turn:
                for each in taken:
                    each.is_done = True
                self._is_writing = False
                self._turn.notify_all()

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
