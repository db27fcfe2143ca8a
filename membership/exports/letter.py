"""The mail that says that a file is ready. What is in the file, it does not say."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.exports.models import Export
from membership.mail import kinds, outbox
from membership.web.languages import address
from membership.web.pages import show_date


def _complete(context: dict[str, Any], _language: str) -> dict[str, Any]:
    return context | {"day": show_date(datetime.fromisoformat(context["until_at"]))}


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
            "link": address("staff.export", reader.language, export_id=export.id),
            "until_at": export.expires_at.isoformat(),
        },
        not_after=export.expires_at,
    )
