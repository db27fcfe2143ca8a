"""What a gift is credited to: the first and the last story, the wording, the country (rule R5)."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.billing.models import Checkout
from tests import factories
from tests.articles.asking import running
from tests.billing.conftest import Stripe
from tests.billing.reading import row

Give = Callable[..., str]


def test_the_form_credits_the_first_and_the_last_story(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[R5] [D4]"""
    first, last = (factories.article(session, slug=slug) for slug in ("first", "last"))
    variant = running(session).variants[1]
    give(article="last", first_article="first", variant=str(variant.id))
    found = row(session, Checkout)
    assert (found.article_id, found.first_article_id) == (last.id, first.id)
    assert found.ask_variant_id == variant.id


@pytest.mark.parametrize("variant", ["", "0", "x", "-7", "9" * 40, "123456789"])
def test_what_is_not_known_is_left_out(
    session: Session, stripe: Stripe, give: Give, variant: str
) -> None:
    """[R5] A device may say anything; nobody is kept from giving by it."""
    give(article="gone", first_article="<b>", variant=variant)
    found = row(session, Checkout)
    assert (found.article_id, found.first_article_id, found.ask_variant_id) == (None, None, None)


def test_the_address_still_names_the_last_story(
    client: FlaskClient, session: Session, stripe: Stripe
) -> None:
    """[R5] Without JavaScript, too."""
    assert 'name="article" value="bridge"' in client.get("/support?article=bridge").text
    assert 'name="article" value="bridge"' in client.get("/support?from=bridge").text


def test_the_support_page_is_counted_when_it_is_opened_and_not_when_it_comes_back(
    client: FlaskClient, session: Session, stripe: Stripe
) -> None:
    """[D4]"""
    assert "data-count" in client.get("/support").text
    assert "data-count" not in client.get("/support?back=1").text
    wrong = client.post("/support", data={"amount": "x"})
    assert (wrong.status_code, "data-count" in wrong.text) == (422, False)


@pytest.mark.parametrize(
    ("card", "said", "country"),
    [
        ("4242424242424242", {}, "US"),
        ("4000002760000016", {}, "DE"),
        ("4242424242424242", {"billingCountry": "ua"}, "UA"),
    ],
)
def test_the_country_comes_with_the_payment_and_nothing_finer(
    session: Session, stripe: Stripe, give: Give, card: str, said: dict[str, str], country: str
) -> None:
    """[S10]"""
    url = give()
    assert row(session, Checkout).country is None
    stripe.pay(url, card, **said)
    stripe.deliver_all()
    found = row(session, Checkout)
    assert (found.state, found.country) == ("completed", country)
    assert found.told_at is not None


@pytest.mark.parametrize("address", [None, {"country": None}, {"country": "Ukraine"}])
def test_a_payment_without_a_country_is_a_payment(
    session: Session, stripe: Stripe, give: Give, address: dict[str, str | None] | None
) -> None:
    stripe.pay(give())
    (made,) = stripe.all("checkout.session")
    details = made["customer_details"]
    stripe.change(made["id"], customer_details={**details, "address": address})
    stripe.deliver_all()
    found = row(session, Checkout)
    assert (found.state, found.country) == ("completed", None)
