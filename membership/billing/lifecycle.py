"""The states of a subscription (rule B11), as pure rules over what Stripe says.

incomplete        the first payment has not come; nothing is given yet
active            gives as agreed
past_due          a payment failed and Stripe tries again; still a patron
paused            collection is paused for a while
cancel_scheduled  gives until the period ends, then is over
ended             over, with an end reason; nothing comes after it

Stripe's truth is re-read, so we may miss states between two readings: an incomplete subscription
that we next see past due was active in between. `STEPS` says what may happen in one step;
`transition()` accepts whatever a path of steps leads to, and raises for everything else.
"""

from types import MappingProxyType

STEPS: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        "incomplete": frozenset({"active", "ended"}),
        "active": frozenset({"past_due", "paused", "cancel_scheduled", "ended"}),
        "past_due": frozenset({"active", "paused", "cancel_scheduled", "ended"}),
        "paused": frozenset({"active", "past_due", "cancel_scheduled", "ended"}),
        "cancel_scheduled": frozenset({"active", "past_due", "paused", "ended"}),
        "ended": frozenset(),
    }
)
# At most one of these a patron (rule B6): each may charge again by itself.
LIVE = frozenset({"active", "past_due", "paused"})
# Why we end one; other reasons are the patron's or Stripe's.
OURS = frozenset({"staff", "dispute", "fraud"})
INVOLUNTARY = frozenset({"payment_failed", "dispute", "fraud"})

# https://docs.stripe.com/api/subscriptions/object#subscription_object-cancellation_details-reason
_REASONS = MappingProxyType({"payment_failed": "payment_failed", "payment_disputed": "dispute"})


class ForbiddenTransitionError(ValueError):
    """A subscription cannot come from the one state into the other."""


class UnknownStatusError(ValueError):
    """Stripe named a status that these rules do not know."""


def state_of(status: str, *, ends_later: bool = False, collection_paused: bool = False) -> str:
    """Our state for Stripe's `status` and its marks.

    `ends_later`: it ends with the period that runs. `collection_paused`: pause_collection is set. A
    failed payment outweighs both, since Stripe still tries to charge (lesson L2); an
    announced end outweighs a pause. Raises UnknownStatusError.
    """
    match status:
        case "incomplete":
            return "incomplete"
        case "canceled" | "incomplete_expired":
            return "ended"
        # `unpaid` is past due whose retries are over without an end: a new card revives it.
        case "past_due" | "unpaid":
            return "past_due"
        case "active" | "trialing" | "paused":
            if ends_later:
                return "cancel_scheduled"
            return "paused" if collection_paused or status == "paused" else "active"
    raise UnknownStatusError(f"Stripe's subscription status {status!r} is not known")


def end_reason(status: str, cancellation_reason: str | None, ours: str | None = None) -> str | None:
    """Why a subscription ended; None if it did not.

    `cancellation_reason` is Stripe's cancellation_details.reason, `ours` what we left there when
    we ended it. That Stripe gave up on a payment outweighs an end that was only planned.
    """
    if status == "incomplete_expired":
        return "payment_failed"
    if status != "canceled":
        return None
    return _REASONS.get(cancellation_reason or "") or (ours if ours in OURS else "voluntary")


def transition(before: str | None, after: str) -> bool:
    """Whether anything changed between two readings; `before` is None for the first one.

    Raises ForbiddenTransitionError when no path of STEPS leads from `before` to `after`.
    """
    if before == after:
        return False
    if before is not None and after not in reachable(before):
        raise ForbiddenTransitionError(f"a subscription cannot go from {before} to {after}")
    return True


def reachable(state: str) -> frozenset[str]:
    """Every state that one or more steps lead to from `state`."""
    found: set[str] = set()
    ahead = set(STEPS[state])
    while ahead:
        found |= ahead
        ahead = {after for each in ahead for after in STEPS[each]} - found
    return frozenset(found)
