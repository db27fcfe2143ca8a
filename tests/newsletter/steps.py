"""What tests of the weekly letter and the digest do and look at."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from membership.mail import letters
from membership.mail.models import OutboxEmail
from membership.newsletter.models import NewsletterReader
from tests import factories
from tests.accounts import mailbox

KYIV = ZoneInfo("Europe/Kyiv")
ADDRESS = "olena@example.org"
# In Kyiv; the letter is due from then on.
SATURDAY = datetime(2026, 11, 21, 8, tzinfo=KYIV)


def ask(browser: FlaskClient, email: str = ADDRESS, **fields: str) -> TestResponse:
    return browser.post("/newsletter", data={"email": email} | fields, follow_redirects=True)


def link(address: str = ADDRESS) -> str:
    """The path of the link in the newest mail to `address`."""
    return link_in(mailbox.all_to(address)[-1])


def link_in(mail: OutboxEmail) -> str:
    (found,) = re.findall(r"http://localhost(\S*/newsletter/confirm/\S+)", mailbox.text(mail))
    return str(found)


def reader(session: Session, address: str = ADDRESS) -> NewsletterReader | None:
    session.expire_all()
    return session.scalar(select(NewsletterReader).where(NewsletterReader.address == address))


def confirmed(session: Session, address: str, language: str = "en") -> NewsletterReader:
    """A reader who has said yes."""
    row: NewsletterReader = factories.add(
        session,
        NewsletterReader(address=address, language=language, confirmed_at=factories.NOON),
    )
    return row


def written(session: Session, kind: str) -> list[OutboxEmail]:
    """All mails of a kind, in the order of their readers' addresses."""
    asked = select(OutboxEmail).where(OutboxEmail.kind == kind).order_by(OutboxEmail.recipient)
    return list(session.scalars(asked))


def told(session: Session, kind: str) -> list[str]:
    return [mail.recipient for mail in written(session, kind)]


def subject(mail: OutboxEmail) -> str:
    mail.message_id = "<test@courier.example>"
    return str(letters.compose(mail)["Subject"])
