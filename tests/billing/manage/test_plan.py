"""The rules of what may be done and what it leads to, with nothing around them."""

from datetime import UTC, datetime, timedelta

import pytest

from membership.billing.lifecycle import STEPS
from membership.billing.manage import plan
from membership.billing.manage.news import news
from membership.billing.manage.plan import Agreement
from membership.money import Money


def at(year: int, month: int, day: int, hour: int = 12) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def agreement(**changes: object) -> Agreement:
    values = {
        "state": "active",
        "amount": Money(500, "EUR"),
        "interval": "month",
        "period_end_at": at(2026, 4, 2),
        "anchor_at": at(2026, 3, 2),
    }
    return Agreement(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "acts"),
    [
        ("incomplete", {"cancel"}),
        ("active", {"change", "pause", "cancel"}),
        ("past_due", {"cancel"}),
        ("paused", {"resume", "cancel"}),
        ("cancel_scheduled", {"keep"}),
        ("ended", set()),
    ],
)
def test_what_may_be_done(state: str, acts: set[str]) -> None:
    """[L2] While a payment is due, nothing else is offered but to leave."""
    assert plan.acts_in(agreement(state=state)) == acts
    assert plan.acts_in(agreement(state=state, interval="year")) == acts - {"pause"}
    for act in plan.MAY:
        if act not in acts:
            with pytest.raises(plan.StateForbidsError) as refused:
                plan.insist(act, agreement(state=state))
            assert refused.value.state == state


def test_every_state_is_judged() -> None:
    """[B11]"""
    known = {state for states in plan.MAY.values() for state in states}
    assert known | {"ended"} == set(STEPS)


@pytest.mark.parametrize(
    ("end", "anchor", "number", "expected"),
    [
        (at(2026, 2, 28), at(2026, 1, 31), 1, at(2026, 3, 31)),
        (at(2028, 2, 29), at(2028, 1, 31), 1, at(2028, 3, 31)),
        (at(2026, 12, 31), at(2026, 1, 31), 2, at(2027, 2, 28)),
        (at(2026, 4, 30), at(2026, 1, 30), 10, at(2027, 2, 28)),
        (at(2026, 11, 15), at(2026, 1, 15), 0, at(2026, 11, 15)),
    ],
)
def test_charges_come_back_to_the_day_of_the_first(
    end: datetime, anchor: datetime, number: int, expected: datetime
) -> None:
    """[L8]"""
    assert agreement(period_end_at=end, anchor_at=anchor).charge_at(number) == expected


def test_a_leap_day_comes_back_every_fourth_year() -> None:
    """[L8]"""
    yearly = agreement(interval="year", period_end_at=at(2029, 2, 28), anchor_at=at(2028, 2, 29))
    assert yearly.charge_at(2) == at(2031, 2, 28)
    assert yearly.charge_at(3) == at(2032, 2, 29)


def test_a_change_keeps_the_day_and_the_currency() -> None:
    """[B9]"""
    after = plan.change(agreement(), Money(800, "EUR"), "month")
    assert (after.amount, after.next_charge_at) == (Money(800, "EUR"), at(2026, 4, 2))
    assert after.charge_at(1) == at(2026, 5, 2)


def test_a_new_interval_counts_from_the_next_charge() -> None:
    """[L8] From the 31st, changed in February: yearly on 28 February."""
    before = agreement(period_end_at=at(2026, 2, 28), anchor_at=at(2026, 1, 31))
    after = plan.change(before, Money(6000, "EUR"), "year")
    assert [after.charge_at(number) for number in range(2)] == [at(2026, 2, 28), at(2027, 2, 28)]


def test_the_same_again_is_no_change() -> None:
    with pytest.raises(plan.SameAgreementError):
        plan.change(agreement(), Money(500, "EUR"), "month")


@pytest.mark.parametrize("months", [1, 2, 3])
def test_a_pause_leaves_out_as_many_charges_as_it_says(months: int) -> None:
    """[B10]"""
    planned = plan.pause(
        agreement(period_end_at=at(2026, 1, 31), anchor_at=at(2025, 12, 31)), months
    )
    days = [at(2026, 1, 31), at(2026, 2, 28), at(2026, 3, 31), at(2026, 4, 30)]
    assert planned.skipped == tuple(days[:months])
    assert planned.next_charge_at == days[months]
    voided_by = planned.skipped[-1] + timedelta(hours=1)
    assert voided_by < planned.resumes_at < planned.next_charge_at


