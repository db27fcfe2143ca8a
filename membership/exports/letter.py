"""The mail that says that a file is ready, and of which kind. Whom it holds, it does not say."""

from datetime import datetime
from typing import Any

from flask_babel import force_locale
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.exports.models import Export
from membership.exports.words import KINDS
from membership.mail import kinds, outbox
from membership.web.languages import address
from membership.web.pages import show_date


def _complete(context: dict[str, Any], language: str) -> dict[str, Any]:
    # The release before did not say which file it is.
    kind = context.get("kind")
    with force_locale(language):
        return context | {
            "day": show_date(datetime.fromisoformat(context["until_at"])),
            "file": str(KINDS[kind]) if kind else "",
        }


READY = kinds.transactional("export_ready", _complete)


def tell(session: Session, export: Export) -> None:
    """To who asked for it, if they are still one of us."""
    reader = session.get(Account, export.asked_by_id) if export.asked_by_id else None
    if reader is None or not reader.is_staff or export.expires_at is None:
        return
    outbox.put(
        session,
        kind=READY,
        recipient=reader.email,
        subject=f"export:{export.id}",
        language=reader.language,
        account_id=reader.id,
        context={
            "kind": export.kind,
            "link": address("staff.export", reader.language, export_id=export.id),
            "until_at": export.expires_at.isoformat(),
        },
        not_after=export.expires_at,
    )
