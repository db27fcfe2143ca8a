"""The one connection of this process to the mail server, kept open between mails.

A connection with TLS and a password costs as much as many mails. It is looked at before it is
used after a rest, closes by itself when it is not used any more, and is never shared by a fork.
"""

import atexit
import os
from threading import RLock, Timer
from time import monotonic

from membership.mail.smtp import (
    MailServer,
    NoAddressError,
    NoAnswerError,
    NotNowError,
    RefusedError,
    ServerAwayError,
)

# After this many seconds of rest the server is asked whether it still listens, and after so many
# we say goodbye.
DOUBTED_AFTER = 1.0
CLOSED_AFTER = 20.0
# Who refuses so many in a row, and takes none, refuses us: it must not cost everybody their mail.
MOST_REFUSALS = 10


class Line:
    """`send()` opens it, or again; `rest()` when there is nothing to send for now."""

    _lock: RLock
    _server: MailServer | None
    _url: str
    _used_at: float
    _closing: Timer | None
    # In a row, over however many connections.
    _refusals: int

    def __init__(self) -> None:
        self._forget()
        atexit.register(self.hang_up)
        os.register_at_fork(after_in_child=self._leave_to_the_parent)

    def open(self, url: str) -> None:
        """Be ready to send to the server at `url`. Raises ServerAwayError."""
        with self._lock:
            if self._closing is not None:
                self._closing.cancel()
            if not self._is_ready(url):
                self._open_anew(url)

    def send(self, url: str, letter: bytes, sender: str, recipient: str) -> None:
        """Hand over one mail. Raises one of smtp's errors when it was not taken."""
        with self._lock:
            try:
                self._hand_over(url, letter, sender, recipient)
            except NoAddressError:
                raise
            except (RefusedError, NotNowError) as error:
                self._refusals += 1
                if self._refusals >= MOST_REFUSALS:
                    raise ServerAwayError(str(error)) from error
                raise
            self._refusals = 0
            self._used_at = monotonic()

    def rest(self) -> None:
        """Close in a while, unless there is something to send before."""
        with self._lock:
            if self._server is not None:
                self._closing = Timer(CLOSED_AFTER, self.hang_up)
                self._closing.daemon = True
                self._closing.start()

    def hang_up(self) -> None:
        """Close now, if it is open."""
        with self._lock:
            if self._closing is not None:
                self._closing.cancel()
            if self._server is not None and self._server.is_open:
                self._server.quit()
            self._server = None

    def _hand_over(self, url: str, letter: bytes, sender: str, recipient: str) -> None:
        self.open(url)
        server = self._server
        assert server is not None
        try:
            server.send(letter, sender, recipient)
        except NoAnswerError:
            self._close()
            raise
        except ServerAwayError:
            self._close()
            if server.taken == 0:
                raise
            # Many servers take only so many mails over one connection.
            self._open_anew(url).send(letter, sender, recipient)

    def _is_ready(self, url: str) -> bool:
        server, rested = self._server, monotonic() - self._used_at
        if server is None or not server.is_open or self._url != url:
            return False
        return rested < DOUBTED_AFTER or server.answers()

    def _open_anew(self, url: str) -> MailServer:
        self._close()
        server = MailServer(url)
        self._server, self._url, self._used_at = server, url, monotonic()
        return server

    def _close(self) -> None:
        if self._server is not None:
            self._server.drop()
        self._server = None

    def _leave_to_the_parent(self) -> None:
        if self._server is not None:
            self._server.drop()
        self._forget()

    def _forget(self) -> None:
        self._lock = RLock()
        self._server = None
        self._url = ""
        self._used_at = 0.0
        self._closing = None
        self._refusals = 0


LINE = Line()
