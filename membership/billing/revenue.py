"""What a subscription is worth a month, and what a change of that is called. Pure rules.

MRR counts live subscriptions only; one-time gifts are not in it, and currencies never mix.
"""

from fractions import Fraction

from membership.billing.lifecycle import INVOLUNTARY

MONTHS = {"month": 1, "year": 12}
WORTH_NOTHING = frozenset({"incomplete", "paused", "ended"})


def monthly_value(amount_minor: int, interval: str, state: str, *, collection_paused: bool) -> int:
    """Minor units a month; a yearly amount ÷ 12, rounded half to even.

    What is not collected is worth nothing, whatever the state: a pause may end with the support.
    """
    if collection_paused or state in WORTH_NOTHING:
        return 0
    return round(Fraction(amount_minor, MONTHS[interval]))


def movement(
    previous_mrr: int, new_mrr: int, end_reason: str | None, had_mrr_before: bool
) -> str | None:
    """The ledger's word for a change of monthly value; None when there is none.

    A pause takes the value to nothing as leaving does (churn_voluntary), and the return from it
    is a reactivation. `had_mrr_before`: this patron has had monthly value at any time.
    """
    if new_mrr == previous_mrr:
        return None
    if previous_mrr == 0:
        return "reactivation" if had_mrr_before else "new"
    if new_mrr == 0:
        return "churn_involuntary" if end_reason in INVOLUNTARY else "churn_voluntary"
    return "expansion" if new_mrr > previous_mrr else "contraction"
