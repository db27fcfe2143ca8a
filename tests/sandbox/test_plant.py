"""Planted subscriptions: invented, and from then on like any other."""

import time

import pytest

from sandbox.stripe import shapes
from sandbox.stripe.billing_cycle import add_periods
from sandbox.stripe.server import start
from tests.sandbox.conftest import DAY

FIRST_HOUR = 3600
NOW = int(time.time())
# Some days before a renewal, when it has been announced already, whichever day this is.
BEGAN = add_periods(NOW + 6 * DAY, "month", -15)


def periods(began, interval="month"):
    """When the present period began, and when it ends."""
    count = 1
    while add_periods(began, interval, count) <= NOW:
        count += 1
    return add_periods(began, interval, count - 1), add_periods(began, interval, count)


def planting(number=1, interval="month", began=BEGAN, **changes):
    """A subscription under way."""
    return {
        "id": f"sub_planted_{number}",
        "customer": f"cus_planted_{number}",
        "email": f"patron{number}@example.org",
        "name": None,
        "amount": 500,
        "currency": "eur",
        "interval": interval,
        "started_at": began,
        "current_period_end_at": periods(began, interval)[1],
        "status": "active",
        "cancel_at_period_end": False,
        "paused": False,
        "metadata": {"checkout": f"checkout-{number}"},
        **changes,
    }


def late(number=1):
    """Its renewal failed some days ago, and once more since."""
    return planting(number, began=add_periods(NOW - 4 * DAY, "month", -15), status="past_due")


@pytest.fixture
def plant(sandbox):
    def act(*subscriptions):
        return sandbox.post("plant", subscriptions=list(subscriptions))

    return act


def until(wanted, sandbox):
    """Seconds from now to the hour after the end of the period."""
    return wanted["current_period_end_at"] - sandbox.get("clock")["now"] + FIRST_HOUR


def test_it_is_as_it_was_told_and_no_event_says_so(client, plant, standin, sandbox, receiver):
    wanted = planting(name="Olena Koval")
    assert plant(wanted, late(2)) == {"planted": ["sub_planted_1", "sub_planted_2"],
                                      "left_alone": 0}  # fmt: skip
    found = client.v1.subscriptions.retrieve("sub_planted_1", {"expand": ["customer"]})
    assert (found.status, found.cancel_at, found.pause_collection) == ("active", None, None)
    assert (found.start_date, found.billing_cycle_anchor) == (BEGAN, BEGAN)
    assert found.metadata["checkout"] == "checkout-1"
    (item,) = found["items"].data
    assert (item.price.unit_amount, item.price.currency) == (500, "eur")
    assert item.current_period_end == wanted["current_period_end_at"]
    assert item.current_period_start == periods(BEGAN)[0]
    assert found.customer.id == "cus_planted_1"
    assert (found.customer.email, found.customer.name) == ("patron1@example.org", "Olena Koval")
    card = client.v1.payment_methods.retrieve(
        found.customer.invoice_settings.default_payment_method
    )
    assert (card.customer, card.card.last4) == ("cus_planted_1", "4242")
    sandbox.advance(0)
    sandbox.settle()
    assert receiver.events == []
    assert standin.world.all("event") == []


def test_a_payment_of_the_past_can_go_back(client, sandbox, standin, receiver):
    """As it was told, with its fee; from then on it is one like any other."""
    paid = {
        "id": "pi_planted_1",
        "amount": 700,
        "currency": "eur",
        "fee": 38,
        "paid_at": NOW - 20 * DAY,
        "metadata": {"checkout": "checkout-1"},
    }
    for planted in (["pi_planted_1"], []):
        answer = sandbox.post("plant", subscriptions=[], payments=[paid])
        assert answer == {"planted": planted, "left_alone": 1 - len(planted)}
    sandbox.settle()
    assert standin.world.all("event") == []
    expand = {"expand": ["latest_charge.balance_transaction"]}
    found = client.v1.payment_intents.retrieve("pi_planted_1", expand)
    assert (found.status, found.amount_received) == ("succeeded", 700)
    assert found.created == found.latest_charge.created == NOW - 20 * DAY
    assert found.metadata["checkout"] == "checkout-1"
    settled = found.latest_charge.balance_transaction
    assert (settled.fee, settled.net, settled.status) == (38, 662, "available")
    client.v1.refunds.create({"payment_intent": "pi_planted_1", "amount": 300})
    sandbox.settle()
    assert client.v1.charges.retrieve(found.latest_charge.id).amount_refunded == 300
    assert "charge.refunded" in receiver.types()


@pytest.mark.parametrize("interval", ["month", "year"])
def test_it_renews_by_the_clock_with_signed_events(client, plant, sandbox, receiver, interval):
    wanted = planting(interval=interval)
    plant(wanted)
    sandbox.advance(until(wanted, sandbox))
    sandbox.settle()
    (invoice,) = client.v1.invoices.list({"subscription": wanted["id"]}).data
    assert (invoice.status, invoice.billing_reason) == ("paid", "subscription_cycle")
    assert (invoice.amount_paid, invoice.currency) == (500, "eur")
    assert invoice.parent.subscription_details.metadata["checkout"] == "checkout-1"
    found = client.v1.subscriptions.retrieve(wanted["id"])
    assert found["items"].data[0].current_period_start == wanted["current_period_end_at"]
    assert found.status == "active"
    assert {"customer.subscription.updated", "invoice.paid"} <= set(receiver.types())


