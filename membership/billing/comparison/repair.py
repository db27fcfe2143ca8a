"""Looking closely at one suspect, and bringing what differs to what Stripe says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import func, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.billing import gateway
from membership.billing.comparison import payments, subscriptions
from membership.billing.comparison.models import Difference
from membership.billing.comparison.steps import NOTHING, Seen, Suspect
from membership.billing.inbox import in_a_line
from membership.db import transaction

log = structlog.get_logger(__name__)


class StillDiffersError(RuntimeError):
    """What should have repaired a difference has not."""


@dataclass(frozen=True)
class Kind:
    """How to look at an object under its lock, and how to bring ours to what Stripe says."""

    look: Callable[[Session, str], Seen]
    mend: Callable[[Session, str], None]


_SUBSCRIPTION = Kind(subscriptions.look, subscriptions.mend)
KINDS = {
    "subscription": _SUBSCRIPTION,
    "ledger": _SUBSCRIPTION,
    "invoice": Kind(payments.look_at_invoice, payments.mend_invoice),
    "payment": Kind(payments.look_at_payment, payments.mend_payment),
}


def look_into(comparison_id: int, suspect: Suspect) -> None:
    """Repair what differs, in a transaction of its own, and write down what it was.

    What cannot be repaired is written down with the reason, and holds up nothing (lesson L7).
    Raises StripeAwayError alone: then nothing else would go better.
    """
    kind = KINDS[suspect.kind]
    seen = NOTHING
    try:
        with transaction() as session:
            seen = kind.look(session, suspect.stripe_id)
            if not seen.fields:
                _close(session, suspect)
                return
            kind.mend(session, suspect.stripe_id)
            after = kind.look(session, suspect.stripe_id)
            if after.fields:
                raise StillDiffersError(f"still another: {', '.join(sorted(after.fields))}")
            number = _write(session, comparison_id, suspect, seen, after.account_id)
            _close(session, suspect)
            audit.record(
                session,
                "difference.repaired",
                f"difference:{number}",
                kind=suspect.kind,
                stripe_id=suspect.stripe_id,
                account=after.account_id,
                # The values stand in the difference; a log that nobody can erase needs no card.
                fields=sorted(seen.fields),
            )
    except gateway.StripeAwayError:
        raise
    # Whatever is wrong with one object must not stop the others.
    except Exception as error:
        log.error(
            "difference_not_repaired",
            kind=suspect.kind,
            stripe_id=suspect.stripe_id,
            fields=sorted(seen.fields),
            exc_info=error,
        )
        with transaction() as session:
            _write(session, comparison_id, suspect, seen, seen.account_id, in_a_line(error))


def _write(
    session: Session,
    comparison_id: int,
    suspect: Suspect,
    seen: Seen,
    account_id: int | None,
    problem: str | None = None,
) -> int:
    """The open difference of this object, written anew; its number."""
    is_ledger = seen.fields.keys() == {"mrr_minor"}
    values: dict[str, Any] = {
        "comparison_id": comparison_id,
        "kind": "ledger" if is_ledger else suspect.kind,
        "account_id": account_id,
        "fields": seen.fields,
        "last_error": problem,
    }
    statement = (
        insert(Difference)
        .values(stripe_id=suspect.stripe_id, **values)
        .on_conflict_do_update(
            index_elements=["stripe_id"], index_where=text("repaired_at IS NULL"), set_=values
        )
        .returning(Difference.id)
    )
    return session.execute(statement).scalar_one()


def _close(session: Session, suspect: Suspect) -> None:
    """The object agrees now, whoever has seen to it."""
    session.execute(
        update(Difference)
        .where(Difference.stripe_id == suspect.stripe_id, Difference.repaired_at.is_(None))
        .values(repaired_at=func.now(), last_error=None)
    )
