"""The account page: what comes, what is given, and every way out in plain sight."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from tests import factories
from tests.billing.manage.conftest import Patron
from tests.conftest import SignedIn

NewPatron = Callable[..., Patron]
PRIMARY = re.compile(r'data-kind="primary"[^>]*>([^<]+)<')


def test_everything_stands_on_the_account_page(patron: NewPatron) -> None:
    """[B9] [B10] Next charge first, then what can be done, the card, since when, receipts."""
    giver = patron()
    end = clock.newsroom_day(giver.row.current_period_end_at)
    page = re.sub(r"<(?!a )[^>]+>", "", giver.browser.get("/account").text)
    places = [
        page.index(each)
        for each in (
            f"€5 on {end.day} {end:%B %Y}",
            "Change amount or rhythm",
            "Pause",
            "Card and invoices",
            "Cancel",
            "€5 every month",
            "Visa",
            "4242",
            "valid until 12/2034",
            "What you gave",
            ".pdf",
        )
    ]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("state", "primary", "others"),
    [
        ("incomplete", "Try again", set()),
        ("active", "Change amount or rhythm", {"pause", "cancel", "portal"}),
        ("past_due", "Fix the card", {"cancel", "portal"}),
        ("paused", "Go on now", {"cancel", "portal"}),
        ("cancel_scheduled", "Take it back", {"portal"}),
        ("ended", "Begin again", {"portal"}),
    ],
)
def test_every_state_has_one_thing_to_do(
    session: Session, signed_in: SignedIn, state: str, primary: str, others: set[str]
) -> None:
    """[B11] [L2]"""
    reader = factories.account(session)
    factories.subscription(session, reader, state=state)
    page = signed_in(session, reader).get("/account").text
    assert PRIMARY.findall(page) == [primary]
    for act in ("pause", "cancel", "portal"):
        assert (f'"/account/{act}"' in page) == (
            act in others or (act, state) == ("cancel", "incomplete")
        )


def test_who_gave_once_may_begin_to_give_monthly(session: Session, signed_in: SignedIn) -> None:
    reader = factories.account(session)
    factories.donation(session, reader)
    page = signed_in(session, reader).get("/account").text
    assert PRIMARY.findall(page) == ["Give every month"]


def test_a_pause_without_an_end_promises_no_day(session: Session, signed_in: SignedIn) -> None:
    """Staff may pause at Stripe without a day of return."""
    reader = factories.account(session)
    factories.subscription(session, reader, state="paused")
    assert "Nothing is taken until it goes on" in signed_in(session, reader).get("/account").text


def test_the_portal_is_for_card_invoices_and_cancellation(patron: NewPatron) -> None:
    """[B9] The same configuration for all, made once; no amounts, no plans, no pauses."""
    giver = patron()
    for _ in range(2):
        assert giver.browser.post("/account/portal").status_code == 303
    giver.browser.post("/account/card")
    (made,) = (
        each for each in giver.stripe.all("billing_portal.configuration") if not each["is_default"]
    )
    on = {name for name, feature in made["features"].items() if feature["enabled"]}
    assert on == {"invoice_history", "payment_method_update", "subscription_cancel"}
    assert made["features"]["subscription_cancel"]["mode"] == "at_period_end"
    used = {each["configuration"] for each in giver.stripe.all("billing_portal.session")}
    assert used == {made["id"]}


@pytest.mark.parametrize(
    "path",
    ["change/confirm", "pause", "resume", "cancel", "cancelled", "keep", "portal", "card"],
)
def test_acts_are_for_the_signed_in(session: Session, client: FlaskClient, path: str) -> None:
    assert client.post(f"/account/{path}").status_code in {302, 401}


@pytest.mark.parametrize("path", ["change", "pause", "cancel", "cancelled"])
def test_who_never_gave_is_sent_to_their_page(
    session: Session, signed_in: SignedIn, path: str
) -> None:
    browser = signed_in(session, factories.account(session))
    answer = browser.get(f"/account/{path}")
    assert (answer.status_code, answer.location) == (303, "/account")


@pytest.mark.parametrize("path", ["", "/change", "/pause", "/cancel"])
def test_personal_pages_are_kept_by_nobody_in_every_language(patron: NewPatron, path: str) -> None:
    """[S7]"""
    giver = patron()
    for prefix in ("", "/uk"):
        answer = giver.browser.get(f"{prefix}/account{path}")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
