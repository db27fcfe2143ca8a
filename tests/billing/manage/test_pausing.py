"""A pause leaves out what it says, and ends on the day that was announced."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from membership.billing.manage import plan
from membership.billing.models import Donation, LedgerEntry
from membership.billing.standing import standing
from membership.reports.overview.running import differences
from tests.billing.agreement import assert_ledger_is_mrr
from tests.billing.manage.conftest import Patron
from tests.billing.reading import mails, rows

NewPatron = Callable[..., Patron]


def pause(patron: Patron, months: int = 1, seen: str = "") -> object:
    form = {"months": str(months), "seen": seen or patron.agreement.seen}
    return patron.browser.post("/account/pause", data=form)


@pytest.mark.parametrize("months", [1, 2, 3])
def test_so_many_charges_are_skipped_and_the_next_comes_when_announced(
    patron: NewPatron, months: int
) -> None:
    """[B10] [L8] From the 31st, over a short February."""
    giver = patron(at=datetime(2028, 1, 31, 9, tzinfo=UTC))
    planned = plan.pause(giver.agreement, months)
    page = giver.browser.get("/account/pause").text
    day = planned.next_charge_at
    assert f"{day.day} {day:%B %Y}" in page
    assert pause(giver, months).status_code == 303
    assert giver.row.state == "paused"
    assert standing(giver.row.state) == "grace"
    assert giver.agreement.next_charge_at == day
    assert f"again on {day.day} {day:%B %Y}" in _flat(giver.browser.get("/account").text)

    giver.wait_until(day - timedelta(seconds=5))
    assert len(giver.charged()) == 1
    assert giver.row.state == "active"
    giver.wait_until(day + timedelta(hours=1, seconds=5))
    assert giver.charged()[1:] == [(day, 500)]


def _flat(page: str) -> str:
    """Without the marks around a day."""
    return re.sub(r"</?time[^>]*>", "", page)


def test_who_pauses_is_told_and_told_again_when_it_goes_on(patron: NewPatron) -> None:
    giver = patron()
    pause(giver)
    day = giver.agreement.next_charge_at
    assert day is not None
    giver.wait_until(day)
    told = [kind for kind, _ in mails(giver.session)]
    assert told == ["receipt", "support_paused", "support_resumed", "welcome"]
    movements = [entry.movement for entry in rows(giver.session, LedgerEntry)]
    assert movements == ["new", "churn_voluntary", "reactivation"]


def test_going_on_earlier_keeps_the_next_charge(patron: NewPatron) -> None:
    """[B10] Nothing is charged by the button; the next charge is that of the period's end."""
    giver = patron()
    end = giver.row.current_period_end_at
    pause(giver, 3)
    assert giver.browser.post("/account/resume").status_code == 303
    assert (giver.row.state, giver.row.resumes_at) == ("active", None)
    assert giver.agreement.next_charge_at == end
    assert len(giver.charged()) == 1
    giver.pass_charge()
    assert giver.charged()[1:] == [(end, 500)]


def test_going_on_waits_until_the_skipped_charge_is_gone(patron: NewPatron) -> None:
    """[B10] In the hour before Stripe voids it, going on would charge what was left out."""
    giver = patron()
    end = giver.row.current_period_end_at
    pause(giver, 2)
    giver.wait_until(end + timedelta(minutes=20))
    answer = giver.browser.post("/account/resume")
    assert answer.status_code == 409
    assert "come back in an hour" in answer.text
    giver.wait_until(end + timedelta(hours=2))
    assert giver.browser.post("/account/resume").status_code == 303
    assert len(giver.charged()) == 1


def test_a_year_is_not_paused_but_there_are_ways(patron: NewPatron) -> None:
    """[B10] Nor is it offered; who opens an old page reads why."""
    giver = patron(interval="year", amount="60")
    assert "/account/pause" not in giver.browser.get("/account").text
    assert "/account/pause" not in giver.browser.get("/account/cancel").text
    page = giver.browser.get("/account/pause")
    assert page.status_code == 200
    assert "leave out a whole year" in page.text
    assert 'name="months"' not in page.text
    assert "/account/change" in page.text
    assert "/account/cancel" in page.text
    answer = pause(giver)
    assert answer.status_code == 409
    assert giver.at_stripe["pause_collection"] is None


