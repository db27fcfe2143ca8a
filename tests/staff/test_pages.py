"""Who may enter which room, and that every page stands, empty and full."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing.models import StripeEvent
from membership.mail.models import OutboxEmail
from membership.reports import rollups
from membership.voting.models import Round, RoundOption, Tally, Topic
from tests import factories
from tests.conftest import SignedIn
from tests.factories import NOON
from tests.reports.giving import joins, pays

ROOMS = {
    "/staff/": {"reporter", "editor", "finance", "admin"},
    "/staff/figures": {"reporter", "editor", "finance", "admin"},
    "/staff/rates": {"finance", "admin"},
    "/staff/retention": {"reporter", "editor", "finance", "admin"},
    "/staff/recovery": {"reporter", "editor", "finance", "admin"},
    "/staff/patrons": {"finance", "admin"},
    "/staff/patrons/{patron}": {"finance", "admin"},
    "/staff/topics": {"editor", "admin"},
    "/staff/topics/{topic}": {"reporter", "editor", "admin"},
    "/staff/topics/board": {"reporter", "editor", "admin"},
    "/staff/rounds": {"editor", "admin"},
    "/staff/rounds/new": {"editor", "admin"},
    "/staff/rounds/{round}": {"editor", "admin"},
    "/staff/series": {"editor", "admin"},
    "/staff/series/new": {"editor", "admin"},
    "/staff/mail": {"finance", "admin"},
    "/staff/events": {"finance", "admin"},
    "/staff/events/{event}": {"finance", "admin"},
    "/staff/disputes": {"finance", "admin"},
    "/staff/disputes/refunds": {"finance", "admin"},
    "/staff/differences": {"finance", "admin"},
}


@pytest.fixture
def numbers(session: Session) -> dict[str, Any]:
    """Something to see in every room; the ids that stand in addresses."""
    giver = session.get_one(Account, joins(session, clock.now()).account_id)
    pays(session, giver, clock.now())
    topics = [
        factories.add(
            session,
            Topic(
                slug=f"topic-{number}", language="en", title=f"Topic {number}", why="It matters."
            ),
        )
        for number in range(2)
    ]
    settled = factories.add(
        session,
        Round(
            title="What next?",
            state="settled",
            tie_seed="seed",
            opens_at=NOON,
            closes_at=NOON + timedelta(days=7),
        ),
    )
    session.add_all(RoundOption(round_id=settled.id, topic_id=topic.id) for topic in topics)
    session.add(
        Tally(
            round_id=settled.id,
            method="approval",
            version=1,
            ballots=3,
            digest="d",
            result={"votes": {str(topics[0].id): 3}, "winners": [topics[0].id], "trace": []},
        )
    )
    session.add(
        OutboxEmail(
            kind="receipt",
            recipient=giver.email,
            subject="donation:1",
            language="en",
            context={"secret": "Only the reader sees this"},
            state="failed",
            last_error="550 no such user",
        )
    )
    session.add(
        StripeEvent(
            id="evt_1",
            type="invoice.paid",
            object_id="in_1",
            payload={},
            state="failed",
            last_error="KeyError: 'lines'",
            created_at=NOON,
        )
    )
    session.flush()
    rollups.rebuild(session)
    return {"patron": giver.id, "topic": topics[0].id, "round": settled.id, "event": "evt_1"}


@pytest.mark.parametrize("role", ["reporter", "editor", "finance", "admin"])
@pytest.mark.parametrize("address", ROOMS)
def test_each_room_opens_for_its_roles(
    session: Session, signed_in: SignedIn, numbers: dict[str, Any], address: str, role: str
) -> None:
    """[S8]"""
    browser = signed_in(session, factories.staff(session, role))
    answer = browser.get(address.format(**numbers))
    assert answer.status_code == (200 if role in ROOMS[address] else 403)


@pytest.mark.parametrize("address", ROOMS)
def test_every_room_stands_empty(session: Session, signed_in: SignedIn, address: str) -> None:
    browser = signed_in(session, factories.staff(session, "admin"))
    expected = 404 if "{" in address else 200
    nowhere = dict.fromkeys(("patron", "topic", "round", "event"), 10**6)
    assert browser.get(address.format(**nowhere)).status_code == expected


@pytest.mark.parametrize("address", ROOMS)
def test_readers_stay_outside(
    session: Session,
    client: FlaskClient,
    signed_in: SignedIn,
    numbers: dict[str, Any],
    address: str,
) -> None:
    there = address.format(**numbers)
    sent_away = client.get(there)
    assert sent_away.status_code == 302
    assert "/sign-in" in sent_away.location
    assert signed_in(session, factories.patron(session)).get(there).status_code == 403


@pytest.mark.parametrize(
    "address",
    [
        "/staff/topics/approve",
        "/staff/topics/{topic}/approve",
        "/staff/topics/{topic}/edit",
        "/staff/topics/{topic}/reassign",
        "/staff/topics/{topic}/reject",
        "/staff/topics/{topic}/drop",
        "/staff/topics/{topic}/merge",
        "/staff/topics/{topic}/assign",
        "/staff/topics/{topic}/publish/1",
        "/staff/events/evt_1/again",
    ],
)
def test_changes_are_posts_of_the_right_role(
    session: Session, signed_in: SignedIn, numbers: dict[str, Any], address: str
) -> None:
    """[L23] GET never changes anything."""
    browser = signed_in(session, factories.staff(session, "reporter"))
    assert browser.post(address.format(**numbers)).status_code == 403
    assert browser.get(address.format(**numbers)).status_code == 405


def test_the_menu_shows_only_rooms_that_open(session: Session, signed_in: SignedIn) -> None:
    page = signed_in(session, factories.staff(session, "reporter")).get("/staff/").text
    assert 'href="/staff/"' in page
    assert 'href="/staff/patrons"' not in page


def test_every_look_at_a_patron_is_audited(
    session: Session, signed_in: SignedIn, numbers: dict[str, Any]
) -> None:
    """[S9]"""
    finance = factories.staff(session, "finance")
    browser = signed_in(session, finance)
    browser.get("/staff/patrons")
    browser.get(f"/staff/patrons/{numbers['patron']}")
    seen = session.execute(
        select(AuditEntry.action, AuditEntry.subject, AuditEntry.detail)
        .where(AuditEntry.actor_id == finance.id)
        .order_by(AuditEntry.id)
    ).all()
    assert seen == [
        ("patrons.listed", "patrons", {"accounts": [numbers["patron"]]}),
        ("patron.viewed", f"account:{numbers['patron']}", {}),
    ]


def test_the_mail_page_shows_reasons_and_no_texts(
    session: Session, signed_in: SignedIn, numbers: dict[str, Any]
) -> None:
    page = signed_in(session, factories.staff(session, "finance")).get("/staff/mail").text
    assert "550 no such user" in page
    assert "Only the reader sees this" not in page


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("/staff/mail?state=failed", True),
        ("/staff/mail?state=sent", False),
        ("/staff/mail?q=nobody", False),
        ("/staff/events?state=failed", True),
        ("/staff/events?state=processed", False),
        ("/staff/events?q=invoice", True),
        ("/staff/events?q=in_1", True),
        ("/staff/events?q=charge", False),
        ("/staff/events?before=2000-01-01T00:00:00%2B00:00,evt_0", False),
        ("/staff/events?before=nonsense", True),
    ],
)
def test_lists_filter(
    session: Session, signed_in: SignedIn, numbers: dict[str, Any], address: str, found: bool
) -> None:
    page = signed_in(session, factories.staff(session, "finance")).get(address).text
    assert (("550 no such user" in page) or ("KeyError" in page)) is found


def test_an_event_can_be_processed_again_once(
    session: Session, signed_in: SignedIn, numbers: dict[str, Any]
) -> None:
    browser = signed_in(session, factories.staff(session, "finance"))
    assert browser.post("/staff/events/evt_1/again").status_code == 303
    event = session.get_one(StripeEvent, "evt_1", populate_existing=True)
    assert (event.state, event.attempts) == ("pending", 0)
    browser.post("/staff/events/evt_1/again")
    again = select(AuditEntry).where(AuditEntry.action == "event.process_again")
    assert len(session.scalars(again).all()) == 1
    assert browser.post("/staff/events/evt_unknown/again").status_code == 404


def test_one_event_shows_its_state_and_error_and_nobody(
    session: Session, signed_in: SignedIn, numbers: dict[str, Any]
) -> None:
    """[S10] What the payload says of a person stays in it."""
    event = session.get_one(StripeEvent, "evt_1")
    event.payload = {
        "api_version": "2026-10-28.endive",
        "request": {"id": "req_1"},
        "data": {"object": {"object": "invoice", "customer_email": "reader@example.org"}},
    }
    session.flush()
    browser = signed_in(session, factories.staff(session, "finance"))
    assert 'href="/staff/events/evt_1"' in browser.get("/staff/events").text
    page = browser.get("/staff/events/evt_1").text
    for said in ("evt_1", "in_1", "failed", "KeyError", "2026-10-28.endive", "req_1", "invoice"):
        assert said in page
    assert "reader@example.org" not in page
    again = browser.post("/staff/events/evt_1/again", data={"page": "one"})
    assert (again.status_code, again.location) == (303, "/staff/events/evt_1")
    page = browser.get("/staff/events/evt_1").text
    assert "waiting" in page
    assert "/again" not in page
