"""The way without JavaScript: a mailed link, for one page, for an hour."""

import re
from datetime import timedelta

from flask.testing import FlaskClient
from lxml import html
from sqlalchemy.orm import Session

from membership.billing.defence import attempts, passes, rules
from membership.billing.models import Checkout
from membership.mail.models import OutboxEmail
from tests.accounts.mailbox import all_to, text
from tests.billing.conftest import Stripe
from tests.billing.defence.giving import (
    FORM,
    admitted,
    later,
    let_cards_be_tested,
    send,
)
from tests.billing.reading import row, rows

READER = FORM["email"]


def link_to(email: str) -> str:
    (found,) = re.findall(r"http://localhost(\S*/support\S+)", text(all_to(email)[-1]))
    return str(found)


def test_the_link_leads_to_the_payment_page(
    session: Session, stripe: Stripe, client: FlaskClient
) -> None:
    """[B16] What was chosen is filled in; the address is written anew, since links are shared."""
    let_cards_be_tested(session)
    assert 'name="by_mail"' in send(client, interval="year", amount="7").text
    answer = send(client, interval="year", amount="7", by_mail="1")
    assert (answer.status_code, answer.location) == (303, "/support/by-mail")
    assert "Look in your mail" in client.get(answer.location).text
    assert stripe.all("checkout.session") == []

    link = link_to(READER)
    page = client.get(link)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert READER not in page.text
    (form,) = (each for each in html.fromstring(page.text).forms if each.get("id") == "support")
    fields = dict(form.form_values())
    assert (fields["interval"], fields["amount"], fields["email"]) == ("year", "7", "")
    paid = client.post("/support", data=fields | {"email": READER})
    assert paid.status_code == 303
    assert paid.location.startswith(stripe.server.url)
    assert row(session, Checkout, email=READER).interval == "year"
    # Once.
    assert client.post("/support", data=fields | {"email": READER}).status_code == 429


def test_looking_at_the_link_uses_nothing_up(
    session: Session, stripe: Stripe, client: FlaskClient
) -> None:
    """[L12] Mail scanners open links."""
    let_cards_be_tested(session)
    send(client, by_mail="1")
    link = link_to(READER)
    for _ in range(3):
        assert client.get(link).status_code == client.head(link).status_code == 200
    solution = pass_of(link)
    assert admitted("somebody.else@example.org", "192.0.2.1", solution) is not None
    assert admitted(READER, "192.0.2.1", solution) is None


def pass_of(link: str) -> str:
    found = re.search(r"pass=([^&]+)", link)
    assert found
    return found[1]


def test_the_link_lives_an_hour_and_the_database_does_not_hold_it(
    session: Session, client: FlaskClient
) -> None:
    """[B16]"""
    send(client, by_mail="1")
    (mail,) = rows(session, OutboxEmail)
    solution = pass_of(link_to(READER))
    assert solution not in str(mail.context)
    assert READER not in str(mail.context)
    with later(timedelta(hours=1, minutes=1)):
        assert mail.not_after_at < passes.clock.now()
    assert not passes.spend(session, attempts.Giver.of(READER, ""), solution + "x")
    assert not passes.spend(session, attempts.Giver.of("other@example.org", ""), solution)
    assert passes.spend(session, attempts.Giver.of(READER, ""), solution)


def test_few_links_are_mailed(session: Session, client: FlaskClient) -> None:
    """[B16] Neither to one address nor to many: the site floods nobody."""
    for _ in range(passes.MOST_OF_ADDRESS):
        assert send(client, by_mail="1").status_code == 303
    answer = send(client, by_mail="1")
    assert answer.status_code == 429
    assert "Nothing was charged" in answer.text
    assert "/support/other-ways" in answer.text
    for number in range(passes.MOST - passes.MOST_OF_ADDRESS):
        assert passes.send(session, f"r{number}@example.org", f"198.51.{number}.1", "en", "x")
    assert not passes.send(session, "last@example.org", "203.0.113.1", "en", "x")
    with later(timedelta(hours=1, minutes=1)):
        assert passes.send(session, "last@example.org", "203.0.113.1", "en", "x")


def test_one_network_gets_no_more_links_than_pages(session: Session) -> None:
    """[B16] So it cannot take all of them from the others."""
    most = rules.FREE_OF_NETWORK[600]
    sent = [
        passes.send(session, f"r{number}@example.org", "192.0.2.1", "en", "x")
        for number in range(most + 1)
    ]
    assert sent == [True] * most + [False]


def test_the_mails_are_forgotten(session: Session, client: FlaskClient) -> None:
    """[S10] They name strangers."""
    send(client, by_mail="1")
    passes.forget_old(session)
    assert len(rows(session, OutboxEmail)) == 1
    with later(timedelta(days=1, minutes=1)):
        passes.forget_old(session)
    assert rows(session, OutboxEmail) == []
