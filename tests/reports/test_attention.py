"""What needs a person now."""

from sqlalchemy.orm import Session

from membership.billing.models import Dispute
from membership.reports.attention import attention
from tests import factories
from tests.factories import NOON


def test_disputes_and_warnings_wait_until_they_are_over(session: Session) -> None:
    """[B14] Each kind by itself; what is closed needs nobody."""
    before = attention(session)
    gift = factories.donation(session, factories.account(session))
    for number, (kind, closed_at) in enumerate(
        [
            ("dispute", None),
            ("dispute", None),
            ("dispute", NOON),
            ("fraud_warning", None),
            ("fraud_warning", NOON),
        ]
    ):
        factories.add(
            session,
            Dispute(
                donation_id=gift.id,
                kind=kind,
                stripe_id=f"du_{number}",
                reason="fraudulent",
                status="needs_response",
                amount_minor=400,
                currency="EUR",
                opened_at=NOON,
                closed_at=closed_at,
            ),
        )
    now = attention(session)
    assert (now.disputes - before.disputes, now.fraud_warnings - before.fraud_warnings) == (2, 1)
