"""Looking at a page does nothing, whoever looks and whatever link they hold (lesson L12).

Mail programs, previews and scanners open links by GET and by HEAD.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from membership import clock
from membership.accounts import address_changes, sign_in
from membership.accounts.models import Account
from membership.arrivals.models import Arrival
from membership.billing import links
from membership.billing.dunning.models import Dunning
from membership.billing.gifts.models import OtherWay
from membership.billing.models import Donation, StripeEvent, Subscription
from membership.db import Base, database_now
from membership.mail import refusals
from membership.mail.models import OutboxEmail
from membership.newsletter import asking
from membership.newsletter.models import NewsletterReader
from membership.voting.models import RoundSeries
from membership.voting.news import PUBLISHED
from tests import factories
from tests.accounts import mailbox
from tests.articles import asking as asking_ways
from tests.billing.conftest import Stripe
from tests.billing.gifts.steps import gift
from tests.billing.reading import row, rows
from tests.campaigns import newsroom
from tests.exports import files
from tests.voting.crawl import LEADS_ON

# Which row is meant, by the name of the argument; by endpoint where it is another one.
Places = dict[str, Any]
# The page cache asks for the whole page by GET, unless a part of it is wanted.
LOOKS: tuple[tuple[str, dict[str, str]], ...] = (
    ("GET", {}),
    ("HEAD", {}),
    ("HEAD", {"Range": "bytes=0-9"}),
)
# That staff looked at readers is written down (rule S9).
ALL_ROWS = text(
    " UNION ALL ".join(
        f"SELECT '{table.name}' AS name, md5(coalesce(string_agg(each::text, ' ' "
        f"ORDER BY each::text), '')) AS rows FROM \"{table.name}\" AS each"
        for table in Base.metadata.sorted_tables
        if table.name != "audit_entry"
    )
)


@pytest.fixture
def places(session: Session, stripe: Stripe, give: Callable[..., str]) -> Places:
    """A newsroom in which every page has something to show."""
    stripe.pay(give())
    stripe.deliver_all()
    subscription = row(session, Subscription)
    donation = row(session, Donation)
    failing = factories.add(
        session,
        Dunning(
            subscription_id=subscription.id,
            stripe_invoice_id="in_failing",
            kind="soft",
            amount_minor=500,
            currency="EUR",
            attempts=1,
            letters=1,
            failed_at=factories.NOON,
        ),
    )
    by_hand = factories.donation(
        session,
        factories.account(session),
        provider="manual",
        method="cash",
        stripe_payment_intent_id=None,
    )
    way = factories.add(
        session, OtherWay(kind="transfer", language="en", title="By transfer", text="To us.")
    )
    held = factories.round_(session)
    tomorrow = database_now(session) + timedelta(days=1)
    draft = factories.round_(
        session, state="draft", opens_at=tomorrow, closes_at=tomorrow + timedelta(days=5)
    )
    topic = factories.topic(session)
    letter = factories.add(
        session,
        OutboxEmail(
            kind=PUBLISHED, recipient="reader@example.org", subject="1", language="en", context={}
        ),
    )
    series = factories.add(
        session, RoundSeries(title="Every month", day=1, opens_at=factories.NOON.time(), days=5)
    )
    asked = factories.add(session, NewsletterReader(address="asks@example.org", language="en"))
    yes = asking.link(asked.id, clock.now().timestamp(), "en")
    manage = links.token("manage", subscription.id)
    return {
        "account_id": subscription.account_id,
        "subscription_id": subscription.id,
        "donation_id": donation.id,
        "mail_id": row(session, OutboxEmail, kind="welcome").id,
        "staff.take_back_manual.donation_id": by_hand.id,
        "event_id": rows(session, StripeEvent)[0].id,
        "round_id": held.id,
        "staff.edit_round.round_id": draft.id,
        "series_id": series.id,
        "switch": "off",
        "campaign_id": newsroom.written(session).id,
        "step": "schedule",
        "arrival_id": factories.add(session, Arrival(source="stripe", state="shown")).id,
        "experiment_id": asking_ways.written(session).id,
        "act": "start",
        "kind": "receipt",
        "language": "uk",
        "provider": "postmark",
        "topic_id": topic.id,
        "slug": topic.slug,
        "article_id": factories.article(session).id,
        "way_id": way.id,
        "token": manage,
        "dunning.mend.token": links.token("mend", failing.id),
        "newsletter.confirm.token": yes.rpartition("/")[2],
        "gifts.take.token": links.token("gift", gift(session).id),
        "mail.unsubscribe.token": refusals.unsubscribe_token(letter.id),
        "form": "csv",
        **files.of_everything(session),
    }


@pytest.fixture
def browsers(
    app: Flask, session: Session, stripe: Stripe, places: Places
) -> dict[str, FlaskClient]:
    """Somebody with a mailed sign-in link, the patron, and an admin."""
    patron = session.get_one(Account, places["account_id"])
    found = {
        "anybody": app.test_client(),
        "patron": _signed_in(app, session, patron),
        "staff": _signed_in(app, session, factories.staff(session, "admin")),
    }
    found["anybody"].post("/sign-in", data={"email": patron.email})
    asked_for = mailbox.all_to(patron.email)[-1]
    places["accounts.confirm.token"] = mailbox.link(asked_for).rpartition("/")[2]
    address_changes.ask(session, patron.id, "elsewhere@example.org")
    asked_for = mailbox.all_to("elsewhere@example.org")[-1]
    places["accounts.address.confirm.token"] = mailbox.link(asked_for).rpartition("/")[2]
    return found


def _signed_in(app: Flask, session: Session, account: Account) -> FlaskClient:
    browser = app.test_client()
    token = sign_in.open_sign_in(session, account)
    session.flush()
    with browser.session_transaction() as cookie:
        cookie.update(_user_id=token, _fresh=True)
    return browser


def _path(app: Flask, rule: Rule, places: Places) -> str:
    values = {name: places.get(f"{rule.endpoint}.{name}", places[name]) for name in rule.arguments}
    return app.url_map.bind("localhost").build(rule.endpoint, values)


def _all_there_is(session: Session, stripe: Stripe) -> dict[str, Any]:
    """Every table's content, and how many objects Stripe has: sessions of its portal as well."""
    session.flush()
    tables = dict(session.execute(ALL_ROWS).all())
    return tables | {"stripe": len(stripe.server.world.objects)}


