"""The support form and the payment page it opens."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from stripe import HTTPClient

from membership.accounts.models import Account
from membership.billing.gateway import client as stripe_client
from membership.billing.models import Checkout
from membership.db import transaction
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.reading import row, rows
from tests.conftest import SignedIn

Give = Callable[..., str]
FORM = {"interval": "month", "currency": "EUR", "amount": "5", "email": "reader@example.org"}


def page_at_stripe(stripe: Stripe) -> dict[str, Any]:
    return stripe.all("checkout.session")[-1]


@pytest.mark.parametrize(("interval", "mode"), [("month", "subscription"), ("once", "payment")])
def test_the_page_is_asked_for_as_the_rules_say(
    session: Session, stripe: Stripe, give: Give, interval: str, mode: str
) -> None:
    """[B8] [S10] Inline price, our id on everything, nothing for bank statements."""
    factories.article(session, slug="the-dam")
    give(interval=interval, article="the-dam", amount="4,50")
    checkout = row(session, Checkout)
    page = page_at_stripe(stripe)
    assert (page["mode"], page["submit_type"]) == (mode, "donate")
    assert page["client_reference_id"] == str(checkout.id)
    assert page["metadata"] == {"checkout": str(checkout.id)}
    assert (page["amount_total"], page["currency"]) == (450, "eur")
    assert (page["customer"], page["customer_email"]) == (None, "reader@example.org")
    assert page["locale"] == "en"
    assert page["success_url"] == f"http://localhost/support/thanks?checkout={checkout.id}"
    asked = stripe.server.world.attempts[page["id"]]
    data = asked["subscription_data"] if mode == "subscription" else asked["payment_intent_data"]
    named = {"billing_mode": {"type": "flexible"}} if mode == "subscription" else {}
    assert data == {"metadata": {"checkout": str(checkout.id)}, **named}
    line = stripe.server.world.line_items[page["id"]][0]
    assert "The Courier" in line["description"]
    assert (checkout.state, checkout.stripe_session_id) == ("open", page["id"])
    assert (checkout.amount_minor, checkout.currency) == (450, "EUR")
    assert checkout.article_id is not None


def test_the_row_is_committed_before_stripe_is_asked(
    committed: Engine, stripe: Stripe, client: FlaskClient
) -> None:
    """[B7] Stripe away: the row stands, the choices are kept, nothing else is there."""
    stripe.sandbox("faults", api_error_rate=1.0)
    answer = client.post("/support", data=FORM | {"message": "For the reporters"})
    assert answer.status_code == 503
    assert "Nothing was charged" in answer.text
    assert "For the reporters" in answer.text
    assert 'value="reader@example.org"' in answer.text
    with transaction() as session:
        assert row(session, Checkout).stripe_session_id is None
    assert stripe.all("checkout.session") == []


@pytest.mark.parametrize("status", [500, 429])
def test_the_same_form_sent_again_works(
    session: Session, stripe: Stripe, client: FlaskClient, status: int
) -> None:
    """[B7] Stripe would replay its 500 for the same key, so there is another one."""
    form = FORM | {"attempt": str(uuid4())}
    stripe.sandbox("faults", api_errors=[status])
    assert client.post("/support", data=form).status_code == 503
    answer = client.post("/support", data=form)
    assert answer.status_code == 303
    assert len(stripe.all("checkout.session")) == 1
    assert len(rows(session, Checkout)) == (2 if status == 500 else 1)


def test_an_answer_that_got_lost_is_given_again(
    session: Session, stripe: Stripe, client: FlaskClient
) -> None:
    """[B7]"""
    stripe.sandbox("faults", api_errors=["timeout"])
    assert client.post("/support", data=FORM).status_code == 303
    assert len(stripe.all("checkout.session")) == 1


@pytest.mark.parametrize("page", ["/support", "/account/card"])
def test_a_reader_does_not_wait_long_for_stripe(
    session: Session, app: Flask, stripe: Stripe, signed_in: SignedIn, page: str
) -> None:
    """One retry, with short patience; at worst two requests, before the proxy gives up."""
    browser = signed_in(session, factories.patron(session))
    (connect, read), retries = stripe_client.PAGE_PATIENCE
    in_between = HTTPClient.INITIAL_DELAY * retries
    proxy = re.search(r"proxy_read_timeout (\d+)s;", Path("config/nginx.conf").read_text())
    assert proxy is not None
    assert 2 * ((connect + read) * (1 + retries) + in_between) < int(proxy[1])
    # More failures than a reader should wait for: what is left over was not asked for.
    stripe.sandbox("faults", api_errors=[409] * 4)
    form = FORM | {"interval": "once", "email": row(session, Account).email}
    assert browser.post(page, data=form).status_code == 503
    assert len(stripe.sandbox("faults")["api_errors"]) == 2


def test_a_form_sent_twice_opens_one_page(committed: Engine, app: Flask, stripe: Stripe) -> None:
    """[L1] [B7] A double click, at the very same time."""
    form = FORM | {"attempt": str(uuid4())}
    answers: list[tuple[int, str]] = []
    gate = threading.Barrier(4)

    def click() -> None:
        browser = app.test_client()
        gate.wait()
        answer = browser.post("/support", data=form)
        answers.append((answer.status_code, answer.headers.get("Location", "")))

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()
    assert len(stripe.all("checkout.session")) == 1
    assert set(answers) == {(303, page_at_stripe(stripe)["url"])}
    with transaction() as session:
        assert row(session, Checkout).state == "open"


def test_other_choices_on_the_same_form_are_another_checkout(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B7] Back, another amount, sent again: never the old price."""
    attempt = str(uuid4())
    first = give(attempt=attempt)
    second = give(attempt=attempt, amount="6")
    assert first != second
    assert sorted(each.amount_minor for each in rows(session, Checkout)) == [500, 600]


