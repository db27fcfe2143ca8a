"""What a patron's act leads to: where it may be done, and which charge comes next (rule B9).

Pure rules. Times are Stripe's, in UTC: a charge falls due where a period ends, and a day that a
month lacks becomes its last day, from which later months return (lesson L8).
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from membership.money import Money, smallest_step

Act = Literal["change", "pause", "resume", "cancel", "keep"]
# A failed payment comes first (lesson L2), but leaving is always possible.
MAY: Mapping[Act, frozenset[str]] = MappingProxyType(
    {
        "change": frozenset({"active"}),
        "pause": frozenset({"active"}),
        "resume": frozenset({"paused"}),
        "cancel": frozenset({"active", "past_due", "paused", "incomplete"}),
        "keep": frozenset({"cancel_scheduled"}),
    }
)
# Ends at once: a retry must not charge somebody who has left.
ENDS_AT_ONCE = frozenset({"past_due", "incomplete"})
LONGEST_PAUSE = 3
MONTHS = {"month": 1, "year": 12}
# How far from its anchor Stripe lets a trial end, by which the next charge gets another rhythm:
# https://docs.stripe.com/api/subscriptions/update#update_subscription-trial_end
TRIAL_REACHES = timedelta(days=730)
# Collection goes on a day before the next charge: long after the last skipped one, which Stripe
# voids an hour after its period began.
BEFORE_CHARGE = timedelta(days=1)


class NotNowError(RuntimeError):
    """The act is not possible as things stand; nothing was done."""


class StateForbidsError(NotNowError):
    def __init__(self, state: str) -> None:
        super().__init__(f"not while the subscription is {state}")
        self.state = state


class YearlyPauseError(NotNowError):
    """A pause of some months would skip a whole year's gift."""


class ChangedMeanwhileError(NotNowError):
    """What was shown is no longer what stands at Stripe."""


class ChargeUnderWayError(NotNowError):
    """A period has just begun, and its charge with what held until then is being made."""


class PausedBeforeError(NotNowError):
    """Nothing was paid since the last pause; one after the other would be giving nothing."""


class OldRhythmError(NotNowError):
    """Stripe moves no charge so far from where the periods began to be counted."""


class AnotherGivesError(NotNowError):
    """The patron gives by another subscription by now."""


class SameAgreementError(ValueError):
    """The change asks for what is agreed already."""


@dataclass(frozen=True)
class Agreement:
    """What is agreed, as Stripe last told it. Periods are counted from `anchor_at`."""

    state: str
    amount: Money
    interval: str
    period_end_at: datetime
    anchor_at: datetime
    resumes_at: datetime | None = None

    @property
    def seen(self) -> str:
        """What a page says that it was made from; another word is another agreement."""
        end = int(self.period_end_at.timestamp())
        return f"{self.state}:{self.amount.minor}:{self.amount.currency}:{self.interval}:{end}"

    def charge_at(self, number: int) -> datetime:
        """When a charge falls due; 0 is the one at the end of the period that runs."""
        end = self.period_end_at
        years, month = divmod(end.month - 1 + number * MONTHS[self.interval], 12)
        last_day = monthrange(end.year + years, month + 1)[1]
        day = min(max(self.anchor_at.day, end.day), last_day)
        return end.replace(year=end.year + years, month=month + 1, day=day)

    @property
    def next_charge_at(self) -> datetime | None:
        """None when no charge is to come, or nobody knows when: a failed one is tried again."""
        if self.state == "active":
            return self.period_end_at
        if self.state != "paused" or self.resumes_at is None:
            return None
        number = 0
        while self.charge_at(number) < self.resumes_at:
            number += 1
        return self.charge_at(number)


def acts_in(agreement: Agreement) -> frozenset[Act]:
    """What may be done now; what is not in here is not offered."""
    acts = frozenset(act for act, states in MAY.items() if agreement.state in states)
    return acts - {"pause"} if agreement.interval == "year" else acts


def worth(agreement: Agreement, interval: str) -> Money:
    """What is given now, per `interval`; a twelfth of a year's gift is rounded up."""
    amount = agreement.amount
    if interval == agreement.interval:
        return amount
    if interval == "year":
        return amount * MONTHS["year"]
    step = smallest_step(amount.currency) * MONTHS["year"]
    return Money(-(-amount.minor // step) * smallest_step(amount.currency), amount.currency)


def insist(act: Act, agreement: Agreement) -> None:
    """Raise NotNowError unless `act` is possible."""
    if agreement.state not in MAY[act]:
        raise StateForbidsError(agreement.state)
    if act == "pause" and agreement.interval == "year":
        raise YearlyPauseError("a pause of some months would skip a whole year")


def insist_on_paid_since_pause(paused_at: datetime | None, paid_at: datetime | None) -> None:
    """Raise PausedBeforeError unless something was paid since the last pause began, if one did."""
    if paused_at is not None and (paid_at is None or paid_at <= paused_at):
        raise PausedBeforeError(f"paused at {paused_at}, and nothing paid since")


def insist_on_seen(agreement: Agreement, seen: str) -> None:
    """Raise ChangedMeanwhileError unless the patron decided by what stands now."""
    if agreement.seen != seen:
        raise ChangedMeanwhileError(f"{seen} was shown, {agreement.seen} holds")


def change(agreement: Agreement, amount: Money, interval: str) -> Agreement:
    """What holds after a change: the next charge keeps its day and has the new amount.

    The currency stays. Raises NotNowError, SameAgreementError.
    """
    insist("change", agreement)
    if (amount, interval) == (agreement.amount, agreement.interval):
        raise SameAgreementError("nothing would change")
    after = replace(agreement, amount=amount, interval=interval)
    if interval != agreement.interval:
        after = replace(after, anchor_at=agreement.period_end_at)
    return after


def is_beyond_trials(agreement: Agreement, interval: str) -> bool:
    """Whether Stripe says that it refuses another rhythm to an agreement of this age."""
    reached = agreement.period_end_at - agreement.anchor_at
    return interval != agreement.interval and reached > TRIAL_REACHES


@dataclass(frozen=True)
class Pause:
    """So many charges are left out: `skipped`. The next one comes at `next_charge_at`."""

    months: int
    skipped: tuple[datetime, ...]
    next_charge_at: datetime

    @property
    def resumes_at(self) -> datetime:
        """When Stripe collects again."""
        return self.next_charge_at - BEFORE_CHARGE


def pause(agreement: Agreement, months: int) -> Pause:
    """Raises NotNowError; `months` is 1 to LONGEST_PAUSE."""
    insist("pause", agreement)
    if not 1 <= months <= LONGEST_PAUSE:
        raise ValueError(f"a pause lasts 1 to {LONGEST_PAUSE} months")
    skipped = tuple(agreement.charge_at(number) for number in range(months))
    return Pause(months, skipped, agreement.charge_at(months))
