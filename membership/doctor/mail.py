"""Our letters: whether they can be written and left by one click, and who tells what bounces."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import structlog
from sqlalchemy import func, select

from config.settings import settings
from membership.db import transaction
from membership.doctor.findings import Finding, ok, warning, wrong
from membership.mail import bounces, kinds, letters, wording
from membership.mail.models import MailReport
from membership.mail.webhooks import PROVIDERS
from membership.staff.mail import samples
from membership.web.languages import address

log = structlog.get_logger(__name__)

LETTERS, LEAVING, BOUNCES = "Letters", "List-Unsubscribe", "Bounces"
# A mail server by its name, and in which setting its provider's webhook proves itself.
SERVERS = {
    "postmark": (".postmarkapp.com", "POSTMARK_WEBHOOK_LOGIN"),
    "ses": (".amazonaws.com", "SES_TOPIC_ARN"),
    "mailgun": (".mailgun.org", "MAILGUN_SIGNING_KEY"),
}
HOW = "docs/operating.md says how, under Mail."


def written() -> Iterator[Finding]:
    """Whether every kind can be rendered in every language, worded as staff have worded it."""
    names, languages = sorted(kinds.names()), settings().languages
    broken = [
        f"{kind} ({language}): {error}"
        for kind in names
        for language in languages
        if (error := _what_breaks(kind, language, wording.of(kind, language)))
    ]
    if broken:
        said = f"{len(broken)} cannot be written: {'; '.join(broken[:3])}."
        yield wrong(LETTERS, said, "Reset their wording on the staff pages; the log says more.")
    else:
        yield ok(LETTERS, f"all {len(names)} kinds can be written in {', '.join(languages)}.")


def _what_breaks(kind: str, language: str, words: wording.Words) -> str:
    """The error's name, "" without one."""
    try:
        for context in samples.of(kind, language):
            link = _link(language) if kinds.is_bulk(kind) else None
            letters.written(kind, context, language, words, link)
    except Exception as error:  # a template raises whatever it likes
        log.warning("sample_letter_not_written", kind=kind, language=language, exc_info=error)
        return type(error).__name__
    return ""


def leaving() -> Iterator[Finding]:
    """Whether mail programs can unsubscribe by themselves (RFC 8058): they do so over https.

    Anything else the settings allow on this machine alone.
    """
    link = _link(settings().languages[0])
    place = link.rpartition("/")[0]
    if link.startswith("https://"):
        yield ok(LEAVING, f"mail to many carries its link, {place}/…; one click ends it.")
    elif not settings().is_live:
        yield ok(LEAVING, f"mail to many carries its link, {place}/…, for this machine alone.")
    else:
        advice = "Set PUBLIC_URL to the https address of this site."
        yield wrong(LEAVING, f"its link, {place}/…, leads no reader anywhere.", advice)


def _link(language: str) -> str:
    return address("mail.unsubscribe", language, token="sample")


def told() -> Iterator[Finding]:
    """Whether somebody tells us of mail that came back, and has."""
    host = urlsplit(settings().smtp_url).hostname or ""
    ready = [name for name, each in PROVIDERS.items() if each.is_ours(settings())]
    for name, (ending, setting) in SERVERS.items():
        if host.endswith(ending) and name not in ready:
            said = f"{host} may not tell us what bounces: {setting} is empty."
            yield wrong(BOUNCES, said, f"Set it, and the webhook there; {HOW}")
            return
    told = _last_reports()
    for name in ready:
        yield ok(BOUNCES, f"{name} may tell us at /webhooks/mail/{name}; {_said(told.get(name))}.")
    if ready:
        return
    if bounces.MAILBOX in told:
        yield ok(BOUNCES, f"they come by mail; {_said(told[bounces.MAILBOX])}.")
        return
    said = "no provider tells us what bounces, and no report has come by mail."
    yield warning(BOUNCES, said, f"Set up a webhook, or run: flask mail bounces PATH; {HOW}")


def _last_reports() -> dict[str, float]:
    """How many hours ago each provider last reported something."""
    age = func.extract("epoch", func.now() - func.max(MailReport.reported_at)) / 3600
    with transaction() as session:
        rows = session.execute(select(MailReport.provider, age).group_by(MailReport.provider))
        return {provider: float(hours) for provider, hours in rows}


def _said(hours: float | None) -> str:
    return "nothing has come yet" if hours is None else f"the last report came {hours:.0f} h ago"