@pytest.mark.parametrize("months", ["0", "4", "x", ""])
def test_a_pause_has_one_to_three_months(patron: NewPatron, months: str) -> None:
    giver = patron()
    answer = giver.browser.post(
        "/account/pause", data={"months": months, "seen": giver.agreement.seen}
    )
    assert answer.status_code == 422
    assert giver.row.state == "active"


def test_a_pause_that_was_announced_otherwise_does_nothing(patron: NewPatron) -> None:
    """[B9]"""
    giver = patron()
    seen = giver.agreement.seen
    giver.stripe.move_clock(32)
    answer = pause(giver, 1, seen)
    assert answer.status_code == 409
    assert "Meanwhile something has changed" in answer.text
    assert giver.at_stripe["pause_collection"] is None


def test_while_a_payment_is_due_there_is_no_pause(patron: NewPatron) -> None:
    """[L2]"""
    giver = patron()
    giver.fail_next_charge()
    assert giver.browser.get("/account/pause").status_code == 409
    answer = pause(giver)
    assert answer.status_code == 409
    assert "A payment is due first" in answer.text


def test_what_is_paused_is_not_paused_again(patron: NewPatron) -> None:
    giver = patron()
    pause(giver)
    until = giver.row.resumes_at
    answer = pause(giver, 3)
    assert answer.status_code == 409
    assert "Your support is paused" in answer.text
    assert giver.row.resumes_at == until


def test_pauses_follow_one_another_only_after_a_payment(patron: NewPatron) -> None:
    """[B10] [V3] Or one payment would keep the vote for ever."""
    giver = patron()
    pause(giver, 3)
    day = giver.agreement.next_charge_at
    assert day is not None
    giver.wait_until(day - timedelta(hours=1))
    assert giver.row.state == "active"
    page = giver.browser.get("/account/pause")
    assert page.status_code == 409
    assert "You have paused since your last payment" in page.text
    assert pause(giver, 3).status_code == 409
    assert giver.at_stripe["pause_collection"] is None
    giver.wait_until(day + timedelta(hours=1, seconds=5))
    assert len(giver.charged()) == 2
    assert pause(giver, 3).status_code == 303
    assert giver.row.state == "paused"


def test_going_on_and_pausing_anew_is_one_after_the_other(patron: NewPatron) -> None:
    """[B10]"""
    giver = patron()
    pause(giver)
    giver.browser.post("/account/resume")
    assert pause(giver, 3).status_code == 409
    assert giver.row.state == "active"


def test_money_that_went_back_pays_for_no_other_pause(patron: NewPatron) -> None:
    """[B10] [V3]"""
    giver = patron()
    pause(giver)
    giver.browser.post("/account/resume")
    giver.pass_charge()
    newest = rows(giver.session, Donation)[-1]
    giver.stripe.api("refunds", payment_intent=newest.stripe_payment_intent_id)
    giver.stripe.deliver_all()
    assert pause(giver).status_code == 409


def test_leaving_during_a_pause_makes_no_income(patron: NewPatron) -> None:
    """[D1] [L15] Nothing is collected, whether the end is set or taken back."""
    giver = patron()
    pause(giver, 2)
    giver.browser.post("/account/cancel")
    assert (giver.row.state, giver.row.collection_paused) == ("cancel_scheduled", True)
    assert not differences(giver.session)
    giver.browser.post("/account/keep")
    giver.browser.post("/account/cancel")
    giver.pass_charge()
    assert giver.row.state == "ended"
    entries = [(each.movement, each.amount_minor) for each in rows(giver.session, LedgerEntry)]
    assert entries == [("new", 500), ("churn_voluntary", -500)]
    assert_ledger_is_mrr(giver.session, giver.stripe)


def test_a_paused_support_can_end(patron: NewPatron) -> None:
    """[B10] It ends with the period, uncharged; taken back, it is paused as before."""
    giver = patron()
    pause(giver, 2)
    assert giver.browser.post("/account/cancel").status_code == 303
    assert giver.row.state == "cancel_scheduled"
    assert giver.browser.post("/account/keep").status_code == 303
    assert giver.row.state == "paused"
    giver.browser.post("/account/cancel")
    giver.pass_charge()
    assert giver.row.state == "ended"
    assert len(giver.charged()) == 1
