"""Languages stand in the path; no page varies by header or cookie."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.web.languages import address


@pytest.mark.parametrize(
    ("path", "language"),
    [("/support", "en"), ("/uk/support", "uk"), ("/uk/", "uk"), ("/ukraine", "en")],
)
def test_the_path_decides(client: FlaskClient, session: Session, path: str, language: str) -> None:
    page = client.get(path, headers={"Accept-Language": "pl, uk;q=0.5"})
    assert f'<html lang="{language}"' in page.text


def test_links_stay_in_the_language_and_offer_the_other(
    client: FlaskClient, session: Session
) -> None:
    page = client.get("/uk/support?interval=year").text
    assert 'href="/uk/topics"' in page
    assert 'href="/support?interval=year"' in page


def test_addresses_in_mails_are_whole(app: Flask) -> None:
    with app.app_context():
        assert address("billing.support", "en") == "http://localhost/support"
        assert address("billing.support", "uk") == "http://localhost/uk/support"
        assert address("articles.show", "uk", slug="x") == "http://localhost/uk/articles/x"
