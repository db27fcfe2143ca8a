"""The link of a receipt: what is given and the way out, without signing in."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import address_changes, audit
from membership.accounts.models import Account
from membership.billing import letters, links
from membership.billing.manage import acts, telling
from membership.billing.models import Leaving, Subscription, SubscriptionChange
from membership.db import transaction
from membership.mail.letters import compose
from membership.mail.models import OutboxEmail
from tests import factories
from tests.billing.manage.conftest import Patron
from tests.billing.reading import mails, row, rows
from tests.billing.test_letters import composed

NewPatron = Callable[..., Patron]


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    """Another browser, which is not signed in."""
    return app.test_client()


def link(patron: Patron) -> str:
    """The way of the link in the newest receipt."""
    mail = rows(patron.session, OutboxEmail, kind="receipt")[-1]
    mail.message_id = "<1@courier.example>"
    text = compose(mail).get_body(("plain",))
    assert text is not None
    (found,) = re.findall(r"http://localhost(/manage/\S+)", text.get_content())
    return str(found)


def test_cancelling_is_two_clicks_from_any_receipt(
    patron: NewPatron, stranger: FlaskClient
) -> None:
    """[L10]"""
    giver = patron(name="Olena")
    path = link(giver)
    page = stranger.get(path)
    assert page.status_code == 200
    assert "€5 on" in page.text
    answer = stranger.post(f"{path}/cancel")
    assert (answer.status_code, answer.location) == (303, path)
    assert giver.row.state == "cancel_scheduled"
    assert "Your support ends on" in stranger.get(path).text
    assert stranger.post(f"{path}/keep").status_code == 303
    assert giver.row.state == "active"


@pytest.mark.parametrize(("interval", "offered"), [("month", True), ("year", False)])
def test_its_page_speaks_of_a_pause_where_there_is_one(
    patron: NewPatron, stranger: FlaskClient, interval: str, offered: bool
) -> None:
    """[B10]"""
    giver = patron(interval=interval, amount="60")
    assert ("pause" in stranger.get(link(giver)).text) == offered


def test_looking_changes_nothing(patron: NewPatron, stranger: FlaskClient) -> None:
    """[L12] [L23] Scanners follow links; neither GET nor HEAD does anything."""
    giver = patron()
    path = link(giver)
    before = giver.at_stripe
    for _ in range(2):
        assert stranger.get(path).status_code == 200
        assert stranger.head(path).status_code == 200
    for act in ("cancel", "keep", "resume", "card", "why"):
        assert stranger.get(f"{path}/{act}").status_code == 405
    assert giver.at_stripe == before


def test_the_page_names_nobody_and_is_kept_by_nobody(
    patron: NewPatron, stranger: FlaskClient
) -> None:
    """[S7] [S10]"""
    giver = patron(name="Olena", number="4242424242424242")
    path = link(giver)
    for answer in (stranger.get(path), stranger.post(f"{path}/cancel"), stranger.get(path)):
        assert "Olena" not in answer.text
        assert "reader@example.org" not in answer.text
        assert "4242" not in answer.text
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex"


def test_a_card_is_changed_on_stripes_page_that_shows_nothing_else(
    patron: NewPatron, stranger: FlaskClient
) -> None:
    """[B12]"""
    giver = patron()
    path = link(giver)
    answer = stranger.post(f"{path}/card")
    assert answer.status_code == 303
    opened = giver.stripe.all("billing_portal.session")[-1]
    assert answer.location == opened["url"]
    assert opened["flow"]["type"] == "payment_method_update"
    assert opened["return_url"] == f"http://localhost{path}"


def test_why_is_asked_on_the_page_of_the_link_too(patron: NewPatron, stranger: FlaskClient) -> None:
    """[B10]"""
    giver = patron()
    path = link(giver)
    assert stranger.post(f"{path}/why", data={"reason": "cost"}).status_code == 303
    assert giver.session.query(Leaving).count() == 0
    stranger.post(f"{path}/cancel")
    assert "Would you tell us why?" in stranger.get(path).text
    assert stranger.post(f"{path}/why", data={"reason": "nonsense"}).status_code == 422
    stranger.post(f"{path}/why", data={"reason": "elsewhere"})
    assert [each.reason for each in giver.session.query(Leaving)] == ["elsewhere"]
    assert "Would you tell us why?" not in stranger.get(path).text


def test_the_link_of_a_deleted_account_opens_nothing(
    patron: NewPatron, stranger: FlaskClient
) -> None:
    """[S11]"""
    giver = patron()
    path = link(giver)
    row(giver.session, Account).deleted_at = clock.now()
    giver.session.flush()
    for answer in (stranger.get(path), stranger.post(f"{path}/cancel")):
        assert answer.status_code == 404
        assert answer.headers["X-Robots-Tag"] == "noindex"
    assert giver.row.state == "active"


def test_what_is_not_possible_is_said(patron: NewPatron, stranger: FlaskClient) -> None:
    giver = patron()
    path = link(giver)
    answer = stranger.post(f"{path}/keep")
    assert answer.status_code == 409
    assert "goes on as agreed" in answer.text
    giver.stripe.sandbox("faults", api_error_rate=1.0)
    for act in ("cancel", "card"):
        answer = stranger.post(f"{path}/{act}")
        assert answer.status_code == 503
        assert "did not answer" in answer.text
    assert giver.row.state == "active"


def test_a_pause_ends_by_the_link_in_its_mail(patron: NewPatron, stranger: FlaskClient) -> None:
    """[B10]"""
    giver = patron()
    acts.pause(giver.row.id, 2, giver.agreement.seen)
    path = link(giver)
    assert "Go on now" in stranger.get(path).text
    assert stranger.post(f"{path}/resume").status_code == 303
    assert giver.row.state == "active"


def test_who_owes_a_payment_can_mend_or_leave(patron: NewPatron, stranger: FlaskClient) -> None:
    """[L2]"""
    giver = patron()
    path = link(giver)
    giver.fail_next_charge()
    page = stranger.get(path).text
    assert "Fix the card" in page
    assert "end it now" in page
    stranger.post(f"{path}/cancel")
    assert giver.row.state == "ended"
    assert "Begin again" in stranger.get(path).text


@pytest.mark.parametrize("broken", ["x", "x.y.z", ""])
def test_a_broken_link_opens_nothing(session: Session, client: FlaskClient, broken: str) -> None:
    answer = client.get(f"/manage/{broken}")
    assert answer.status_code == 404


def test_a_link_for_something_else_opens_nothing(session: Session, client: FlaskClient) -> None:
    """A link opens one thing only; nor does one whose row is gone."""
    given = factories.subscription(session, factories.account(session))
    for token in (links.token("mend", given.id), links.token("manage", given.id + 1)):
        answer = client.get(f"/manage/{token}")
        assert answer.status_code == 404
        assert "lost a letter" in answer.text
    assert client.get(f"/manage/{links.token('manage', given.id)}").status_code == 200


def test_a_link_ends_when_the_account_has_another_address(
    session: Session, client: FlaskClient
) -> None:
    """[S5] Whoever reads the old mailbox ends nobody's support; links of later mails open."""
    reader = factories.account(session)
    path = f"/manage/{links.token('manage', factories.subscription(session, reader).id)}"
    change_address(reader, clock.now() - timedelta(days=1))
    assert client.get(path).status_code == 200
    change_address(reader, clock.now() + timedelta(seconds=5))
    for answer in (client.get(path), client.post(f"{path}/cancel")):
        assert answer.status_code == 404
        assert "Sign in instead" in answer.text
    assert row(session, Subscription).state == "active"


