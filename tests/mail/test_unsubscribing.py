"""Leaving a kind of mail, or all of them for a while, by the link that each of them carries."""

import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask, current_app
from flask.testing import FlaskClient
from itsdangerous import URLSafeSerializer
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from membership import clock
from membership.accounts import sign_in_requests
from membership.billing.defence import passes
from membership.mail import hidden, refusals
from membership.mail.models import OutboxEmail
from tests.mail import mails

ADDRESS = "reader1@example.org"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def mail_program(app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """What posts by itself: it has no cookie and no CSRF token, and the site insists on both."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    return app.test_client(use_cookies=False)


def link(session: Session) -> str:
    mails.put(1, "news")
    return f"/unsubscribe/{refusals.unsubscribe_token(mails.rows()[0].id)}"


def press(browser: FlaskClient, url: str, act: str, **fields: str) -> TestResponse:
    """A button of the page leads back to the page, so that Back and reload ask for nothing."""
    answer = browser.post(url, data={"act": act} | fields)
    assert (answer.status_code, answer.location) == (303, f"{url}?done={act}")
    assert "Set-Cookie" not in answer.headers
    return browser.get(answer.location)


def heading(page: TestResponse) -> str:
    (found,) = re.findall(r"<h1[^>]*>([^<]*)</h1>", page.text)
    return str(found)


def test_looking_changes_nothing(session: Session, mail_program: FlaskClient) -> None:
    """[L23][M6] Scanners follow links: GET, HEAD and OPTIONS change nothing."""
    url = link(session)
    for _ in range(2):
        page = mail_program.get(url)
        assert page.status_code == 200
        assert "News of the house" in page.text
        assert re.search(r'<form[^>]* method="post"', page.text)
        assert mail_program.head(url).status_code == 200
        assert mail_program.options(url).status_code == 200
    assert refusals.refused(session, ADDRESS) == set()
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_one_click_unsubscribes_and_may_be_repeated(
    session: Session, mail_program: FlaskClient
) -> None:
    """[M6] RFC 8058: POST without sign-in, cookie or CSRF token; it sets no cookie either."""
    url = link(session)
    for _ in range(2):
        page = mail_program.post(url, data={"List-Unsubscribe": "One-Click"})
        assert page.status_code == 200
        assert "Set-Cookie" not in page.headers
    assert refusals.refused(session, ADDRESS) == {"news"}


def test_the_page_offers_the_way_back(session: Session, mail_program: FlaskClient) -> None:
    """[M6] A slip is undone by the same link, as often as one likes."""
    url = link(session)
    assert 'value="undo"' in mail_program.post(url).text
    # Whoever comes back later sees that it holds.
    assert 'value="undo"' in mail_program.get(url).text
    for _ in range(2):
        page = press(mail_program, url, "undo")
        assert "mails of this kind come again." in page.text
        assert 'value="refuse"' in page.text
        assert "Set-Cookie" not in page.headers
    assert refusals.refused(session, ADDRESS) == set()


def test_nothing_at_all_for_three_months(session: Session, mail_program: FlaskClient) -> None:
    """[M8] From the link of one mail, with the day on which it ends; and it can be ended."""
    url = link(session)
    with clock.fixed(NOW):
        page = press(mail_program, url, "pause", length="90")
        assert heading(page) == "Our mails are paused"
        assert "31 May 2026" in page.text
        assert "Nothing but what you need to have comes now." in page.text
        assert "You get mails of this kind" not in page.text
        paused = refusals.find_pause(session, ADDRESS)
        assert paused is not None
        assert paused.until_at == NOW + timedelta(days=90)
        assert refusals.refused(session, ADDRESS) == set()
        page = press(mail_program, url, "resume")
        assert heading(page) == "No more of these mails?"
        assert "the pause is over" in page.text
        assert refusals.find_pause(session, ADDRESS) is None


def test_nothing_at_all_until_further_notice(session: Session, mail_program: FlaskClient) -> None:
    """[M8] Without an end, beside a kind that stays refused."""
    url = link(session)
    mail_program.post(url)
    page = press(mail_program, url, "pause", length="always")
    assert 'value="resume"' in page.text
    assert 'value="undo"' in page.text
    assert "Our mails are paused" in page.text
    paused = refusals.find_pause(session, ADDRESS)
    assert paused is not None
    assert paused.until_at is None
    assert refusals.refused(session, ADDRESS) == {"news"}


def test_a_mistake_taken_back_during_a_pause_promises_nothing_now(
    session: Session, mail_program: FlaskClient
) -> None:
    """[M8] The kind comes again, but not before the pause is over."""
    url = link(session)
    refusals.pause(session, ADDRESS, None)
    assert heading(press(mail_program, url, "refuse")) == "Done"
    page = press(mail_program, url, "undo")
    assert heading(page) == "Our mails are paused"
    assert "come again when the pause is over" in page.text
    assert refusals.refused(session, ADDRESS) == set()


def test_what_was_done_is_said_only_while_it_holds(
    session: Session, mail_program: FlaskClient
) -> None:
    """[M8] The page's address may be kept, or be sent on."""
    url = link(session)
    for done in ("pause", "nonsense"):
        assert "notice" not in mail_program.get(f"{url}?done={done}").text
    refusals.refuse(session, ADDRESS, "news")
    refusals.pause(session, ADDRESS, None)
    for done in ("undo", "resume"):
        assert "notice" not in mail_program.get(f"{url}?done={done}").text


@pytest.mark.parametrize(
    "sent", [{"act": "everything"}, {"act": "pause"}, {"act": "pause", "length": "2"}]
)
def test_what_no_button_sends_changes_nothing(
    session: Session, mail_program: FlaskClient, sent: dict[str, str]
) -> None:
    url = link(session)
    page = mail_program.post(url, data=sent)
    assert page.status_code == 400
    assert refusals.refused(session, ADDRESS) == set()
    assert refusals.find_pause(session, ADDRESS) is None


def test_a_mail_that_must_come_is_not_promised_away(
    session: Session, mail_program: FlaskClient
) -> None:
    """[M4] The page says that sign-in mails and receipts come all the same."""
    assert "Sign-in mails, receipts" in mail_program.post(link(session)).text


def test_who_reads_without_an_account_is_not_sent_to_sign_in(
    session: Session, mail_program: FlaskClient
) -> None:
    """[M8] What one asks for comes to readers who have no payments here."""
    mails.put(1, "newsletter")
    url = f"/unsubscribe/{refusals.unsubscribe_token(mails.rows()[0].id)}"
    page = mail_program.get(url).text
    main = page[page.index("<main") : page.index("</main>")]
    assert "/account" not in main
    assert "your own payments" not in main


def test_a_broken_link_leaves_other_ways(session: Session, mail_program: FlaskClient) -> None:
    """[M6] Whoever wants no more of our mails is not sent to the stories instead."""
    token = link(session).rpartition("/")[2]
    for page in (
        mail_program.get(f"/unsubscribe/{token[:-1]}"),
        mail_program.post("/unsubscribe/1"),
    ):
        assert page.status_code == 404
        assert "mailto:post@courier.example" in page.text
        assert 'href="/account/mail"' in page.text


def test_a_link_that_is_not_ours_changes_nothing(
    session: Session, mail_program: FlaskClient
) -> None:
    """[L23] Cut, lengthened, guessed, or of a mail that may not be refused."""
    url = link(session)
    token = url.rpartition("/")[2]
    mails.put(2, "letter")
    letter = refusals.unsubscribe_token(mails.rows()[1].id)
    other = refusals.unsubscribe_token(mails.rows()[0].id + 1)
    swapped = other[:11] + token[11:]
    for wrong in (token[:-1], token + "x", "1", "ґ" * 32, "." * 32, swapped, "=" * 32, letter):
        assert mail_program.post(f"/unsubscribe/{wrong}").status_code == 404
    assert refusals.refused(session, ADDRESS) == set()


def test_the_link_of_an_older_release_works(session: Session, mail_program: FlaskClient) -> None:
    """[M6] Tokens live at least a year: those of mails sent before stay good."""
    mails.put(1, "news")
    signer = URLSafeSerializer(str(current_app.config["SECRET_KEY"]), salt="unsubscribe")
    token = signer.dumps(mails.rows()[0].id)
    assert mail_program.post(f"/unsubscribe/{token}").status_code == 200
    assert refusals.refused(session, ADDRESS) == {"news"}
    assert mail_program.post(f"/unsubscribe/{token}x").status_code == 404


def test_what_is_forgotten_is_never_a_mail_with_such_a_link(session: Session) -> None:
    """[M6] The link needs the mail's row: after years, forgetting has taken no bulk mail."""
    mails.put(1, "news")
    mails.put(2, "sign_in", context={"nonce": "of a test"})
    session.execute(update(OutboxEmail).values(created_at=NOW - timedelta(days=3650)))
    sign_in_requests.forget_old(session)
    passes.forget_old(session)
    assert [row.kind for row in mails.rows()] == ["news"]


def test_the_link_tells_nobody_the_address(session: Session) -> None:
    """[S10] Not even base64: it will stand in the logs of others."""
    mails.put(1, "news")
    (row,) = mails.rows()
    token = refusals.unsubscribe_token(row.id)
    assert len(token) == hidden.LETTERS
    assert b"reader" not in urlsafe_b64decode(token)


def test_two_links_do_not_tell_how_many_mails_lie_between(session: Session) -> None:
    """[V4] Reminders of a vote stand in a row: it would be how many have not voted."""
    said = [urlsafe_b64decode(refusals.unsubscribe_token(number)) for number in range(1, 51)]
    for part in (slice(4), slice(4, 8), slice(8, None)):
        seen = [each[part] for each in said]
        assert len(set(seen)) == len(said)
        assert seen not in (sorted(seen), sorted(seen, reverse=True))
