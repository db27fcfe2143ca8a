"""Why a patron left: one answer for a subscription, the last one given."""

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert

from membership.billing.models import Leaving
from membership.db import transaction

LEFT = frozenset({"cancel_scheduled", "ended"})


def is_known(subscription_id: int) -> bool:
    """Whether the patron has said why already."""
    with transaction() as session:
        said = exists().where(Leaving.subscription_id == subscription_id)
        return bool(session.scalar(select(said)))


def note(subscription_id: int, reason: str | None, comment: str | None) -> None:
    """Keep `reason` (forms.REASONS) and the patron's words; nothing when both were left out."""
    if not reason and not comment:
        return
    said = {"reason": reason or "other", "comment": comment or None}
    with transaction() as session:
        session.execute(
            insert(Leaving)
            .values(subscription_id=subscription_id, **said)
            .on_conflict_do_update(
                index_elements=["subscription_id"], set_={**said, "changed_at": func.now()}
            )
        )
