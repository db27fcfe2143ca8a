"""Speaking to the mail server: one connection, many mails, and what each answer means."""

import re
import smtplib
import ssl
from urllib.parse import SplitResult, unquote, urlsplit

from config.settings import LOCAL_HOSTS

TIMEOUT_SECONDS = 20
# For the one answer that decides: whoever gives up before it comes sends the mail twice. RFC 5321
# (4.5.3.2.6) would wait ten minutes; a lease ends before.
ANSWER_SECONDS = 60
# These speak of us or of the hour, not of the mail: the server wants to be left alone. Amazon SES
# says 454 to who sends faster than it allows; the last three want a password, or another.
AWAY = frozenset({421, 429, 454, 530, 535, 538})
# A recipient refused by a policy (RFC 3463): most often it is us who may not send.
POLICY = re.compile(r"5\.7\.\d+")
# What cannot end a command or begin another.
ADDRESS = re.compile(r"[!-;=?-~]+")
# How an answer begins: its code, and its status (RFC 3463).
GIST = re.compile(r"\d{3}(?: ([245]\.\d{1,3}\.\d{1,3}))?\b")

Answer = tuple[int, bytes]


class RefusedError(Exception):
    """The server will never take this mail (a 5xx about its recipient or content).

    `status` (RFC 3463: "5.1.1") is what a server that had just taken another mail said of its
    recipient; else "".
    """

    def __init__(self, said: str, status: str = "") -> None:
        super().__init__(said)
        self.status = status


class NoAddressError(RefusedError):
    """No server was asked: what the mail is for is no address that one takes."""


class NotNowError(Exception):
    """The server does not take this mail now (a 4xx about it); another time it may."""


class ServerAwayError(Exception):
    """There is no server to speak to now, whatever the mail: wait before the next one."""


class NoAnswerError(ServerAwayError):
    """The connection broke after the mail was handed over: it may have been taken, or not."""


