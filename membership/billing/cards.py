"""The card that pays is the one that its patron chose last."""

from membership.billing import gateway
from membership.billing.snapshots import SubscriptionSnapshot

CHARGES = frozenset({"active", "past_due", "unpaid", "trialing"})


def with_chosen_card(said: SubscriptionSnapshot) -> SubscriptionSnapshot:
    """A subscription of ours, after Stripe was told to charge the card chosen on its pages.

    Its page for a new card sets the customer's, but a subscription that Checkout began has one of
    its own and would go on failing with it.
    """
    if said.chosen_card_id is None or said.checkout is None or said.status not in CHARGES:
        return said
    gateway.use_card(said.id, said.chosen_card_id)
    return gateway.read_subscription(said.id)
