"""One dictionary of figures, shared by pages and docs."""

from dataclasses import fields

from flask import Flask

from membership.billing.models import (
    CHECKOUT_STATES,
    END_REASONS,
    EVENT_STATES,
    MOVEMENTS,
    SUBSCRIPTION_STATES,
)
from membership.mail.models import STATES
from membership.reports import words
from membership.reports.definitions import DEFINITIONS, DOCUMENT, document
from membership.reports.overview.changes import Movements
from membership.voting.models import ROUND_STATES


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text("utf-8") == document(), "run python -m membership.reports.definitions"


def test_no_two_figures_share_a_key() -> None:
    assert len(DEFINITIONS) == document().count("\n## ")


def test_no_two_figures_share_a_name(app: Flask) -> None:
    """[D1] [D3] MRR at risk is of a month; what fails now is what was to be charged."""
    with app.test_request_context():
        names = [str(each.name) for each in DEFINITIONS.values()]
    assert len(set(names)) == len(names)
    assert {"MRR at risk", "Failing now, in money"} <= set(names)


def test_every_movement_of_the_ledger_is_a_figure() -> None:
    assert {each.name for each in fields(Movements)} == set(MOVEMENTS)


def test_every_state_has_words_and_a_tone() -> None:
    assert set(words.SUBSCRIPTION) == set(words.SUBSCRIPTION_TONE) == set(SUBSCRIPTION_STATES)
    assert set(words.MAIL) == set(words.MAIL_TONE) == set(STATES)
    assert set(words.EVENT) == set(words.EVENT_TONE) == set(EVENT_STATES)
    assert set(words.ROUND) == set(words.ROUND_TONE) == set(ROUND_STATES)
    assert set(words.CHECKOUT) == set(CHECKOUT_STATES)
    assert set(words.END_REASON) == set(END_REASONS)
    assert set(words.MOVEMENT) == {"start", *MOVEMENTS, "rates", "end"}