class MailServer:
    """An open connection; `url` as in SMTP_URL. Opening it raises ServerAwayError.

    smtp:// turns to TLS where the server offers it; a user and password are only sent over TLS,
    unless the server is on this machine.
    """

    def __init__(self, url: str) -> None:
        try:
            self._connection = _connect(urlsplit(url))
        except (OSError, smtplib.SMTPException) as error:
            raise ServerAwayError(describe(error)) from error
        self._pipelines = self._connection.has_extn("pipelining")
        # Mails that were taken over this connection, and whether the last one was.
        self.taken = 0
        self._has_just_taken = False

    def send(self, letter: bytes, sender: str, recipient: str) -> None:
        """Hand over one mail, whose lines end in CRLF.

        Raises one of this module's errors when it was not taken, or nobody knows.
        """
        if not ADDRESS.fullmatch(recipient):
            raise NoAddressError("not an address that mail servers take")
        commands = (f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA")
        has_just_taken, self._has_just_taken = self._has_just_taken, False
        try:
            self._judge(self._announce(commands), has_just_taken)
        except (OSError, smtplib.SMTPException) as error:
            raise ServerAwayError(describe(error)) from error
        try:
            code, said = self._hand_over(_quoted(letter))
        except (OSError, smtplib.SMTPException) as error:
            raise NoAnswerError(describe(error)) from error
        if not 200 <= code < 300:
            raise _meaning(code, said)
        self.taken += 1
        self._has_just_taken = True

    def answers(self) -> bool:
        """Whether the server is still there, ready for a mail."""
        try:
            return self._connection.rset()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    @property
    def is_open(self) -> bool:
        return self._connection.sock is not None

    @property
    def is_encrypted(self) -> bool:
        return isinstance(self._connection.sock, ssl.SSLSocket)

    def quit(self) -> None:
        """Say goodbye and close; what was answered before is known whatever happens now."""
        try:
            self._connection.quit()
        except (OSError, smtplib.SMTPException):
            self._connection.close()

    def drop(self) -> None:
        """Close without a word."""
        self._connection.close()

    def _announce(self, commands: tuple[str, ...]) -> list[Answer]:
        """The answers to `commands`: sent at once if the server allows (RFC 2920), else in turn.

        Fewer than commands if one was bad and no more can be had.
        """
        answers: list[Answer] = []
        if self._pipelines:
            self._connection.send("".join(f"{command}\r\n" for command in commands))
        for command in commands:
            is_bad = any(code >= 400 for code, _ in answers)
            if is_bad and not self._pipelines:
                break
            try:
                answers.append(
                    self._connection.getreply()
                    if self._pipelines
                    else self._connection.docmd(command)
                )
            except (OSError, smtplib.SMTPException):
                if is_bad:
                    break  # it said why, and hung up
                raise
        return answers

    def _judge(self, answers: list[Answer], has_just_taken: bool) -> None:
        """Return if the server waits for the mail itself; else be ready for the next one."""
        wrong = [number for number, (code, _) in enumerate(answers) if not 200 <= code < 400]
        if not wrong:
            return
        error = _meaning(*answers[wrong[0]])
        if self.is_open and not isinstance(error, ServerAwayError):
            self._begin_anew(is_waiting=answers[-1][0] == 354)
        if wrong[0] == 0:
            # A refused sender is about us, not about this mail: no reader pays for it.
            raise ServerAwayError(str(error))
        if wrong[0] == 1 and isinstance(error, RefusedError):
            status = _status(str(error))
            if POLICY.fullmatch(status):
                raise NotNowError(str(error))
            raise RefusedError(str(error), status if has_just_taken else "")
        raise error

    def _begin_anew(self, *, is_waiting: bool) -> None:
        """Be ready for another mail; closes if the server has hung up."""
        try:
            if is_waiting:
                # It wants a mail though it takes nobody to send it to: an empty one.
                self._connection.docmd(".")
            self._connection.rset()
        except (OSError, smtplib.SMTPException):
            self.drop()

    def _hand_over(self, letter: bytes) -> Answer:
        self._connection.send(letter)
        sock = self._connection.sock
        assert sock is not None
        sock.settimeout(ANSWER_SECONDS)
        answer = self._connection.getreply()
        sock.settimeout(TIMEOUT_SECONDS)
        return answer


def _connect(url: SplitResult) -> smtplib.SMTP:
    encrypted = url.scheme == "smtps"
    host, port = url.hostname or "localhost", url.port or (465 if encrypted else 587)
    connection: smtplib.SMTP
    if encrypted:
        tls = ssl.create_default_context()
        connection = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=tls)
    else:
        connection = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.ehlo_or_helo_if_needed()
        if not encrypted and connection.has_extn("starttls"):
            connection.starttls(context=ssl.create_default_context())
            encrypted = True
            connection.ehlo_or_helo_if_needed()
        if url.username:
            if not encrypted and host not in LOCAL_HOSTS:
                raise smtplib.SMTPException("no TLS is offered, so the password is not sent")
            connection.login(unquote(url.username), unquote(url.password or ""))
    except BaseException:
        connection.close()
        raise
    return connection


def _quoted(letter: bytes) -> bytes:
    """`letter` with its end; a line that begins with a dot gets another (RFC 5321, 4.5.2)."""
    if letter.startswith(b"."):
        letter = b"." + letter
    letter = letter.replace(b"\r\n.", b"\r\n..")
    return letter + (b".\r\n" if letter.endswith(b"\r\n") else b"\r\n.\r\n")


def _meaning(code: int, said: bytes) -> Exception:
    answer = _answer(code, said)
    if code in AWAY or code < 400:
        return ServerAwayError(answer)
    return RefusedError(answer) if code >= 500 else NotNowError(answer)


def _answer(code: int, said: bytes | str) -> str:
    return f"{code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"


def _status(answer: str) -> str:
    found = GIST.match(answer)
    return (found and found[1]) or ""


def describe(error: BaseException) -> str:
    """What went wrong, for the outbox; an SMTP answer begins with its code."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    return f"{type(error).__name__}: {error}"


def gist(described: str) -> str:
    """The same for a log: of an answer its code and status, whose words may name a reader (S10)."""
    found = GIST.match(described)
    return found[0] if found else described
