"""Leaving: two clicks, until the period ends, asked why afterwards, and taken back."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import update

from membership import clock
from membership.accounts.models import Account
from membership.billing import ending, leaving
from membership.billing.manage import acts, plan
from membership.billing.models import Leaving, LedgerEntry, Subscription
from tests import factories
from tests.billing.manage.conftest import FAILS_LATER, PAYS, Patron
from tests.billing.reading import mails, rows

NewPatron = Callable[..., Patron]


def answers(patron: Patron) -> list[tuple[str, str | None]]:
    query = patron.session.query(Leaving).populate_existing()
    return [(each.reason, each.comment) for each in query]


def told(patron: Patron) -> list[str]:
    return [kind for kind, _ in mails(patron.session) if kind not in ("receipt", "welcome")]


def test_two_clicks_end_it_with_the_period(patron: NewPatron) -> None:
    """[B10] [L10]"""
    giver = patron()
    end = giver.row.current_period_end_at
    page = giver.browser.get("/account").text
    assert 'href="/account/cancel"' in page
    answer = giver.browser.post("/account/cancel")
    assert (answer.status_code, answer.location) == (303, "/account/cancelled")
    assert (giver.row.state, giver.row.current_period_end_at) == ("cancel_scheduled", end)
    page = giver.browser.get("/account/cancelled").text
    assert "Your support ends on" in page
    day = clock.newsroom_day(end)
    assert f"{day.day} {day:%B %Y}" in page
    giver.pass_charge()
    assert (giver.row.state, giver.row.end_reason) == ("ended", "voluntary")
    assert len(giver.charged()) == 1
    assert told(giver) == ["support_cancelled"]


def test_before_the_end_lies_what_is_in_between(patron: NewPatron) -> None:
    """[B10] Offers beside the button, without a detour to it."""
    giver = patron(amount="8")
    page = giver.browser.get("/account/cancel").text
    assert "Give less: €4 every month" in page
    assert "/account/change?interval=month&amp;amount=4" in page
    assert "/account/pause" in page
    assert "/account/change?interval=year" in page
    chosen = giver.browser.get("/account/change?interval=month&amount=4").text
    assert 'value="4" id="give-month-1" checked' in chosen


def test_the_reason_is_asked_afterwards_and_may_be_left_out(patron: NewPatron) -> None:
    """[B10]"""
    giver = patron()
    assert giver.browser.get("/account/cancelled").location == "/account"
    giver.browser.post("/account/cancel")
    assert "Would you tell us why?" in giver.browser.get("/account/cancelled").text
    assert giver.browser.post("/account/cancelled").status_code == 303
    assert answers(giver) == []
    giver.browser.post("/account/cancelled", data={"reason": "cost", "comment": " Rent. "})
    assert answers(giver) == [("cost", "Rent.")]
    giver.browser.post("/account/cancelled", data={"comment": "Moved away"})
    assert answers(giver) == [("other", "Moved away")]


@pytest.mark.parametrize(
    "form", [{"reason": "nonsense"}, {"comment": "x" * 1001}], ids=["reason", "comment"]
)
def test_a_reason_that_is_none_gets_a_sentence(patron: NewPatron, form: dict[str, str]) -> None:
    giver = patron()
    giver.browser.post("/account/cancel")
    answer = giver.browser.post("/account/cancelled", data=form)
    assert answer.status_code == 422
    assert answers(giver) == []


def test_it_can_be_taken_back_until_the_period_ends(patron: NewPatron) -> None:
    """[B10]"""
    giver = patron()
    end = giver.row.current_period_end_at
    giver.browser.post("/account/cancel")
    giver.browser.post("/account/cancelled", data={"reason": "cost"})
    assert giver.browser.post("/account/keep").status_code == 303
    assert giver.row.state == "active"
    assert answers(giver) == []
    assert told(giver) == ["cancel_undone", "support_cancelled"]
    giver.pass_charge()
    assert giver.charged()[1:] == [(end, 500)]


def test_an_end_that_staff_set_at_stripe_is_taken_back_too(patron: NewPatron) -> None:
    """[B10] Stripe's dashboard sets a day instead of the period's end."""
    giver = patron()
    end = int(giver.row.current_period_end_at.timestamp())
    giver.stripe.api(f"subscriptions/{giver.row.stripe_subscription_id}", cancel_at=str(end))
    giver.stripe.deliver_all()
    assert giver.row.state == "cancel_scheduled"
    assert giver.browser.post("/account/keep").status_code == 303
    assert (giver.row.state, giver.at_stripe["cancel_at"]) == ("active", None)


def test_after_the_end_there_is_nothing_to_take_back(patron: NewPatron) -> None:
    giver = patron()
    giver.browser.post("/account/cancel")
    giver.pass_charge()
    for path in ("/account/keep", "/account/cancel", "/account/resume"):
        answer = giver.browser.post(path)
        assert answer.status_code == 409
        assert "has ended already" in answer.text


def test_who_owes_a_payment_leaves_at_once(patron: NewPatron) -> None:
    """[B10] [L2] A retry must not charge somebody who has left."""
    giver = patron()
    giver.fail_next_charge()
    page = giver.browser.get("/account").text
    assert "Fix the card" in page
    assert 'href="/account/cancel"' in page
    assert "/account/change" not in page
    assert "/account/pause" not in page
    assert "It ends at once" in giver.browser.get("/account/cancel").text
    giver.browser.post("/account/cancel")
    assert (giver.row.state, giver.row.end_reason) == ("ended", "voluntary")
    giver.stripe.sandbox("cards", customer=giver.row.stripe_customer_id, number=PAYS)
    giver.stripe.move_clock(60)
    giver.stripe.deliver_all()
    assert len(giver.charged()) == 1
    assert "support_cancelled" in told(giver)
    assert "Your support has ended" in giver.browser.get("/account/cancelled").text


def test_who_leaves_while_a_charge_is_under_way_is_not_charged(patron: NewPatron) -> None:
    """[B10] [L10] An hour lies between a period's beginning and its charge."""
    giver = patron()
    giver.wait_until(giver.row.current_period_end_at + timedelta(minutes=20))
    assert giver.row.state == "active"
    assert giver.browser.post("/account/cancel").status_code == 303
    assert giver.row.state == "ended"
    giver.stripe.move_clock(60)
    assert len(giver.charged()) == 1


