"""The limit above which a campaign needs approval, low enough to be passed; a mail server."""

from collections.abc import Callable

import pytest
from flask import Flask

from config.settings import Settings
from tests.mail.conftest import inbox, mail_server

__all__ = ["inbox", "mail_server"]


@pytest.fixture
def limit(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Call with the number of people above which a second person must approve."""

    def act(people: int) -> None:
        known = settings.model_copy(update={"campaign_approval_above": people})
        monkeypatch.setitem(app.extensions, "kava.settings", known)

    return act
