"""A mail server that says exactly what a test wants it to say."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

OK = "250 2.1.5 OK"


class Relay:
    """Takes one command at a time; `answer` is what RCPT is told, of an address."""

    def __init__(self, answer: Callable[[str], str]) -> None:
        self.answer = answer
        # Whether it closes the connection after a refusal, as some do.
        self.hangs_up = False
        # What it waits for before it answers after a mail.
        self.goes_on = Event()
        self.goes_on.set()
        self.taken: list[str] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self.socket.getsockname()[1]}"

    def serve(self) -> None:
        # Until it is closed.
        with suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                Thread(target=self._talk, args=[connection], daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb", buffering=0) as line, suppress(OSError):
            line.write(b"220 relay\r\n")
            recipient = ""
            while command := line.readline().decode().strip():
                said = "250 OK"
                if command.startswith("RCPT"):
                    recipient = command.partition("<")[2].rstrip(">")
                    said = self.answer(recipient)
                elif command == "DATA":
                    line.write(b"354 Go on\r\n")
                    while line.readline() not in {b".\r\n", b""}:
                        pass
                    self.taken.append(recipient)
                    self.goes_on.wait()
                line.write(said.encode() + b"\r\n")
                if command == "QUIT" or (self.hangs_up and not said.startswith("2")):
                    return


@contextmanager
def running(answer: Callable[[str], str]) -> Iterator[Relay]:
    """A relay on a free port, which hangs up at the end."""
    relay = Relay(answer)
    thread = Thread(target=relay.serve, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        relay.goes_on.set()
        relay.socket.shutdown(socket.SHUT_RDWR)
        relay.socket.close()
        thread.join()