def test_another_article_or_customer_is_another_checkout(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn
) -> None:
    """[B7] Both go into what Stripe is asked, so both go into the key."""
    browser = signed_in(session, factories.account(session, email="reader@example.org"))
    attempt = str(uuid4())
    pages = {
        give(browser, attempt=attempt, interval="once", article="one"),
        give(browser, attempt=attempt, interval="once", article="two"),
    }
    factories.subscription(
        session,
        row(session, Account),
        state="ended",
        stripe_customer_id=stripe.api("customers", email="reader@example.org")["id"],
    )
    pages.add(give(browser, attempt=attempt, interval="once", article="two"))
    assert len(pages) == 3
    assert {each.state for each in rows(session, Checkout)} == {"open"}


def test_a_key_that_is_taken_leaves_the_first_page_open(
    session: Session, app: Flask, stripe: Stripe, give: Give, client: FlaskClient
) -> None:
    """[B7] The site got another name in between; the next try is a new one."""
    form = FORM | {"attempt": str(uuid4())}
    give(**form)
    known = app.extensions["kava.settings"]
    app.extensions["kava.settings"] = known.model_copy(update={"site_name": "The Messenger"})
    answer = client.post("/support", data=form)
    assert answer.status_code == 503
    assert row(session, Checkout).state == "open"
    again = re.search(r'name="attempt" value="([^"]+)"', answer.text)
    assert again is not None
    assert client.post("/support", data=form | {"attempt": again[1]}).status_code == 303


def test_a_form_whose_payment_is_done_is_not_paid_again(
    session: Session, stripe: Stripe, client: FlaskClient, give: Give
) -> None:
    """[L1]"""
    form = FORM | {"attempt": str(uuid4())}
    stripe.pay(give(**form))
    stripe.deliver_all()
    answer = client.post("/support", data=form)
    assert answer.location.startswith("http://localhost/support/thanks?checkout=")
    assert len(stripe.all("checkout.session")) == 1


def test_with_the_card_fee_the_page_says_so(session: Session, stripe: Stripe, give: Give) -> None:
    """5 € and the fee: (5.00 + 0.25) / 0.971 = 5.41."""
    give(cover_fees="1")
    page = page_at_stripe(stripe)
    assert page["amount_total"] == 541
    assert "card fee included" in stripe.server.world.line_items[page["id"]][0]["description"]
    assert "amount=5" in page["cancel_url"].split("&")
    assert row(session, Checkout).cover_fees is True


def test_the_address_of_another_proves_nothing(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B6] An anonymous form with a patron's address gets no customer of theirs."""
    stripe.pay(give())
    stripe.deliver_all()
    give(amount="7")
    assert page_at_stripe(stripe)["customer"] is None
    assert rows(session, Checkout)[-1].account_id is None


def test_a_customer_deleted_at_stripe_is_no_dead_end(
    session: Session, stripe: Stripe, signed_in: SignedIn, give: Give
) -> None:
    patron = factories.patron(session, email="reader@example.org")
    browser = signed_in(session, patron)
    assert stripe.pay(give(browser, interval="once")).status_code == 303