@pytest.mark.parametrize("months", [0, 4])
def test_a_pause_is_one_to_three_months(months: int) -> None:
    """[B10]"""
    with pytest.raises(ValueError, match="1 to 3"):
        plan.pause(agreement(), months)


def test_a_year_is_not_paused() -> None:
    """[B10]"""
    with pytest.raises(plan.YearlyPauseError):
        plan.pause(agreement(interval="year"), 1)


def test_a_pause_follows_a_payment() -> None:
    """[B10]"""
    noon = at(2026, 4, 2)
    plan.insist_on_paid_since_pause(None, None)
    plan.insist_on_paid_since_pause(None, noon)
    plan.insist_on_paid_since_pause(noon, noon + timedelta(seconds=1))
    for paid_at in (None, noon - timedelta(days=1), noon):
        with pytest.raises(plan.PausedBeforeError):
            plan.insist_on_paid_since_pause(noon, paid_at)


@pytest.mark.parametrize(
    ("state", "resumes_at", "expected"),
    [
        ("active", None, at(2026, 4, 2)),
        ("paused", at(2026, 5, 1), at(2026, 5, 2)),
        ("paused", at(2026, 5, 2), at(2026, 5, 2)),
        ("paused", at(2026, 5, 3), at(2026, 6, 2)),
        ("paused", None, None),
        ("past_due", None, None),
        ("cancel_scheduled", None, None),
        ("ended", None, None),
    ],
)
def test_the_next_charge(
    state: str, resumes_at: datetime | None, expected: datetime | None
) -> None:
    """[B9]"""
    assert agreement(state=state, resumes_at=resumes_at).next_charge_at == expected


def test_what_was_seen_is_no_longer_what_holds() -> None:
    """[B9]"""
    shown = agreement()
    plan.insist_on_seen(shown, shown.seen)
    others = (
        agreement(amount=Money(501, "EUR")),
        agreement(interval="year"),
        agreement(period_end_at=at(2026, 5, 2)),
        agreement(state="paused"),
    )
    for other in others:
        with pytest.raises(plan.ChangedMeanwhileError):
            plan.insist_on_seen(other, shown.seen)


@pytest.mark.parametrize(
    ("amount", "interval", "other", "expected"),
    [
        (Money(500, "EUR"), "month", "year", Money(6000, "EUR")),
        (Money(5000, "EUR"), "year", "month", Money(417, "EUR")),
        (Money(10_000, "KWD"), "year", "month", Money(840, "KWD")),
        (Money(1000, "JPY"), "year", "month", Money(84, "JPY")),
        (Money(500, "EUR"), "month", "month", Money(500, "EUR")),
    ],
)
def test_what_a_gift_is_worth_in_another_rhythm(
    amount: Money, interval: str, other: str, expected: Money
) -> None:
    """[B15]"""
    assert plan.worth(agreement(amount=amount, interval=interval), other) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, "active", ()),
        ("incomplete", "active", ()),
        ("incomplete", "ended", ()),
        ("active", "paused", ("support_paused",)),
        ("paused", "active", ("support_resumed",)),
        ("active", "cancel_scheduled", ("support_cancelled",)),
        ("paused", "cancel_scheduled", ("support_cancelled",)),
        ("cancel_scheduled", "active", ("cancel_undone",)),
        ("cancel_scheduled", "paused", ("cancel_undone",)),
        ("active", "past_due", ()),
        ("past_due", "active", ()),
        ("paused", "past_due", ()),
        ("past_due", "ended", ("support_cancelled",)),
        ("active", "ended", ("support_cancelled",)),
    ],
)
def test_what_is_told(before: str | None, after: str, expected: tuple[str, ...]) -> None:
    found = news(before, after, agreed_otherwise=False, end_reason="voluntary", ended_early=True)
    assert found == expected


def test_what_is_agreed_otherwise_is_told_beside_the_state() -> None:
    found = news("active", "active", agreed_otherwise=True, end_reason=None, ended_early=False)
    assert found == ("support_changed",)
    found = news("paused", "active", agreed_otherwise=True, end_reason=None, ended_early=False)
    assert found == ("support_changed", "support_resumed")


@pytest.mark.parametrize("reason", ["payment_failed", "dispute", "fraud"])
def test_an_end_that_nobody_wished_is_told_by_others(reason: str) -> None:
    assert not news(
        "past_due", "ended", agreed_otherwise=False, end_reason=reason, ended_early=True
    )


def test_the_announced_end_is_told_once() -> None:
    """[L16]"""
    assert not news(
        "cancel_scheduled", "ended",
        agreed_otherwise=False, end_reason="voluntary", ended_early=False,
    )  # fmt: skip