def test_a_draft_that_was_left_over_changes_nothing(patron: NewPatron) -> None:
    """[B10] Stripe keeps one that shall not be charged for ever: no charge is under way."""
    giver = patron()
    giver.wait_until(giver.row.current_period_end_at + timedelta(minutes=20))
    (draft,) = [each for each in giver.stripe.all("invoice") if each["status"] == "draft"]
    giver.stripe.api(f"invoices/{draft['id']}", auto_advance="false")
    giver.wait_until(giver.now() + timedelta(days=2))
    change = {"amount": "7", "interval": "month"}
    assert giver.browser.get("/account/change", query_string=change).status_code == 200
    giver.browser.post("/account/cancel")
    assert giver.row.state == "cancel_scheduled"


WAYS: dict[str, Callable[[Patron], object]] = {
    "staff": lambda giver: ending.by_staff(giver.session, giver.row.id, at_once=True),
    "deletion": lambda giver: leaving.end_support(giver.row.account_id),
    "dispute": lambda giver: giver.stripe.sandbox(
        "disputes", charge=giver.stripe.all("charge")[0]["id"]
    ),
    "patron": lambda giver: giver.browser.post("/account/cancel"),
}


@pytest.mark.parametrize(
    ("way", "was"),
    [
        each
        for each in product(WAYS, ["active", "cancel_scheduled", "past_due"])
        # The patron has asked for that end already.
        if each != ("patron", "cancel_scheduled")
    ],
)
def test_who_is_ended_between_a_periods_beginning_and_its_charge_is_not_charged(
    patron: NewPatron, way: str, was: str
) -> None:
    """[B10] [L24] Renewed at 10:00, ended at 10:20 in whatever way, nothing charged at 11:00."""
    giver = patron()
    if was == "past_due":
        giver.fail_next_charge()
        # Another period begins before Stripe gives up.
        giver.stripe.change(giver.stripe.all("invoice")[-1]["id"], next_payment_attempt=None)
    giver.wait_until(giver.row.current_period_end_at + timedelta(minutes=20))
    charged = giver.charged()
    if was == "cancel_scheduled":
        soon = int((giver.now() + timedelta(days=3)).timestamp())
        giver.stripe.api(f"subscriptions/{giver.row.stripe_subscription_id}", cancel_at=str(soon))
        giver.stripe.deliver_all()
    assert giver.row.state == was
    WAYS[way](giver)
    giver.stripe.deliver_all()
    assert giver.row.state == "ended"
    giver.stripe.sandbox("cards", customer=giver.row.stripe_customer_id, number=PAYS)
    giver.wait_until(giver.now() + timedelta(minutes=70))
    assert giver.charged() == charged


