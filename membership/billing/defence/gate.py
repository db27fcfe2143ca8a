"""The gate before every payment page: it opens freely, or against a proof of work (rule B16)."""

from sqlalchemy.orm import Session

from membership.billing.defence import attempts, breaker, passes, proofs, rules
from membership.billing.defence.attempts import Giver
from membership.db import transaction


class ChallengeNeededError(RuntimeError):
    """Before this payment page opens, a proof of work is asked for; Stripe was not called.

    `challenge` is its JSON, for the macro challenge() beside the form's button.
    """

    def __init__(self, challenge: str) -> None:
        super().__init__("a proof of work is needed")
        self.challenge = challenge


def admit(email: str, network: str, solution: str | None) -> None:
    """Let `email` of `network` (the request's address) open one payment page.

    Works in a transaction of its own. `solution` is the form's field of this name: a solved
    challenge or the pass of a mailed link; it is used up only when it is needed. Raises
    ChallengeNeededError.
    """
    giver = Giver.of(email, network)
    with transaction() as session:
        is_tested = breaker.judge(session)
        level = rules.level(attempts.asked(session, giver), is_tested)
        is_free = level == 0 or _is_proven(session, giver, solution or "")
        if is_free:
            attempts.opened(session, giver)
    if not is_free:
        raise ChallengeNeededError(proofs.challenge(level))


def _is_proven(session: Session, giver: Giver, solution: str) -> bool:
    return bool(solution) and (
        proofs.spend(session, solution) or passes.spend(session, giver, solution)
    )