def change_address(reader: Account, at: datetime) -> None:
    """As far as a link looks."""
    with clock.fixed(at), transaction() as session:
        audit.record(session, address_changes.CHANGED, f"account:{reader.id}", actor_id=reader.id)


def test_a_form_from_elsewhere_is_refused(
    app: Flask, session: Session, client: FlaskClient
) -> None:
    """[S6]"""
    given = factories.subscription(session, factories.account(session))
    app.config["WTF_CSRF_ENABLED"] = True
    token = links.token("manage", given.id)
    assert client.post(f"/manage/{token}/cancel").status_code == 400
    assert row(session, Subscription).state == "active"


def test_a_gift_that_does_not_repeat_has_no_such_link(session: Session) -> None:
    reader = factories.account(session)
    donation = factories.donation(session, reader)
    letters.receipt(session, reader, donation, "once")
    _, text, html = composed(session, "receipt")
    assert "/manage/" not in text + html


@pytest.mark.parametrize("language", ["en", "uk"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("active", 400), ("active", 800)),
        (("active", 400), ("paused", 400)),
        (("paused", 400), ("active", 400)),
        (("active", 400), ("cancel_scheduled", 400)),
        (("active", 400), ("ended", 400)),
        (("cancel_scheduled", 400), ("active", 400)),
    ],
)
@pytest.mark.parametrize("by_staff", [False, True])
def test_each_change_is_told_in_one_letter_with_one_link(
    session: Session,
    language: str,
    before: tuple[str, int],
    after: tuple[str, int],
    by_staff: bool,
) -> None:
    """[M7] [S10] [L16] Neutral outside, whole inside, and the way to undo it."""
    reader = factories.account(session, language=language, name="Olena")
    given = factories.subscription(
        session, reader, state=after[0], amount_minor=after[1],
        resumes_at=factories.NOON.replace(month=5, day=1) if after[0] == "paused" else None,
        end_reason="voluntary" if after[0] == "ended" else None,
    )  # fmt: skip
    change = factories.add(
        session,
        SubscriptionChange(
            subscription_id=given.id, from_state=before[0], to_state=after[0],
            from_amount_minor=before[1], to_amount_minor=after[1], currency="EUR",
            from_interval="month", to_interval="month",
        ),
    )  # fmt: skip
    for _ in range(2):
        telling.tell(session, given, change, by_staff=by_staff)
    ((kind, _recipient),) = mails(session)
    letter, text, html = composed(session, kind)
    (found,) = re.findall(r"https?://\S+", text)
    assert len(re.findall(r"<a [^>]*href", html)) == 1
    assert links.subject("manage", found.rpartition("/")[2]) == given.id
    assert ("/uk/manage/" in found) == (language == "uk")
    assert "Courier" not in letter["Subject"]
    assert not re.search(r"[0-9€]", letter["Subject"])
    if language == "en" and after[0] in ("active", "paused"):
        sum_, day = f"€{after[1] // 100}", "2 May" if after[0] == "paused" else "2 April"
        for part in (text, html):
            assert f"{sum_} on {day} 2026" in part


def test_a_deleted_account_is_told_nothing(session: Session) -> None:
    reader = factories.account(session, deleted_at=factories.NOON)
    given = factories.subscription(session, reader, state="ended", end_reason="voluntary")
    change = SubscriptionChange(
        subscription_id=given.id, from_state="active", to_state="ended", to_amount_minor=400,
        from_amount_minor=400, currency="EUR",
    )  # fmt: skip
    telling.tell(session, given, factories.add(session, change), by_staff=False)
    assert mails(session) == []
