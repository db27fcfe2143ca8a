"""A name server on a socket, which the doctor asks."""

import socket
import threading
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from flask import Flask

from membership.doctor.names import Names
from tests.billing.conftest import standin, stripe

__all__ = ["standin", "stripe"]

Zone = dict[str, list[str]]
Set = Callable[..., None]


class NameServer:
    """Answers from `zone`: TXT records by their name; what is not there does not exist."""

    def __init__(self) -> None:
        self.zone: Zone = {}
        self.is_away = False
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
            bell.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            wire, sender = self._socket.recvfrom(4096)
            if not wire:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(wire)).to_wire(), sender)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        name = query.question[0].name
        said = name.to_text(omit_final_dot=True)
        self.asked.append(said)
        if self.is_away:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif said not in self.zone:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif self.zone[said]:
            texts = [_quoted(each) for each in self.zone[said]]
            answer.answer.append(dns.rrset.from_text(name, 300, "IN", "TXT", *texts))
        return answer


def _quoted(text: str) -> str:
    """In pieces of 200 characters: a long key does not fit into one."""
    return " ".join(f'"{text[start : start + 200]}"' for start in range(0, len(text), 200))


@pytest.fixture
def settings_are(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Set:
    """Call it with the settings that shall be others."""

    def act(**values: str) -> None:
        known = app.extensions["kava.settings"].model_copy(update=values)
        monkeypatch.setitem(app.extensions, "kava.settings", known)

    return act


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def names(app: Flask, name_server: NameServer, monkeypatch: pytest.MonkeyPatch) -> Names:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = name_server.port
    found = Names(resolver)
    monkeypatch.setitem(app.extensions, "kava.names", found)
    return found
