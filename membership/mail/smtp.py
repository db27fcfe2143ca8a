"""Speaking to the mail server: one connection, many mails, and what each answer means."""

import smtplib
import ssl
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from config.settings import LOCAL_HOSTS

TIMEOUT_SECONDS = 20


class RefusedError(Exception):
    """The server will never take this mail (a 5xx about its recipient or content)."""


class NotNowError(Exception):
    """The server does not take this mail now (a 4xx about it); another time it may."""


class ServerAwayError(Exception):
    """There is no server to speak to now, whatever the mail: wait before the next one."""


class NoAnswerError(ServerAwayError):
    """The connection broke after the mail was handed over: it may have been taken, or not."""


class _Connection:
    """Marks a failure inside DATA, after which nobody knows whether the mail was taken."""

    def data(self, msg: Any) -> tuple[int, bytes]:
        try:
            answer: tuple[int, bytes] = super().data(msg)  # type: ignore[misc]
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            raise NoAnswerError(describe(error)) from error
        return answer


class _Plain(_Connection, smtplib.SMTP):
    pass


class _Encrypted(_Connection, smtplib.SMTP_SSL):
    pass


class MailServer:
    """`with MailServer(url) as server:`; url as in SMTP_URL. Entering raises ServerAwayError.

    smtp:// turns to TLS where the server offers it; a user and password are only sent over TLS,
    unless the server is on this machine.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    def __enter__(self) -> Self:
        try:
            self._connection = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise ServerAwayError(describe(error)) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._connection.quit()
        except (OSError, smtplib.SMTPException):
            # What was answered is known; a server that does not say goodbye changes nothing.
            self._connection.close()

    def send(self, letter: bytes, sender: str, recipient: str) -> None:
        """Hand over one mail. Raises one of this module's errors when it was not taken."""
        try:
            self._connection.sendmail(sender, [recipient], letter)
        except smtplib.SMTPRecipientsRefused as error:
            code, said = error.recipients[recipient]
            raise _meaning(code, said) from error
        except smtplib.SMTPDataError as error:
            raise _meaning(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            # A refused sender is about us, not about this mail: no reader pays for it.
            raise ServerAwayError(describe(error)) from error

    def _connect(self) -> smtplib.SMTP:
        url = self._url
        encrypted = url.scheme == "smtps"
        host, port = url.hostname or "localhost", url.port or (465 if encrypted else 587)
        connection: smtplib.SMTP
        if encrypted:
            tls = ssl.create_default_context()
            connection = _Encrypted(host, port, timeout=TIMEOUT_SECONDS, context=tls)
        else:
            connection = _Plain(host, port, timeout=TIMEOUT_SECONDS)
        try:
            connection.ehlo()
            if not encrypted and connection.has_extn("starttls"):
                connection.starttls(context=ssl.create_default_context())
                encrypted = True
            if url.username:
                if not encrypted and host not in LOCAL_HOSTS:
                    raise smtplib.SMTPException("no TLS is offered, so the password is not sent")
                connection.login(unquote(url.username), unquote(url.password or ""))
        except BaseException:
            connection.close()
            raise
        return connection


def _meaning(code: int, said: bytes | str) -> Exception:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    answer = f"{code} {text}"
    if code == 421:
        return ServerAwayError(answer)
    return RefusedError(answer) if code >= 500 else NotNowError(answer)


def describe(error: BaseException) -> str:
    """What went wrong, for the outbox; an SMTP answer names its code."""
    return f"{type(error).__name__}: {error}"
