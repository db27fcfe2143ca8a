"""What mail providers tell us: `POST /webhooks/mail/<provider>` (rule M4).

200: heard, whether or not it was about us, and again if it comes again. 401 and 403: not from the
provider. 400: nonsense. Nothing is written then.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from flask import Blueprint, Request, abort, request
from flask.typing import ResponseReturnValue

from config.settings import Settings, settings
from membership.db import transaction
from membership.mail import bounces, mailgun, postmark, ses, sns
from membership.web import access, csrf

log = structlog.get_logger(__name__)
blueprint = Blueprint("reports", __name__)

# A bounce may bring the whole head of its mail, and what is JSON within JSON doubles.
LARGEST_BODY = 512 * 1024
# After 403 Postmark would never send the report again, whose password somebody may yet mend.
CHALLENGE = {"WWW-Authenticate": 'Basic realm="Reports of mail", charset="UTF-8"'}
PLAIN = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}


@dataclass(frozen=True)
class Provider:
    """`is_ours`: whether the newsroom uses it. `read` gives the reports that a request brings."""

    is_ours: Callable[[Settings], bool]
    read: Callable[[Request], list[bounces.Report]]


PROVIDERS = {
    "postmark": Provider(lambda known: bool(known.postmark_webhook_login), postmark.read),
    "ses": Provider(lambda known: bool(known.ses_topic_arn), ses.read),
    "mailgun": Provider(lambda known: bool(known.mailgun_signing_key), mailgun.read),
}


@blueprint.post("/webhooks/mail/<provider>")
@access.anyone
def hear(provider: str) -> ResponseReturnValue:
    """Neither cookie nor CSRF token: each provider proves itself in its own way."""
    found = PROVIDERS.get(provider)
    if found is None or not found.is_ours(settings()):
        abort(404)
    request.max_content_length = LARGEST_BODY
    try:
        reports = found.read(request)
    except bounces.NotSignedError as error:
        log.warning("mail_webhook_refused", provider=provider, reason=str(error))
        if isinstance(error, bounces.NoLoginError):
            return f"Not taken: {error}.\n", 401, PLAIN | CHALLENGE
        return f"Not taken: {error}.\n", 403, PLAIN
    except bounces.UnreadableError as error:
        log.warning("mail_webhook_unreadable", provider=provider, reason=str(error))
        return f"{error}\n", 400, PLAIN
    except sns.AmazonAwayError as error:
        log.error("mail_webhook_unverified", provider=provider, reason=str(error))
        return "Not yet: Amazon could not be asked. Please send it again.\n", 503, PLAIN
    with transaction() as session:
        taken = sum(bounces.take(session, report) for report in reports)
    log.info("mail_webhook_heard", provider=provider, reports=len(reports), new=taken)
    return f"Heard; new: {taken}.\n", 200, PLAIN


csrf.exempt(hear)