def test_a_first_payment_that_never_came_can_be_dropped(patron: NewPatron) -> None:
    """[B10] [L3]"""
    giver = patron()
    giver.stripe.change(giver.row.stripe_subscription_id, status="incomplete")
    giver.session.execute(update(Subscription).values(state="incomplete"))
    page = giver.browser.get("/account").text
    assert "Try again" in page
    assert giver.browser.post("/account/cancel").status_code == 303
    assert giver.row.state == "ended"


def test_what_was_cancelled_on_stripes_page_is_told_as_well(patron: NewPatron) -> None:
    """[B9] [L16] Whoever changes it, each change is told once."""
    giver = patron()
    portal = giver.browser.post("/account/portal").location
    wish = f"{portal}/subscriptions/{giver.row.stripe_subscription_id}"
    giver.stripe.http.post(wish, data={"wish": "cancel"}, allow_redirects=False)
    giver.stripe.deliver_all()
    giver.sync()
    assert giver.row.state == "cancel_scheduled"
    assert told(giver) == ["support_cancelled"]


def test_two_cannot_go_on_beside_each_other(patron: NewPatron) -> None:
    """[B6] Who has begun anew does not bring the old one back to life."""
    giver = patron()
    old = giver.row
    factories.subscription(
        giver.session,
        giver.session.get_one(Account, old.account_id),
        stripe_subscription_id="sub_new",
        state="cancel_scheduled",
    )
    giver.browser.post("/account/cancel")
    giver.session.execute(
        update(Subscription)
        .where(Subscription.stripe_subscription_id == "sub_new")
        .values(state="active")
    )
    with pytest.raises(plan.AnotherGivesError):
        acts.keep(old.id)
    assert giver.at_stripe["cancel_at_period_end"] is True


def test_mrr_follows(patron: NewPatron) -> None:
    """[L15] What is scheduled to end still counts until it ends."""
    giver = patron()
    giver.browser.post("/account/cancel")
    giver.browser.post("/account/keep")
    giver.browser.post("/account/cancel")
    giver.pass_charge()
    entries = [(each.movement, each.amount_minor) for each in rows(giver.session, LedgerEntry)]
    assert entries == [("new", 500), ("churn_voluntary", -500)]


def test_a_cancelled_card_that_fails_later_changes_nothing(patron: NewPatron) -> None:
    giver = patron()
    giver.browser.post("/account/cancel")
    giver.stripe.sandbox("cards", customer=giver.row.stripe_customer_id, number=FAILS_LATER)
    giver.pass_charge()
    assert giver.row.state == "ended"
    assert giver.row.end_reason == "voluntary"
