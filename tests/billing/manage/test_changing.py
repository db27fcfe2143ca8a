"""Another amount or rhythm: what the preview says is what is charged."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from sqlalchemy.orm import Session

from membership.billing import sync
from membership.billing.manage import acts, plan
from membership.billing.manage.agreement import agreement_of
from membership.billing.models import LedgerEntry, Subscription, SubscriptionChange
from membership.money import Money
from sandbox.stripe.billing_cycle import add_periods
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.manage.conftest import HOUR, Patron
from tests.billing.reading import mails, rows

NewPatron = Callable[..., Patron]
EIGHT = {"interval": "month", "preset_month": "other", "amount": "8"}
YEARLY = {"interval": "year", "preset_year": "60", "amount": ""}


def preview(patron: Patron, **form: str) -> str:
    answer = patron.browser.post("/account/change", data=form)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def confirmed(patron: Patron, amount: str, interval: str = "month", seen: str = "") -> object:
    form = {"interval": interval, "amount": amount, "seen": seen or patron.agreement.seen}
    return patron.browser.post("/account/change/confirm", data=form)


def test_the_form_shows_what_holds_and_when_it_would_change(patron: NewPatron) -> None:
    """[B9]"""
    giver = patron()
    page = giver.browser.get("/account/change").text
    assert "Now you give €5 every month" in page
    assert re.search(r'id="give-month-other"[^>]* checked', page)
    assert re.search(r'name="amount"[^>]* value="5"', page)
    assert "The currency stays EUR" in page


def test_a_new_amount_holds_from_the_next_charge_on(patron: NewPatron) -> None:
    """[B9] [L9] Nothing now, no credit, and then exactly what was announced."""
    giver = patron()
    end = giver.row.current_period_end_at
    page = preview(giver, **EIGHT)
    assert "Give €8 every month from" in page
    assert giver.row.amount_minor == 500
    answer = confirmed(giver, "8")
    assert (answer.status_code, answer.location) == (303, "/account")
    assert "Your next charge: €8 on" in giver.browser.get("/account").text
    assert (giver.row.amount_minor, giver.row.current_period_end_at) == (800, end)
    assert len(giver.stripe.all("invoice")) == 1
    giver.pass_charge()
    assert giver.charged()[1:] == [(end, 800)]
    assert all(each["balance"] == 0 for each in giver.stripe.all("customer"))
    assert [entry.movement for entry in rows(giver.session, LedgerEntry)] == ["new", "expansion"]


def test_a_yearly_rhythm_begins_when_the_paid_month_is_over(patron: NewPatron) -> None:
    """[B9] [L9] The month that is paid for is neither charged again nor credited."""
    giver = patron()
    end = giver.row.current_period_end_at
    page = preview(giver, **YEARLY)
    assert "Give €60 every year from" in page
    assert confirmed(giver, "60", "year").status_code == 303
    assert (giver.row.state, giver.row.interval, giver.row.amount_minor) == ("active", "year", 6000)
    assert giver.row.current_period_end_at == end
    giver.stripe.deliver_all()
    giver.pass_charge()
    assert giver.charged()[1:] == [(end, 6000)]
    assert giver.row.current_period_end_at == end.replace(year=end.year + 1)
    kept = [mail for mail, _ in mails(giver.session)]
    assert kept == ["receipt", "receipt", "support_changed", "welcome"]


def grown_old(giver: Patron, days: int) -> None:
    """Let its periods be counted from so many days before the one that runs ends."""
    end = giver.row.current_period_end_at
    began = int((end - timedelta(days=days)).timestamp())
    giver.stripe.change(giver.row.stripe_subscription_id, billing_cycle_anchor=began)
    giver.sync()


def test_an_old_agreement_keeps_its_rhythm(patron: NewPatron) -> None:
    """[B9] [L9] Stripe moves a charge two years from the anchor at most; the page says a way."""
    giver = patron()
    grown_old(giver, 731)
    answer = confirmed(giver, "60", "year")
    assert answer.status_code == 409
    assert "Stripe does not let us change the rhythm." in answer.text
    assert (giver.row.interval, giver.row.amount_minor) == ("month", 500)
    assert confirmed(giver, "8").status_code == 303


def test_what_stripe_refuses_for_another_reason_is_not_called_old(patron: NewPatron) -> None:
    giver = patron()
    grown_old(giver, 730)
    assert confirmed(giver, "60", "year").status_code == 303
    grown_old(giver, 731)
    giver.stripe.sandbox("faults", api_errors=[0, 0, 400])
    answer = confirmed(giver, "70", "year")
    assert answer.status_code == 503
    assert "rhythm" not in answer.text


def test_a_change_of_interval_is_kept_in_the_history(patron: NewPatron) -> None:
    giver = patron()
    confirmed(giver, "5", "year")
    change = rows(giver.session, SubscriptionChange)[-1]
    assert (change.from_interval, change.to_interval) == ("month", "year")
    assert (change.from_amount_minor, change.to_amount_minor) == (500, 500)


def test_a_mind_changed_twice_before_the_charge(patron: NewPatron) -> None:
    """[L9] To yearly, and back: one charge, of the month."""
    giver = patron()
    end = giver.row.current_period_end_at
    confirmed(giver, "60", "year")
    confirmed(giver, "7", "month")
    giver.pass_charge()
    assert giver.charged()[1:] == [(end, 700)]
    assert giver.row.current_period_end_at == giver.agreement.charge_at(0)
    assert giver.row.current_period_end_at - end < timedelta(days=32)


def test_the_thirty_first_over_a_leap_year(patron: NewPatron) -> None:
    """[L8] Given on 31 January 2028: what each page announces is what is charged."""
    giver = patron(at=datetime(2028, 1, 31, 9, tzinfo=UTC))
    announced = []
    for amount in ("6", "7", "8"):
        after = plan.change(giver.agreement, Money(int(amount) * 100, "EUR"), "month")
        day = after.next_charge_at
        assert f"{day.day} {day:%B %Y}" in preview(giver, interval="month", amount=amount)
        assert confirmed(giver, amount).status_code == 303
        announced.append((day, after.amount.minor))
        giver.pass_charge()
    days = [(day.month, day.day) for day, _ in announced]
    assert days == [(2, 29), (3, 31), (4, 30)]
    assert giver.charged()[1:] == announced


def test_a_preview_that_is_out_of_date_does_nothing(patron: NewPatron) -> None:
    """[B9] What was shown held no longer when it was confirmed."""
    giver = patron()
    seen = giver.agreement.seen
    confirmed(giver, "8")
    answer = confirmed(giver, "9", seen=seen)
    assert answer.status_code == 409
    assert "Meanwhile something has changed" in answer.text
    assert giver.agreement.seen in answer.text
    assert giver.row.amount_minor == 800
    assert confirmed(giver, "9").status_code == 303


def test_a_preview_from_before_the_renewal_is_out_of_date(patron: NewPatron) -> None:
    """[B9] The period ended between preview and confirmation, and no event has told us yet."""
    giver = patron()
    seen = giver.agreement.seen
    giver.stripe.move_clock(32)
    answer = confirmed(giver, "9", seen=seen)
    assert answer.status_code == 409
    assert giver.row.amount_minor == 500
    assert giver.agreement.seen in answer.text


def test_while_a_charge_is_under_way_nothing_is_promised(patron: NewPatron) -> None:
    """[B9] In the hour between a period's beginning and its charge."""
    giver = patron()
    end = giver.row.current_period_end_at
    giver.wait_until(end + timedelta(minutes=20))
    answer = confirmed(giver, "9")
    assert answer.status_code == 409
    assert "come back in an hour" in answer.text
    giver.wait_until(end + timedelta(hours=2))
    assert giver.charged()[1:] == [(end, 500)]
    assert confirmed(giver, "9").status_code == 303


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"interval": "month", "amount": "0.50"}, "Please give between €1 and €10,000"),
        ({"interval": "month", "amount": "20000"}, "Please give between"),
        ({"interval": "month", "amount": "a lot"}, "as a number that EUR allows"),
        ({"interval": "month", "amount": ""}, "how much you would like"),
        ({"interval": "once", "amount": "5"}, "monthly or yearly"),
        ({"interval": "month", "amount": "5"}, "what you give already"),
    ],
)
def test_bad_wishes_get_one_sentence(patron: NewPatron, form: dict[str, str], said: str) -> None:
    giver = patron()
    answer = giver.browser.post("/account/change", data=form)
    assert answer.status_code == 422
    assert said in answer.text


