"""The page behind the letters' link: what it says, to whom, and what it never does."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from membership import clock
from membership.accounts import address_changes, audit
from membership.accounts.models import Account
from membership.billing import links
from membership.billing.dunning.models import Dunning
from membership.db import transaction
from tests.billing.dunning.conftest import ASKS_ALWAYS, LOST, NO_MONEY, PAYS, Life
from tests.billing.reading import row


@pytest.fixture
def failing(life: Life) -> Life:
    account = row(life.session, Account)
    account.name = "Olena Koval"
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    return life


def page_of(payment: Dunning, prefix: str = "") -> str:
    return f"{prefix}/mend/{links.token('mend', payment.id)}"


def test_it_says_what_failed_and_names_nobody(failing: Life, client: FlaskClient) -> None:
    """[B12] [L14]"""
    answer = client.get(page_of(failing.dunning))
    assert answer.status_code == 200
    for said in ("€5", "4242", "We try again on", "Enter another card"):
        assert said in answer.text
    for secret in ("Olena", "reader@example.org"):
        assert secret not in answer.text
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'name="robots" content="noindex"' in answer.text


def test_it_speaks_the_language_of_its_address(failing: Life, client: FlaskClient) -> None:
    answer = client.get(page_of(failing.dunning, "/uk"))
    assert answer.status_code == 200
    assert 'lang="uk"' in answer.text
    sent_on = client.post(page_of(failing.dunning, "/uk"))
    assert sent_on.status_code == 303


def test_looking_changes_nothing(failing: Life, client: FlaskClient) -> None:
    """[L23] [L12] A scanner of mails may look as often as it likes."""
    for look in (client.get, client.head):
        assert look(page_of(failing.dunning)).status_code == 200
    assert failing.dunning.link_used_at is None
    assert failing.stripe.all("billing_portal.session") == []


def test_it_ends_when_the_account_has_another_address(failing: Life, client: FlaskClient) -> None:
    """[S5] Nor does it lead to Stripe any more."""
    path = page_of(failing.dunning)
    with clock.fixed(clock.now() + timedelta(days=1)), transaction() as session:
        about = f"account:{failing.subscription.account_id}"
        audit.record(session, address_changes.CHANGED, about)
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code == 404
        assert "Sign in instead" in answer.text
    assert failing.stripe.all("billing_portal.session") == []


@pytest.mark.parametrize("token", ["nonsense", "", "MQ.x.y"])
def test_a_broken_link_opens_nothing(life: Life, client: FlaskClient, token: str) -> None:
    assert client.get(f"/mend/{token}").status_code == 404
    assert client.post(f"/mend/{token}").status_code == 404


def test_a_link_for_something_else_opens_nothing(failing: Life, client: FlaskClient) -> None:
    token = links.token("manage", failing.dunning.id)
    answer = client.get(f"/mend/{token}")
    assert answer.status_code == 404
    assert "does not belong to one of our mails" in answer.text


def test_a_lost_card_is_not_promised_another_try(life: Life, client: FlaskClient) -> None:
    """[B12]"""
    life.let_card(LOST)
    life.renew()
    life.work()
    text = client.get(page_of(life.dunning)).text
    assert "cannot be used any more" in text
    assert "We try again" not in text


def test_a_bank_that_asks_is_one_button_away(life: Life, client: FlaskClient) -> None:
    """[B12]"""
    life.let_card(ASKS_ALWAYS)
    life.renew()
    life.work()
    assert "confirm that it is you" in client.get(page_of(life.dunning)).text
    answer = client.post(page_of(life.dunning))
    assert answer.status_code == 303
    challenge = life.stripe.pay(answer.location, ASKS_ALWAYS)
    life.stripe.http.post(
        f"{life.stripe.server.url}{challenge.headers['Location']}", data={"outcome": "complete"}
    )
    life.work()
    assert life.subscription.state == "active"
    assert life.dunning.recovered_by == "mail"


def test_what_is_paid_needs_nothing(failing: Life, client: FlaskClient) -> None:
    """[B12]"""
    failing.let_card(PAYS)
    failing.live_days(4)
    text = client.get(page_of(failing.dunning)).text
    assert "All is well" in text
    assert "<form" not in text.partition("<main")[2].partition("</main")[0]
    assert client.post(page_of(failing.dunning)).status_code == 303
    assert failing.dunning.link_used_at is None
    assert failing.stripe.all("billing_portal.session") == []


def test_what_has_ended_offers_a_new_beginning(failing: Life, client: FlaskClient) -> None:
    """[B12] [L2] The old payment is closed; nobody can pay it by an old mail."""
    failing.live_days(16)
    text = client.get(page_of(failing.dunning)).text
    assert "Nothing is owed" in text
    assert "/support" in text
    client.post(page_of(failing.dunning))
    assert failing.stripe.all("billing_portal.session") == []


def test_without_stripe_it_says_so(failing: Life, client: FlaskClient) -> None:
    """[B12]"""
    failing.stripe.sandbox("faults", api_errors=[500] * 3)
    answer = client.post(page_of(failing.dunning))
    assert answer.status_code == 503
    assert "Nothing has changed" in answer.text
