"""What a failed payment is told as, when, and what is said to have recovered it (rule B12).

Pure rules over Stripe's words and over times.
"""

from datetime import datetime, timedelta
from typing import Literal

Kind = Literal["soft", "hard", "action"]
Recovery = Literal["mail", "retry", "patron"]

# Days after the first failure on which a letter is due while the payment still fails.
LETTER_DAYS = (0, 3, 7, 14)
# Whatever held a letter up, the next one keeps this distance.
SHORTEST_PAUSE = timedelta(days=3)
# After these Stripe charges the card no more until there is another one. Its list names
# authentication_required as well, which the patron can mend with the same card.
# https://docs.stripe.com/billing/revenue-recovery/smart-retries#non-retryable-decline-codes
HARD = frozenset(
    {
        "highest_risk_level",
        "incorrect_number",
        "lost_card",
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "transaction_not_allowed",
    }
)


def kind(decline_code: str | None, needs_action: bool) -> Kind:
    """How a payment failed: `soft` may pass by itself, `hard` needs another card.

    `action` waits for the patron to confirm the payment with the bank. `decline_code` is Stripe's
    word; one that is not known is soft, as Stripe tries again.
    """
    if needs_action:
        return "action"
    return "hard" if decline_code in HARD else "soft"


def next_letter_at(failed_at: datetime, letters: int, last_letter_at: datetime) -> datetime | None:
    """When the letter after the first `letters` is due; None when all are written.

    The first is due at once.
    """
    if letters >= len(LETTER_DAYS):
        return None
    return max(failed_at + timedelta(days=LETTER_DAYS[letters]), last_letter_at + SHORTEST_PAUSE)


def recovered_by(
    failed_with: str | None,
    paid_with: str | None,
    link_used_at: datetime | None,
    own_act_at: datetime | None,
) -> Recovery:
    """What brought the money: our mail's link, Stripe's retry, or the patron's own act.

    The cards are ids of payment methods. Whoever came last counts; where nobody came, the same
    card means a retry, and another one that the patron went to Stripe alone.
    """
    if link_used_at is not None and (own_act_at is None or link_used_at >= own_act_at):
        return "mail"
    if own_act_at is not None:
        return "patron"
    return "retry" if paid_with == failed_with else "patron"