def test_a_second_click_finds_it_done(patron: NewPatron) -> None:
    """[B9] The same confirmation again, by now out of date, asks Stripe for nothing more."""
    giver = patron()
    seen = giver.agreement.seen
    confirmed(giver, "8", seen=seen)
    asked = giver.at_stripe
    answer = confirmed(giver, "8", seen=seen)
    assert (answer.status_code, answer.location) == (303, "/account")
    assert "Your next charge: €8 on" in giver.browser.get("/account").text
    assert giver.at_stripe == asked


def test_the_currency_stays_whatever_is_sent(patron: NewPatron) -> None:
    """[B9]"""
    giver = patron()
    form = {"interval": "month", "amount": "8", "currency": "USD", "seen": giver.agreement.seen}
    assert giver.browser.post("/account/change/confirm", data=form).status_code == 303
    assert (giver.row.amount_minor, giver.row.currency) == (800, "EUR")


def test_while_a_payment_is_due_there_is_no_change(patron: NewPatron) -> None:
    """[L2]"""
    giver = patron()
    giver.fail_next_charge()
    assert giver.row.state == "past_due"
    for answer in (
        giver.browser.get("/account/change"),
        giver.browser.post("/account/change", data=EIGHT),
        confirmed(giver, "8"),
    ):
        assert answer.status_code == 409
        assert "A payment is due first" in answer.text
    assert giver.at_stripe["items"]["data"][0]["price"]["unit_amount"] == 500


