"""Ordering, paying for and sending a gift, step by step."""

import re
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.gifts import sending
from membership.billing.gifts.models import Gift
from membership.billing.models import Checkout
from membership.mail import letters
from membership.mail.models import OutboxEmail
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.reading import row

ORDER = {
    "currency": "EUR",
    "amount": "60",
    "recipient_email": "friend@example.org",
    "recipient_name": "Ada",
    "name": "Grandma Olena",
    "letter": "For all the coffees we had.\nYours!",
    "email": "giver@example.org",
}


def order(browser: FlaskClient, **changes: str) -> str:
    """The address of the payment page."""
    answer = browser.post("/support/gift", data={**ORDER, **changes})
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def buy(stripe: Stripe, browser: FlaskClient, **changes: str) -> None:
    """Order a gift, pay for it, and let all events arrive."""
    stripe.pay(order(browser, **changes))
    stripe.deliver_all()


def sent(stripe: Stripe, browser: FlaskClient, session: Session, **changes: str) -> str:
    """Buy a gift and send its letter; the path that the letter links to."""
    buy(stripe, browser, **changes)
    sending.send_due()
    return link_path(row(session, OutboxEmail, kind="gift"))


def link_path(mail: OutboxEmail) -> str:
    found = re.search(r"http://localhost(\S*/gift/\S+)", text_of(mail))
    assert found is not None
    return found[1]


def text_of(mail: OutboxEmail) -> str:
    """The whole text part as it leaves the house."""
    mail.message_id = "<1@courier.example>"
    body = letters.compose(mail).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def checkout(session: Session, giver: Account, **values: Any) -> Checkout:
    defaults = {
        "email": giver.email,
        "language": "en",
        "interval": "once",
        "amount_minor": 6000,
        "currency": "EUR",
        "state": "completed",
    }
    found: Checkout = factories.add(session, Checkout(**(defaults | values)))
    return found


def gift(session: Session, **values: Any) -> Gift:
    """A gift as it stands in the database, paid for and sent unless said otherwise."""
    giver = values.pop("giver", None) or factories.account(session)
    paid = checkout(session, giver, purpose="gift")
    donation = factories.donation(
        session, giver, checkout_id=paid.id, amount_minor=6000, **values.pop("donation", {})
    )
    defaults: dict[str, Any] = {
        "source": "person",
        "state": "sent",
        "checkout_id": paid.id,
        "donation_id": donation.id,
        "recipient_email": "friend@example.org",
        "language": "en",
        "months": 12,
        "amount_minor": 6000,
        "currency": "EUR",
        "send_on": factories.NOON.date(),
        "sent_at": factories.NOON,
    }
    found: Gift = factories.add(session, Gift(**(defaults | values)))
    return found
