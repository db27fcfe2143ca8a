"""From a row of the outbox to the mail as it leaves the house (rules M6 and M7)."""

import re
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Any

from css_inline import CSSInliner
from flask import current_app
from flask_babel import force_locale
from jinja2 import Environment, StrictUndefined

from config.settings import settings
from membership import clock
from membership.mail import kinds, refusals, wording
from membership.mail.models import OutboxEmail
from membership.web.languages import address

# Dark mode and narrow screens need their @media rules; all else is inlined.
INLINER = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
# Postmark gives mails a Message-ID of its own, and gives this back in what it reports of them.
POSTMARKS_NAME = "X-PM-Metadata-message-id"
# It refuses a mail whose metadata are longer; ours are when the sender's domain is.
LONGEST_FOR_POSTMARK = 80
# A subject that needs no encoding, nor looks as if it had one, and can be folded between words.
AS_IT_IS = re.compile(r"((?!=\?|\S{60})[ -~])*")
# A line break, but one that a space follows, and the last.
ANOTHER_HEADER = re.compile(rb"\r\n(?![ \t]|\Z)|\r(?!\n)|(?<!\r)\n")


class Subject(str):
    """A header that says what it says: never read as encoded words, which may hide a line break.

    Folded by email.header: the policy's own way loses a space now and then where one encoded word
    follows another.
    """

    name = "Subject"

    def fold(self, *, policy: EmailPolicy) -> str:
        charset = "us-ascii" if AS_IT_IS.fullmatch(self) else "utf-8"
        words = Header(self, charset, policy.max_line_length, self.name)
        return f"{self.name}: {words.encode(linesep=policy.linesep)}{policy.linesep}"


class LetterPolicy(EmailPolicy):
    """SMTP's policy, but a List-… header and Postmark's stay on one line, unencoded.

    RFC 8058 wants List-Unsubscribe untouched by RFC 2047; what Postmark gives back must be the
    same. (Python's way, a long max_line_length, would also let the encoded words of a Cyrillic
    subject pass the 75 characters of RFC 2047.) Whatever a header says, it begins no other.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.startswith(("List-", POSTMARKS_NAME)):
            folded = f"{name}: {value}\r\n".encode("ascii")
        else:
            folded = super().fold_binary(name, value)
        if ANOTHER_HEADER.search(folded):
            raise ValueError(f"what {name} says would begin another header")
        return folded


# At 76 Python's encoded words are 74 long; at its default of 78 they are one too long.
POLICY = LetterPolicy(linesep="\r\n", max_line_length=76)


@dataclass(frozen=True)
class Written:
    """A mail's words; `html` has its styles in its tags."""

    subject: str
    text: str
    html: str


def sender() -> Address:
    """MAIL_FROM as name and address."""
    name, spec = parseaddr(settings().mail_from)
    return Address(display_name=name, addr_spec=spec)


def compose(mail: OutboxEmail, token: str | None = None) -> EmailMessage:
    """The whole mail, text part first, in the language of its reader.

    `mail.message_id` must be set; `token` stands in its link to unsubscribe instead of its own.
    Raises whatever its templates raise; a variable that they name and the context lacks is an
    error.
    """
    kind = kinds.find(mail.kind)
    unsubscribe_url = None
    if kind.is_bulk:
        token = token or refusals.unsubscribe_token(mail.id)
        unsubscribe_url = address("mail.unsubscribe", mail.language, token=token)
    words = wording.of(mail.kind, mail.language)
    values = kind.complete(mail.context, mail.language)
    said = written(mail.kind, values, mail.language, words, unsubscribe_url)
    return _letter(mail, said, unsubscribe_url)


def written(
    kind: str,
    completed: dict[str, Any],
    language: str,
    words: wording.Words,
    unsubscribe_url: str | None,
) -> Written:
    """What a mail of `kind` says, whose templates see `completed`. Raises as compose() does."""
    values = {**completed, "language": language, "unsubscribe_url": unsubscribe_url}
    with force_locale(language), wording.said(words):
        # A line break in a subject would begin a header.
        subject = " ".join(_render(f"email/{kind}/subject.txt", values).split())
        text = _render(f"email/{kind}/body.txt", values)
        html = _render(f"email/{kind}/body.html", {**values, "subject": subject})
    return Written(subject, _tidy(text), INLINER.inline(html))


def _letter(mail: OutboxEmail, said: Written, unsubscribe_url: str | None) -> EmailMessage:
    letter = EmailMessage(policy=POLICY)
    letter["From"] = sender()
    # An Address is one address and nothing else: no list, no header can hide in it.
    letter["To"] = Address(addr_spec=mail.recipient)
    letter["Subject"] = Subject(said.subject)
    letter["Date"] = format_datetime(clock.now())
    letter["Message-ID"] = mail.message_id
    if settings().postmark_webhook_login and len(mail.message_id or "") <= LONGEST_FOR_POSTMARK:
        letter[POSTMARKS_NAME] = mail.message_id
    letter["Auto-Submitted"] = "auto-generated"
    letter["Content-Language"] = mail.language
    if unsubscribe_url:
        letter["List-Unsubscribe"] = f"<{unsubscribe_url}>"
        letter["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    letter.set_content(said.text, cte="quoted-printable")
    letter.add_alternative(said.html, subtype="html", cte="quoted-printable")
    return letter


def _tidy(text: str) -> str:
    """Text without the gaps that template tags leave; what follows "-- " is the signature."""
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    return re.sub(r"^-- \n+", "-- \n", text, flags=re.MULTILINE)


def _render(template: str, context: dict[str, Any]) -> str:
    values = dict(context)
    current_app.update_template_context(values)
    return _templates().get_template(template).render(values)


def _templates() -> Environment:
    """The site's templates, strict: in a mail a missing variable is an error, not a gap."""
    found: Environment | None = current_app.extensions.get("kava.mail.templates")
    if found is None:
        found = current_app.jinja_env.overlay(undefined=StrictUndefined)
        wording.teach(found)
        current_app.extensions["kava.mail.templates"] = found
    return found
