"""The form under a story that asks for the week's stories by mail."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.articles.models import Article
from membership.newsletter import readers
from tests import factories
from tests.articles.reading import page, select


def test_it_stands_at_the_end_of_a_story(client: FlaskClient, bridge: Article) -> None:
    """[M8] One field that has its label; it leads to a page in the story's language."""
    tree = page(client, "/articles/bridge")
    (form,) = select(tree, "article .newsletter form[method=post]")
    assert form.get("action") == "/newsletter/begin"
    fields = {field.get("name"): field for field in form.iter("input")}
    assert set(fields) == {"email", "article"}
    assert fields["article"].get("value") == "bridge"
    assert select(form, f"label[for={fields['email'].get('id')}]")
    assert "/newsletter" in [link.get("href") for link in select(tree, ".footer-links a")]


def test_the_page_is_the_same_for_readers_and_strangers(
    session: Session,
    app: Flask,
    bridge: Article,
    signed_in: Callable[[Session, Account], FlaskClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[R1] [R2] No token, no cookie, whoever looks; CSRF protection is on."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    account = factories.account(session)
    readers.subscribe(session, account.email, "en")
    stranger = app.test_client().get("/articles/bridge")
    reader = signed_in(session, account)
    reader.get("/newsletter")
    again = reader.get("/articles/bridge")
    assert stranger.data == again.data
    for answer in (stranger, again):
        assert "csrf_token" not in answer.text
        assert "Set-Cookie" not in answer.headers
        assert "public" in answer.headers["Cache-Control"]


def test_a_story_in_another_language_leads_to_a_page_in_it(
    session: Session, client: FlaskClient
) -> None:
    factories.article(session, slug="mist", language="uk")
    (form,) = select(page(client, "/uk/articles/mist"), ".newsletter form")
    assert form.get("action") == "/uk/newsletter/begin"
