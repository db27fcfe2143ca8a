"""The forms of gifts stand behind the same gate as the support form (rule B16)."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.billing.gifts.models import Gift
from membership.billing.models import Checkout
from membership.mail.models import OutboxEmail
from tests.billing.conftest import Stripe
from tests.billing.defence.giving import a_solution, challenge_of, let_cards_be_tested
from tests.billing.gifts.steps import ORDER, text_of
from tests.billing.reading import row, rows

FORMS = {
    "/support/gift": ORDER,
    "/support/pool": {"currency": "EUR", "amount": "5", "email": "giver@example.org"},
}


@pytest.mark.parametrize("path", FORMS)
def test_while_cards_are_tested_work_is_asked_for_first(
    stripe: Stripe, session: Session, client: FlaskClient, path: str
) -> None:
    """[B16] [L11] Stripe is not called, nothing is ordered, what was typed is kept."""
    let_cards_be_tested(session)
    before = len(rows(session, Checkout))
    refused = client.post(path, data=FORMS[path])
    assert refused.status_code == 429
    assert challenge_of(refused)
    assert 'value="giver@example.org"' in refused.text
    assert len(rows(session, Checkout)) == before
    assert not rows(session, Gift)
    assert not stripe.all("checkout.session")
    opened = client.post(path, data={**FORMS[path], "solution": a_solution()})
    assert opened.status_code == 303, opened.text
    assert len(stripe.all("checkout.session")) == 1


def test_a_mailed_link_leads_back_to_the_gift(
    stripe: Stripe, session: Session, client: FlaskClient
) -> None:
    """[B16] Without JavaScript; whom the gift is for stands in no mail and no address."""
    let_cards_be_tested(session)
    answer: Any = client.post("/support/gift", data={**ORDER, "by_mail": "1"})
    assert answer.status_code == 303, answer.text
    text = text_of(row(session, OutboxEmail))
    assert "friend" not in text
    link = next(line for line in text.splitlines() if "/support/gift?" in line)
    page = client.get(link.removeprefix("http://localhost"))
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert 'value="friend@example.org"' in page.text
    found = link.partition("pass=")[2].partition("&")[0]
    opened = client.post("/support/gift", data={**ORDER, "solution": found})
    assert opened.status_code == 303, opened.text