def test_who_is_signed_in_gives_with_the_own_address(
    session: Session, stripe: Stripe, signed_in: SignedIn
) -> None:
    reader = factories.account(session, email="olena@example.org")
    browser = signed_in(session, reader)
    assert 'value="olena@example.org"' in browser.get("/support").text
    answer = browser.post("/support", data=FORM)
    assert answer.status_code == 422
    assert "signed in as olena@example.org" in answer.text
    answer = browser.post("/support", data=FORM | {"email": "Olena@example.org"})
    assert answer.status_code == 303
    assert row(session, Checkout).account_id == reader.id


WRONG = {
    "amount": [("", "how much"), ("abc", "as a number"), ("4.999", "as a number"),
               ("1,200", "as a number"), ("1_000", "as a number"), ("1e3", "as a number"),
               ("-5", "as a number"), ("0", "as a number"), ("0.50", "between €1"),
               ("10001", "between €1"), ("1e9", "as a number"), ("NaN", "as a number")],
    "email": [("", "your email address"), ("reader", "no complete"), ("a@b\nc", "no complete")],
    "interval": [("week", "monthly, yearly or once"), ("", "monthly, yearly or once")],
    "currency": [("XTS", "cannot take this currency"), ("", "cannot take this currency")],
    "name": [("x" * 101, "under 100")],
    "message": [("x" * 1001, "under 1,000")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [(field, value, said) for field, cases in WRONG.items() for value, said in cases],
)
def test_what_is_wrong_is_said_and_nothing_is_begun(
    session: Session, client: FlaskClient, field: str, value: str, said: str
) -> None:
    """Typed values are kept; nobody is asked, nothing is written."""
    answer = client.post("/support", data=FORM | {"name": "Olena K", field: value})
    assert answer.status_code == 422
    assert said in answer.text
    assert rows(session, Checkout) == []
    if field != "name":
        assert 'value="Olena K"' in answer.text


def test_the_preset_counts_unless_it_is_other(session: Session, stripe: Stripe, give: Give) -> None:
    """[L10] What the button says is charged."""
    give(preset_month="12", preset_year="48", amount="7")
    give(preset_month="other", amount="7")
    give(preset_month="12", preset_year="48", interval="year", amount="")
    assert sorted(each.amount_minor for each in rows(session, Checkout)) == [700, 1200, 4800]


def test_the_form_says_amount_interval_and_day(session: Session, client: FlaskClient) -> None:
    """[L10] And switches the currency without a script."""
    page = client.get("/support").text
    assert "Give €4 every month" in page
    assert "Give €48 every year" in page
    assert "First charge today, then on day" in page
    assert "One charge today. Nothing repeats." in page
    assert 'href="/support?currency=UAH&amp;interval=month"' in page
    hryvnia = client.get("/support?currency=UAH&interval=year&article=the-dam").text
    assert re.search(r'name="currency" value="UAH"', hryvnia)
    assert re.search(r'value="year" id="interval-year" checked', hryvnia)
    assert 'name="article" value="the-dam"' in hryvnia


def test_an_amount_in_the_address_is_chosen(session: Session, client: FlaskClient) -> None:
    page = client.get("/support?amount=12&currency=EUR&interval=month").text
    assert re.search(r'name="preset_month" value="12"[^>]* checked', page)
    other = client.get("/support?amount=7.50&currency=EUR&interval=once").text
    assert re.search(r'name="preset_once" value="other"[^>]* checked', other)
    assert 'value="7.5"' in other
    for strange in ("?amount=x&currency=EUR", "?currency=%00", "?interval=never&amount=-1"):
        assert client.get("/support" + strange).status_code == 200


def test_who_comes_back_without_paying_finds_the_choices(
    session: Session, stripe: Stripe, give: Give, client: FlaskClient
) -> None:
    give(amount="7", interval="year", currency="USD")
    back = page_at_stripe(stripe)["cancel_url"]
    page = client.get(back.removeprefix("http://localhost"))
    assert "Nothing was charged" in page.text
    assert 'value="7"' in page.text
    assert re.search(r'value="year" id="interval-year" checked', page.text)
    assert page.headers["Cache-Control"] == "no-store"


def test_in_ukrainian_everything_stays_so(
    session: Session, stripe: Stripe, client: FlaskClient
) -> None:
    """Stripe's page has no Ukrainian; the browser's language decides there."""
    page = client.get("/uk/support").text
    assert 'action="/uk/support"' in page
    assert client.post("/uk/support", data=FORM).status_code == 303
    asked = page_at_stripe(stripe)
    assert asked["locale"] == "auto"
    assert asked["success_url"].startswith("http://localhost/uk/support/thanks?")
    assert asked["cancel_url"].startswith("http://localhost/uk/support?")
    assert row(session, Checkout).language == "uk"
