"""What the doctor finds, and how it goes on when one look fails."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

OK, WARNING, WRONG = "ok", "warning", "wrong"


@dataclass(frozen=True)
class Finding:
    """One line: `state` is ok, warning or wrong; `advice` says what to do unless it is ok."""

    about: str
    state: str
    said: str
    advice: str = ""

    def line(self) -> str:
        said = " ".join(f"{self.about}: {self.said} {self.advice}".split())
        return f"{self.state:<8} {said}"


Check = Callable[[], Iterable[Finding]]


def ok(about: str, said: str) -> Finding:
    return Finding(about, OK, said)


def warning(about: str, said: str, advice: str) -> Finding:
    return Finding(about, WARNING, said, advice)


def wrong(about: str, said: str, advice: str) -> Finding:
    return Finding(about, WRONG, said, advice)


def examine(checks: Iterable[tuple[str, Check]]) -> list[Finding]:
    """Every check's findings; one that cannot be made is wrong and ends none of the others."""
    found: list[Finding] = []
    for about, check in checks:
        try:
            found += check()
        except Exception as error:
            log.warning("check_failed", about=about, exc_info=error)
            said = f"could not be checked ({type(error).__name__})."
            found.append(wrong(about, said, "The lines above say more."))
    return found
