"""Thanks, other ways, what I give, Stripe's portal."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.models import Checkout
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.reading import row
from tests.conftest import SignedIn

Give = Callable[..., str]
NEXT = datetime(2026, 4, 2, 12, tzinfo=UTC)


def test_thanks_work_before_the_event_and_name_nobody(
    session: Session, stripe: Stripe, give: Give, client: FlaskClient
) -> None:
    """[S10]"""
    answer = stripe.pay(give(name="Olena"))
    page = client.get(answer.headers["Location"].removeprefix("http://localhost"))
    assert row(session, Checkout).state == "open"
    assert "Vote now" in page.text
    assert "reader@example.org" not in page.text
    assert "Olena" not in page.text
    assert "patron=1" in page.headers["Set-Cookie"]
    assert "HttpOnly" not in page.headers["Set-Cookie"]
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", ["", "?checkout=1", "?checkout=" + "0" * 32])
def test_thanks_for_an_unknown_id_are_polite(
    session: Session, client: FlaskClient, query: str
) -> None:
    page = client.get("/support/thanks" + query)
    assert page.status_code == 200
    assert "patron=1" not in page.headers.get("Set-Cookie", "")


def test_other_ways(session: Session, client: FlaskClient) -> None:
    assert "Suggest a topic" in client.get("/support/other-ways").text


def test_the_account_page_is_for_the_signed_in(session: Session, client: FlaskClient) -> None:
    assert client.get("/account").status_code in {302, 401}
    assert client.post("/account/portal").status_code in {302, 401}


def test_the_next_charge_comes_first(session: Session, signed_in: SignedIn) -> None:
    """[L10]"""
    browser = signed_in(session, factories.patron(session))
    answer = browser.get("/account")
    page = answer.text
    assert page.index("€4") < page.index("2 April 2026") < page.index("What you gave")
    assert "2 March 2026" in page
    assert "patron=1" in answer.headers["Set-Cookie"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("state", "said", "is_patron"),
    [
        ("past_due", "Fix the card", True),
        ("paused", "paused", True),
        ("cancel_scheduled", "Your support ends on", True),
        ("ended", "has ended", False),
        ("incomplete", "did not go through", False),
    ],
)
def test_every_state_says_what_comes(
    session: Session, signed_in: SignedIn, state: str, said: str, is_patron: bool
) -> None:
    """[B11]"""
    reader = factories.account(session)
    factories.subscription(session, reader, state=state)
    browser = signed_in(session, reader)
    browser.set_cookie("patron", "1")
    answer = browser.get("/account")
    assert said in answer.text
    cookie = answer.headers.get("Set-Cookie", "")
    assert ("patron=1" in cookie) == is_patron
    if not is_patron:
        assert "patron=;" in cookie


def test_who_gave_nothing_or_once_is_shown_a_way_on(session: Session, signed_in: SignedIn) -> None:
    reader = factories.account(session)
    browser = signed_in(session, reader)
    assert "You have not given yet" in browser.get("/account").text
    factories.donation(session, reader, refunded_minor=400, refunded_at=NEXT)
    page = browser.get("/account").text
    assert "You gave once" in page
    assert "given back" in page
    assert browser.post("/account/portal").location == "/account"


def test_the_portal_is_that_of_the_own_customer(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn
) -> None:
    """[B9]"""
    stripe.pay(give())
    stripe.deliver_all()
    browser = signed_in(session, row(session, Account))
    answer = browser.post("/account/portal")
    assert answer.status_code == 303
    assert answer.location.startswith(stripe.server.url + "/p/session/")
    opened = stripe.all("billing_portal.session")[-1]
    assert opened["customer"] == stripe.all("customer")[0]["id"]
    assert opened["return_url"] == "http://localhost/account"
    browser.post("/account/card")
    assert stripe.all("billing_portal.session")[-1]["flow"]["type"] == "payment_method_update"
    stripe.sandbox("faults", api_error_rate=1.0)
    away = browser.post("/account/portal")
    assert away.status_code == 503
    assert "Nothing has changed" in away.text
