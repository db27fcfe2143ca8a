"""A mail server on a socket, and two kinds of mail that exist for tests alone."""

from collections.abc import Iterator

import pytest
from flask import Flask
from jinja2 import ChoiceLoader, DictLoader

from config.settings import Settings
from membership.mail import kinds
from membership.mail.line import LINE
from sandbox import inbox as inboxes

TEMPLATES = {
    "subject.txt": "About {{ topic }}",
    "body.txt": '{% extends "email/layout.txt" %}{% block body %}Hello. {{ topic }}{% endblock %}',
    "body.html": '{% extends "email/layout.html" %}{% from "email/parts.html" import button %}'
    "{% block body %}<p>{{ topic }}</p>{{ button('https://courier.example/', 'Open') }}"
    "{% endblock %}",
}


@pytest.fixture(scope="session")
def mail_server() -> Iterator[inboxes.Inbox]:
    with inboxes.start() as running:
        yield running


@pytest.fixture
def inbox(
    app: Flask, settings: Settings, mail_server: inboxes.Inbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[inboxes.Inbox]:
    """The mail server that the application speaks to; empty and well-behaved."""
    mail_server.clear()
    mail_server.misbehave()
    known = settings.model_copy(update={"smtp_url": mail_server.smtp_url})
    monkeypatch.setitem(app.extensions, "kava.settings", known)
    yield mail_server
    LINE.hang_up()


@pytest.fixture(autouse=True)
def nothing_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier test's mail server refused counts no longer."""
    monkeypatch.setattr(LINE, "_refusals", 0)


@pytest.fixture(autouse=True)
def kinds_of_tests(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """`letter` is transactional, `news` is bulk; both want a `topic`."""
    letter = kinds.Kind("letter")
    news = kinds.Kind("news", title="News of the house", note="When there is some.")
    for kind in (letter, news):
        monkeypatch.setitem(kinds._kinds, kind.name, kind)
    files = {
        f"email/{name}/{file}": text
        for name in ("letter", "news")
        for file, text in TEMPLATES.items()
    }
    monkeypatch.setattr(app, "jinja_loader", ChoiceLoader([DictLoader(files), app.jinja_loader]))