def test_when_stripe_is_away_nothing_is_half_done(patron: NewPatron) -> None:
    """[B9]"""
    giver = patron()
    giver.stripe.sandbox("faults", api_error_rate=1.0)
    answer = confirmed(giver, "8")
    assert answer.status_code == 503
    assert "did not answer" in answer.text
    assert giver.row.amount_minor == 500
    giver.stripe.sandbox("faults", api_error_rate=0)
    assert confirmed(giver, "8").status_code == 303


def test_a_page_for_the_signed_in_who_give(
    session: Session, client: object, signed_in: Callable[..., object]
) -> None:
    assert client.get("/account/change").status_code in {302, 401}  # type: ignore[attr-defined]
    assert client.post("/account/change/confirm").status_code in {302, 401}  # type: ignore[attr-defined]
    browser = signed_in(session, factories.account(session))
    assert browser.get("/account/change").location == "/account"  # type: ignore[attr-defined]


AMOUNTS = some.integers(1, 500)
STEPS = {"EUR": 100, "USD": 1, "JPY": 1, "KWD": 10, "HUF": 100}
NEW_YEAR_2027 = 1_798_761_600
numbers = count(1)


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.usefixtures("app")
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    # Each example is a year at the stand-in: a failing one is told as it is.
    phases=[Phase.explicit, Phase.generate],
)
@given(
    began=some.integers(NEW_YEAR_2027, NEW_YEAR_2027 + 730 * 86_400).map(moment),
    currency=some.sampled_from(sorted(STEPS)),
    amounts=some.tuples(AMOUNTS, AMOUNTS),
    intervals=some.tuples(*[some.sampled_from(["month", "year"])] * 2),
    passed=some.integers(0, 95),
)
def test_every_preview_comes_true(
    app: Flask,
    session: Session,
    stripe: Stripe,
    began: datetime,
    currency: str,
    amounts: tuple[int, int],
    intervals: tuple[str, str],
    passed: int,
) -> None:
    """[B9] [L8] [L9] Whatever is given since whichever day: the preview is the next invoice."""
    before, after = (
        Money(1000 * STEPS[currency] + each * STEPS[currency], currency) for each in amounts
    )
    if (before, intervals[0]) == (after, intervals[1]):
        return
    found = planted(session, stripe, began, before, intervals[0])
    period = found.current_period_end_at - began
    stripe.sandbox("clock", advance=int(period.total_seconds()) * passed // 100)
    announced = plan.change(agreement_of(found), after, intervals[1])
    acts.change(found.id, after, intervals[1], agreement_of(found).seen)

    invoices = paid_after(stripe, found, announced.next_charge_at)
    assert invoices == [(announced.next_charge_at, after)]
    synced = sync.sync_subscription(session, found.stripe_subscription_id, began)
    assert synced is not None
    assert synced.current_period_end_at == announced.charge_at(1)


def planted(
    session: Session, stripe: Stripe, began: datetime, amount: Money, interval: str
) -> Subscription:
    """A subscription that began just now by the stand-in's clock."""
    stripe.sandbox("reset")
    with stripe.server.world.lock:
        now = stripe.server.world.now()
    start = int(began.timestamp())
    # A second for the clock that runs on.
    stripe.sandbox("clock", advance=start - now + 1)
    number = next(numbers)
    end = add_periods(start, interval, 1)
    stripe.sandbox(
        "plant",
        subscriptions=[
            {
                "id": f"sub_x{number}", "customer": f"cus_x{number}", "email": "a@example.org",
                "name": None, "amount": amount.minor, "currency": amount.currency.lower(),
                "interval": interval, "started_at": start, "current_period_end_at": end,
                "status": "active", "cancel_at_period_end": False, "paused": False,
                "metadata": {"checkout": "somebody’s"},
            }
        ],
    )  # fmt: skip
    return factories.subscription(
        session,
        factories.account(session),
        stripe_subscription_id=f"sub_x{number}",
        stripe_customer_id=f"cus_x{number}",
        amount_minor=amount.minor,
        currency=amount.currency,
        interval=interval,
        started_at=began,
        anchor_at=began,
        current_period_end_at=moment(end),
    )


def paid_after(
    stripe: Stripe, found: Subscription, at: datetime | None
) -> list[tuple[datetime, Money]]:
    """What was charged until an hour after `at`."""
    assert at is not None
    with stripe.server.world.lock:
        now = stripe.server.world.now()
    stripe.sandbox("clock", advance=int(at.timestamp()) - now + HOUR)
    return [
        (
            moment(each["created"]),
            Money(each["amount_paid"], each["currency"].upper()),
        )
        for each in stripe.all("invoice")
        if each["customer"] == found.stripe_customer_id and each["amount_paid"]
    ]