def test_past_due_is_tried_again_and_a_new_card_mends_it(client, plant, sandbox, receiver):
    wanted = late()
    plant(wanted)
    found = client.v1.subscriptions.retrieve(wanted["id"], {"expand": ["latest_invoice"]})
    assert found.status == "past_due"
    assert found["items"].data[0].current_period_end == wanted["current_period_end_at"]
    assert (found.latest_invoice.status, found.latest_invoice.attempt_count) == ("open", 2)
    sandbox.post("cards", customer=wanted["customer"], number="4242424242424242")
    sandbox.advance(9 * DAY)
    sandbox.settle()
    found = client.v1.subscriptions.retrieve(wanted["id"], {"expand": ["latest_invoice"]})
    assert (found.status, found.latest_invoice.status) == ("active", "paid")
    assert "invoice.paid" in receiver.types()


def test_what_was_to_end_ends_and_what_was_paused_goes_on(client, plant, sandbox):
    ending, paused = planting(1, cancel_at_period_end=True), planting(2, paused=True)
    plant(ending, paused)
    found = client.v1.subscriptions.retrieve(ending["id"])
    assert found.cancel_at_period_end
    assert found.cancel_at == ending["current_period_end_at"]
    found = client.v1.subscriptions.retrieve(paused["id"])
    assert found.pause_collection.resumes_at == paused["current_period_end_at"]
    sandbox.advance(until(ending, sandbox))
    assert client.v1.subscriptions.retrieve(ending["id"]).status == "canceled"
    found = client.v1.subscriptions.retrieve(paused["id"], {"expand": ["latest_invoice"]})
    assert found.pause_collection is None
    assert (found.status, found.latest_invoice.status) == ("active", "paid")


def test_the_portal_shows_it_and_takes_a_card_and_a_cancellation(
    client, plant, http, submit, sandbox, receiver
):
    wanted = planting()
    plant(wanted)
    page = client.v1.billing_portal.sessions.create({"customer": wanted["customer"]}).url
    shown = http.get(page).text
    assert "Monthly support" in shown
    assert "4242" in shown
    assert submit(f"{page}/card", "5555555555554444").status_code == 303
    assert "4444" in http.get(page).text
    cancelled = http.post(f"{page}/subscriptions/{wanted['id']}", data={"wish": "cancel"})
    assert cancelled.status_code == 200
    assert client.v1.subscriptions.retrieve(wanted["id"]).cancel_at_period_end
    sandbox.settle()
    for told in ("customer.updated", "customer.subscription.updated"):
        assert receiver.types().count(told) == 1


def test_everything_planted_has_the_published_shape(plant, standin, sandbox):
    wanted = [
        planting(1),
        planting(2, interval="year", name="Олена"),
        planting(3, paused=True),
        planting(4, cancel_at_period_end=True),
        late(5),
    ]
    plant(*wanted)
    for seconds in (0, until(wanted[0], sandbox)):
        sandbox.advance(seconds)
        kept = standin.world.objects.values()
        assert [problem for each in kept for problem in shapes.problems(each)] == []


def test_what_is_there_is_left_alone(client, plant, sandbox):
    wanted = planting()
    plant(wanted)
    client.v1.subscriptions.update(wanted["id"], {"cancel_at_period_end": True})
    before = sandbox.get("state")
    assert plant(wanted, planting(2)) == {"planted": ["sub_planted_2"], "left_alone": 1}
    assert client.v1.subscriptions.retrieve(wanted["id"]).cancel_at_period_end
    assert sandbox.get("state")["customer"] == before["customer"] + 1


def test_two_subscriptions_may_share_a_customer(client, plant):
    ending = planting(1, cancel_at_period_end=True)
    plant(ending, planting(2, customer=ending["customer"]))
    found = client.v1.subscriptions.list({"customer": ending["customer"]}).data
    assert {each.id for each in found} == {"sub_planted_1", "sub_planted_2"}
    assert len(client.v1.customers.list().data) == 1


def test_it_outlives_a_restart(tmp_path, http):
    wanted = planting()
    for answer in ({"planted": [wanted["id"]], "left_alone": 0}, {"planted": [], "left_alone": 1}):
        server = start(data_file=tmp_path / "stripe.json")
        said = http.post(f"{server.url}/sandbox/plant", json={"subscriptions": [wanted]}).json()
        server.stop()
        assert said == answer


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"nickname": "x"}, "subscriptions.1.nickname: Extra inputs are not permitted."),
        ({"amount": "5"}, "subscriptions.1.amount: Input should be a valid integer."),
        ({"status": "paused"}, "subscriptions.1.status: Input should be 'active' or 'past_due'."),
        (
            {"current_period_end_at": BEGAN + DAY},
            "No such period of sub_planted_2 ends then, having begun at started_at.",
        ),
        (
            {"started_at": periods(BEGAN)[0], "status": "past_due"},
            "No such period of sub_planted_2 ends then, having begun at started_at.",
        ),
        (
            {"current_period_end_at": add_periods(BEGAN, "month", 2)},
            "The period of sub_planted_2 has ended already.",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_planted(
    standin, http, sandbox, changes, complaint
):
    body = {"subscriptions": [planting(1), {**planting(2), **changes}]}
    answer = http.post(f"{standin.url}/sandbox/plant", json=body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, complaint)
    assert "subscription" not in sandbox.get("state")


def test_lists_show_the_past_where_it_belongs(client, plant):
    """Newest first means by creation, not by the order of planting."""
    old, older = planting(1), planting(2, began=add_periods(BEGAN, "month", -1))
    client.v1.customers.create({})
    plant(old, older, planting(3, began=add_periods(BEGAN, "month", 1)))
    found = [each.id for each in client.v1.subscriptions.list({"limit": 2}).auto_paging_iter()]
    assert found == ["sub_planted_3", "sub_planted_1", "sub_planted_2"]
    customers = client.v1.customers.list({"ending_before": "cus_planted_1", "limit": 1})
    assert [each.id for each in customers.data] == ["cus_planted_3"]
