"""A card that is new since the failure is charged at once, once, and who brought it is known."""

import pytest
from flask.testing import FlaskClient

from membership.accounts.models import Account
from membership.billing import inbox, links
from membership.billing.dunning.letters import with_link
from membership.billing.models import Donation
from tests.billing.dunning.conftest import (
    ASKS_ALWAYS,
    DECLINED,
    FAILS_LATER,
    LOST,
    NO_MONEY,
    Life,
)
from tests.billing.reading import row, rows
from tests.conftest import SignedIn


@pytest.fixture
def failing(life: Life) -> Life:
    """The first renewal failed, and the first letter left."""
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    return life


def charges(life: Life) -> int:
    return len(life.stripe.all("charge"))


def test_a_card_from_stripes_page_pays_at_once(failing: Life) -> None:
    """[B12] Stripe's own page sets the customer's card only; the subscription follows it here."""
    old = failing.card()
    failing.enter_card_in_portal()
    assert failing.card() == old
    failing.work()
    assert failing.card() != old
    failing.work()
    assert failing.subscription.state == "active"
    assert failing.dunning.recovered_by == "patron"
    assert [each.amount_minor for each in rows(failing.session, Donation)] == [500, 500]
    assert failing.mails()[-1][0] == "payment_recovered"


def test_it_is_charged_once_however_often_stripe_tells(failing: Life) -> None:
    """[B12] [L16] Every event again, and all of them in another order."""
    before = charges(failing)
    failing.enter_card_in_portal()
    failing.work()
    failing.hear_all_again()
    failing.work()
    assert charges(failing) == before + 1
    assert len(rows(failing.session, Donation)) == 2


def test_a_new_card_that_fails_is_not_tried_again_by_us(failing: Life) -> None:
    """[B12] At most once a card; Stripe's own retries go on with it."""
    before = charges(failing)
    failing.enter_card_in_portal(FAILS_LATER)
    failing.work()
    for _ in range(3):
        failing.pass_days(0.1)
        failing.hear_all_again()
        failing.work()
    assert charges(failing) == before + 1
    assert failing.dunning.decline_code == "generic_decline"
    assert failing.dunning.stripe_payment_method_id == failing.card()
    assert failing.dunning.attempts == 1
    assert failing.subscription.state == "past_due"


def test_a_card_that_fails_on_stripes_own_page_brings_no_charge_of_ours(failing: Life) -> None:
    """[B12] What is on file was tried already."""
    page = failing.dunning.action_url
    before = charges(failing)
    for _ in range(2):
        assert failing.stripe.pay(page, DECLINED).status_code == 402
        failing.work()
    assert charges(failing) == before + 2
    assert failing.dunning.stripe_payment_method_id == failing.card()


def test_a_new_card_whose_bank_asks_leads_to_its_question(
    failing: Life, client: FlaskClient
) -> None:
    """[B12]"""
    failing.enter_card_in_portal(ASKS_ALWAYS)
    for _ in range(3):
        failing.work()
    assert failing.dunning.kind == "action"
    answer = client.post(f"/mend/{links.token('mend', failing.dunning.id)}")
    assert answer.location == failing.stripe.all("invoice")[-1]["hosted_invoice_url"]


def test_a_card_after_the_end_is_not_charged(failing: Life) -> None:
    """[L2] An old payment cannot come later."""
    failing.live_days(16)
    assert failing.subscription.state == "ended"
    before = charges(failing)
    failing.enter_card_in_portal()
    failing.work()
    assert charges(failing) == before


def test_a_lost_answer_is_asked_for_again(failing: Life) -> None:
    """[B7] Stripe charged, but its answer was lost: the same key brings the same answer."""
    before = charges(failing)
    failing.enter_card_in_portal()
    failing.stripe.sandbox("faults", api_errors=["ok"] * 4 + ["timeout"])
    failing.stripe.deliver(failing.stripe.events("customer.updated")[0])
    assert inbox.process_due() == 1
    assert charges(failing) == before + 1
    assert failing.dunning.recovered_at is not None


def test_a_line_that_breaks_after_the_charge_does_not_charge_twice(failing: Life) -> None:
    """[B7] [L6] All that we wrote is rolled back; the next reading sees that it is paid."""
    before = charges(failing)
    failing.enter_card_in_portal()
    # The subscription is read, told of the card and read again; the invoice is read and paid.
    failing.stripe.sandbox("faults", api_errors=["ok"] * 5 + ["timeout"] * 3)
    failing.stripe.deliver(failing.stripe.events("customer.updated")[0])
    assert inbox.process_due() == 0
    assert charges(failing) == before + 1
    assert failing.dunning.recovered_at is None
    failing.make_events_due()
    failing.work()
    assert charges(failing) == before + 1
    assert failing.subscription.state == "active"
    assert failing.dunning.recovered_by == "patron"
    assert len(rows(failing.session, Donation)) == 2


def test_the_letters_link_is_what_brought_it(failing: Life, client: FlaskClient) -> None:
    """[B12]"""
    kept = failing.contexts("payment_failed")[0]
    assert kept["dunning"] == failing.dunning.id
    link = with_link(kept, "en")["mend_url"]
    path = link.removeprefix("http://localhost")
    assert client.get(path).status_code == 200
    assert failing.dunning.link_used_at is None
    answer = client.post(path)
    assert answer.status_code == 303
    assert failing.dunning.link_used_at is not None
    page = failing.stripe.http.get(answer.location).text
    assert "card" in page
    paid = failing.stripe.pay(f"{answer.location}/card")
    assert paid.headers["Location"].startswith("http://localhost/mend/")
    assert "we charge it now" in client.get(paid.headers["Location"]).text
    failing.work()
    failing.work()
    assert failing.dunning.recovered_by == "mail"
    assert "All is well" in client.get(path).text


def test_the_account_page_is_the_patrons_own_way(failing: Life, signed_in: SignedIn) -> None:
    """[B12]"""
    browser = signed_in(failing.session, row(failing.session, Account))
    answer = browser.post("/account/card")
    assert failing.dunning.own_act_at is not None
    failing.stripe.pay(f"{answer.location}/card")
    failing.work()
    failing.work()
    assert failing.dunning.recovered_by == "patron"


def test_a_receipts_link_is_the_patrons_own_way(failing: Life, client: FlaskClient) -> None:
    """[B12] They looked for it themselves, without a letter of ours."""
    answer = client.post(f"/manage/{links.token('manage', failing.subscription.id)}/card")
    failing.stripe.pay(f"{answer.location}/card")
    failing.work()
    failing.work()
    assert failing.dunning.own_act_at is not None
    assert failing.dunning.recovered_by == "patron"


def test_a_hard_decline_waits_for_the_card_alone(life: Life) -> None:
    """[B12] Stripe does not charge a lost card again, and neither do we."""
    life.let_card(LOST)
    life.renew()
    life.work()
    before = charges(life)
    life.live_days(6)
    assert charges(life) == before
    life.enter_card_in_portal()
    life.work()
    assert charges(life) == before + 1
    life.work()
    assert life.subscription.state == "active"


def test_another_customer_of_the_same_stripe_keeps_their_card(life: Life) -> None:
    """[B5] [L17] What carries no checkout of ours is read, never changed."""
    subscription = life.stripe.all("subscription")[0]
    life.stripe.change(subscription["id"], metadata={})
    life.enter_card_in_portal()
    life.work()
    assert life.card() == subscription["default_payment_method"]
