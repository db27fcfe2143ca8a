"""Other ways to support: one public page, from what staff wrote."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.billing.gifts import ways
from membership.billing.gifts.models import OtherWay
from tests import factories
from tests.billing.gifts.steps import gift

WALLET = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"


def way(session: Session, **values: Any) -> OtherWay:
    defaults = {
        "kind": "other",
        "language": "en",
        "title": "In person",
        "text": "Come **by**.",
    }
    found: OtherWay = factories.add(session, OtherWay(**(defaults | values)))
    return found


def test_the_page_is_the_same_for_everyone_and_may_be_kept(
    session: Session, client: FlaskClient, signed_in: Any
) -> None:
    """[R2] No cookie is set, and who looks does not matter."""
    way(session, kind="transfer", value="UA21 3223")
    anonymous = client.get("/support/other-ways")
    assert "public" in anonymous.headers["Cache-Control"]
    assert "Set-Cookie" not in anonymous.headers
    patron = signed_in(session, factories.patron(session)).get("/support/other-ways")
    assert patron.text == anonymous.text
    assert "Set-Cookie" not in patron.headers


def test_what_is_hidden_is_not_shown_and_the_rest_is_in_order(
    session: Session, client: FlaskClient
) -> None:
    way(session, title="Second", position=2)
    way(session, title="First", position=1)
    way(session, title="Secret", position=0, is_shown=False)
    page = client.get("/support/other-ways").text
    assert page.index("First") < page.index("Second")
    assert "Secret" not in page


def test_a_language_without_ways_shows_those_of_the_first(
    session: Session, client: FlaskClient
) -> None:
    way(session, title="By transfer")
    page = client.get("/uk/support/other-ways").text
    assert "By transfer" in page
    assert '<section class="way" lang="en"' in page
    way(session, language="uk", title="Переказом")
    page = client.get("/uk/support/other-ways").text
    assert "Переказом" in page
    assert "By transfer" not in page


def test_without_any_the_page_still_helps(session: Session, client: FlaskClient) -> None:
    page = client.get("/support/other-ways").text
    assert "write to us and we answer in person" in page


def test_markdown_is_shown_and_nothing_dangerous(session: Session, client: FlaskClient) -> None:
    text = "**Bold** <script>alert(1)</script> [x](javascript:alert(1)) [y](https://example.org)"
    way(session, text=text, title="<b>Title</b>")
    page = client.get("/support/other-ways").text
    assert "<strong>Bold</strong>" in page
    assert 'href="https://example.org"' in page
    assert "<script>alert" not in page
    assert 'href="javascript:' not in page
    assert "<b>Title</b>" not in page


def test_each_kind_offers_what_can_be_done(session: Session, client: FlaskClient) -> None:
    way(session, kind="transfer", value="Kava\nUA21 3223")
    way(session, kind="paypal", value="https://paypal.example/kava")
    found = way(session, kind="crypto", value=WALLET)
    way(session, kind="share")
    page = client.get("/support/other-ways").text
    assert "Kava\nUA21 3223" in page
    assert "/account/gifts" in page
    assert 'href="https://paypal.example/kava"' in page
    assert f"/support/other-ways/{found.id}.svg" in page
    assert "as a QR code" in page
    assert WALLET in page
    assert 'href="mailto:?subject=The%20Courier&amp;body=http%3A//localhost/"' in page


def test_a_wallet_has_its_picture(session: Session, client: FlaskClient) -> None:
    """A file of our own: no script and no style are in it, and no other site is asked."""
    found = way(session, kind="crypto", value=WALLET)
    answer = client.get(f"/support/other-ways/{found.id}.svg")
    assert answer.mimetype == "image/svg+xml"
    assert "public" in answer.headers["Cache-Control"]
    assert "<svg" in answer.text
    assert "style" not in answer.text
    assert "script" not in answer.text
    found.is_shown = False
    session.flush()
    assert client.get(f"/support/other-ways/{found.id}.svg").status_code == 404
    other = way(session, kind="transfer", value="UA21")
    assert client.get(f"/support/other-ways/{other.id}.svg").status_code == 404
    assert client.get("/support/other-ways/999.svg").status_code == 404


@pytest.mark.parametrize(
    "text",
    [
        "http://paypal.com/x",
        "javascript:alert(1)",
        "https://",
        "https://user:secret@paypal.com/",
        "paypal.me/kava",
        'https://paypal.com/"onclick',
        "https://paypal.com/a b",
        "https://[",
    ],
)
def test_a_link_is_that_of_a_page_elsewhere(text: str) -> None:
    with pytest.raises(ways.NoLinkError):
        ways.link(text)
    assert ways.link(" https://www.paypal.com/donate?id=1 ") == "https://www.paypal.com/donate?id=1"


def test_gifts_are_on_no_public_page(session: Session, client: FlaskClient) -> None:
    """[L14]"""
    gift(session, sender_name="Olena Koval", recipient_name="Ada", message="For you")
    for path in (
        "/",
        "/support",
        "/support/gift",
        "/support/pool",
        "/support/other-ways",
        "/topics",
    ):
        page = client.get(path).text
        assert "Olena Koval" not in page
        assert "friend@example.org" not in page