def test_looking_changes_nothing(
    app: Flask,
    session: Session,
    stripe: Stripe,
    places: Places,
    browsers: dict[str, FlaskClient],
) -> None:
    """[L12] Every address that takes a form, by GET and HEAD, for everybody."""
    rules = [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    assert len(rules) > 50
    seen: dict[str, set[int]] = {}
    before = _all_there_is(session, stripe)
    for rule in rules:
        path = _path(app, rule, places)
        for browser in browsers.values():
            for method, headers in LOOKS:
                answer = browser.open(path, method=method, headers=headers)
                seen.setdefault(rule.endpoint, set()).add(answer.status_code)
        # All tables are read, which takes longer than all that looking.
        changed = dict(_all_there_is(session, stripe).items() - before.items())
        assert not changed, path
    for endpoint in ("accounts.confirm", "dunning.mend", "gifts.take", "mail.unsubscribe"):
        assert 200 in seen[endpoint], (endpoint, seen[endpoint])
    pages = {each.endpoint for each in rules if "GET" in (each.methods or ())}
    # Nobody here has cancelled.
    assert {each for each in pages if 200 not in seen[each]} == {"manage.cancelled", *LEADS_ON}
    for endpoint in seen.keys() - pages:
        assert seen[endpoint] <= {405, 200, 302}, (endpoint, seen[endpoint])
