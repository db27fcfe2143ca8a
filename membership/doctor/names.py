"""Asking the domain name system."""

import dns.exception
import dns.resolver

TIMEOUT_SECONDS = 5.0


class NamesAwayError(RuntimeError):
    """No name server answers."""


class Names:
    """Text records, each asked for once; `resolver` is the machine's own unless one is given."""

    def __init__(self, resolver: dns.resolver.Resolver | None = None) -> None:
        self._resolver = resolver
        self._known: dict[str, list[str]] = {}

    def texts(self, name: str) -> list[str]:
        """The TXT records of `name`, none when it has none. Raises NamesAwayError."""
        if name not in self._known:
            self._known[name] = self._ask(name)
        return self._known[name]

    def _ask(self, name: str) -> list[str]:
        try:
            self._resolver = self._resolver or dns.resolver.Resolver()
            answer = self._resolver.resolve(name, "TXT", lifetime=TIMEOUT_SECONDS)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise NamesAwayError(f"{type(error).__name__} when asking for {name}") from error
        # A long record is sent in pieces of 255 bytes that belong together.
        return [b"".join(each.strings).decode("ascii", "replace") for each in answer]
