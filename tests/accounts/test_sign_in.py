"""Signing in by the link or the code of a mail."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from membership import clock
from membership.accounts import accounts, sign_in_requests
from membership.accounts.models import AuditEntry, SignIn, SignInRequest
from membership.db import transaction
from tests import factories
from tests.accounts import mailbox
from tests.pages import without_tokens

READER = "olena@example.org"
STRANGER = "stranger@example.org"


def ask(browser: FlaskClient, email: str = READER, **fields: str) -> TestResponse:
    return browser.post("/sign-in", data={"email": email} | fields, follow_redirects=True)


def newest(address: str = READER):  # type: ignore[no-untyped-def]
    return mailbox.all_to(address)[-1]


def is_signed_in(browser: FlaskClient) -> bool:
    return browser.get("/account/profile").status_code == 200


def sign_ins(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(SignIn)) or 0


def test_the_link_shows_a_button_and_the_button_signs_in(
    session: Session, client: FlaskClient
) -> None:
    """[S2] The first sign-in proves the address."""
    reader = factories.account(session, email=READER, verified_at=None)
    assert "Look in your mail" in ask(client).text
    page = client.get(mailbox.link(newest()))
    assert re.search(r'<form[^>]* method="post"', page.text)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert not is_signed_in(client)
    answer = client.post(mailbox.link(newest()))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert is_signed_in(client)
    session.refresh(reader)
    assert reader.verified_at is not None


def test_a_scanner_uses_nothing_up(session: Session, client: FlaskClient, app: Flask) -> None:
    """[L12] GET and HEAD, in whatever browser, never consume."""
    factories.account(session, email=READER)
    ask(client)
    link = mailbox.link(newest())
    for browser in (app.test_client(), client):
        for _ in range(3):
            browser.get(link)
            browser.head(link)
    assert sign_ins(session) == 0
    assert client.post(link).status_code == 303
    assert is_signed_in(client)


def test_a_link_works_once(session: Session, client: FlaskClient) -> None:
    factories.account(session, email=READER)
    ask(client)
    link = mailbox.link(newest())
    client.post(link)
    assert client.post(link).headers["Location"] == "/account", "who is in stays in"
    client.post("/sign-out")
    assert client.post(link).status_code == 410
    assert sign_ins(session) == 1


def test_link_and_code_work_for_ten_minutes(session: Session, client: FlaskClient) -> None:
    """[S2] And the mail itself is not sent any later."""
    factories.account(session, email=READER)
    asked_at = clock.now()
    with clock.fixed(asked_at):
        ask(client)
    link, code = mailbox.link(newest()), mailbox.code(newest())
    assert newest().not_after_at == asked_at + timedelta(minutes=10)
    with clock.fixed(asked_at + timedelta(minutes=10)):
        assert client.get(link).status_code == 410
        assert client.post(link).status_code == 410
        answer = client.post("/sign-in/code", data={"code": code})
        assert answer.status_code == 400
        assert "older than ten minutes" in answer.text
    with clock.fixed(asked_at + timedelta(minutes=9, seconds=59)):
        assert client.post(link).status_code == 303


def test_a_link_works_where_it_was_asked_for(
    session: Session, client: FlaskClient, app: Flask
) -> None:
    """[S2] Another browser is told so, plainly, and cannot sign in."""
    factories.account(session, email=READER)
    ask(client)
    link, code = mailbox.link(newest()), mailbox.code(newest())
    other = app.test_client()
    for answer in (other.get(link), other.post(link)):
        assert answer.status_code == 403
        assert "Open it in the browser where you asked" in answer.text
    ask(other, STRANGER)
    assert other.post("/sign-in/code", data={"code": code}).status_code == 400
    assert sign_ins(session) == 0
    assert client.post(link).status_code == 303


def test_the_code_signs_in(session: Session, client: FlaskClient) -> None:
    """[S2] Typed with a gap, as people do."""
    factories.account(session, email=READER)
    ask(client)
    code = mailbox.code(newest())
    answer = client.post("/sign-in/code", data={"code": f" {code[:3]} {code[3:]} "})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert is_signed_in(client)
    assert client.post(mailbox.link(newest())).headers["Location"] == "/account"
    assert sign_ins(session) == 1, "code and link are one request"


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_five_tries(session: Session, client: FlaskClient) -> None:
    """[S2] The right code helps no more after five wrong ones; a new mail does."""
    factories.account(session, email=READER)
    ask(client)
    code = mailbox.code(newest())
    said = [client.post("/sign-in/code", data={"code": wrong(code)}) for _ in range(5)]
    assert ["tried too often" in answer.text for answer in said] == [False] * 4 + [True]
    assert client.post("/sign-in/code", data={"code": code}).status_code == 400
    assert sign_ins(session) == 0
    ask(client)
    assert client.post("/sign-in/code", data={"code": mailbox.code(newest())}).status_code == 303


@pytest.mark.parametrize("address", [READER, STRANGER])
def test_guessing_with_ever_new_codes_ends_for_the_day(
    session: Session, app: Flask, address: str
) -> None:
    """[S2] After twenty wrong codes only the link works; a stranger's address looks the same."""
    factories.account(session, email=READER)
    start = clock.now()
    for round_ in range(5):
        with clock.fixed(start + round_ * timedelta(minutes=16)):
            guesser = app.test_client()
            ask(guesser, address)
            said = [guesser.post("/sign-in/code", data={"code": "x"}).text for _ in range(4)]
        assert "tried too often" not in said[-1]
    with clock.fixed(start + timedelta(minutes=90)):
        owner = app.test_client()
        ask(owner, READER)
        code, link = mailbox.code(newest()), mailbox.link(newest())
        is_guessed_at = address == READER
        answer = owner.post("/sign-in/code", data={"code": code})
        assert answer.status_code == (400 if is_guessed_at else 303)
        assert owner.post(link).status_code == 303


def test_the_fifth_try_counts(session: Session, client: FlaskClient) -> None:
    factories.account(session, email=READER)
    ask(client)
    code = mailbox.code(newest())
    for _ in range(4):
        client.post("/sign-in/code", data={"code": wrong(code)})
    assert client.post("/sign-in/code", data={"code": code}).status_code == 303


def test_a_code_without_having_asked_leads_to_asking(session: Session, client: FlaskClient) -> None:
    answer = client.post("/sign-in/code", data={"code": "123456"})
    assert answer.headers["Location"] == "/sign-in"


def same_for_all(page: str, address: str) -> str:
    """A page without the address that was typed and the token of its form."""
    return without_tokens(page).replace(address, "…")


def test_known_and_unknown_addresses_get_the_same_answer(
    session: Session, engine: Engine, app: Flask, client: FlaskClient
) -> None:
    """[S3] The same page, the same statements, a row and a mail either way."""
    factories.account(session, email=READER)
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    seen = []
    for address in (READER, STRANGER):
        browser = app.test_client()
        statements.clear()
        event.listen(engine, "before_cursor_execute", note)
        asked = browser.post("/sign-in", data={"email": address})
        event.remove(engine, "before_cursor_execute", note)
        page = browser.get(asked.headers["Location"])
        tried = browser.post("/sign-in/code", data={"code": "000000"})
        seen.append(
            [
                [statement for statement in statements if "SAVEPOINT" not in statement],
                asked.status_code,
                asked.headers["Location"],
                page.status_code,
                same_for_all(page.text, address),
                tried.status_code,
                same_for_all(tried.text, address),
            ]
        )
        assert len(mailbox.all_to(address)) == 1
    assert statements
    assert seen[0] == seen[1]
    assert session.scalar(select(func.count()).select_from(SignInRequest)) == 2


def test_a_stranger_is_told_by_mail_how_to_become_a_patron(
    session: Session, client: FlaskClient
) -> None:
    """[S3] Who has no account learns it in the mail, and nobody else anywhere."""
    ask(client, STRANGER)
    mail = newest(STRANGER)
    assert mail.kind == "sign_in_unknown"
    assert "there is no account with this address" in mailbox.text(mail)
    assert "http://localhost/support" in mailbox.text(mail)
    assert accounts.find(session, STRANGER) is None


def test_the_database_knows_neither_link_nor_code(session: Session, client: FlaskClient) -> None:
    """[S2] Only hashes are stored; what the outbox keeps is worth nothing without the key."""
    factories.account(session, email=READER)
    ask(client)
    link, code = mailbox.link(newest()), mailbox.code(newest())
    request = session.scalars(select(SignInRequest)).one()
    client.post(link)
    row = session.scalars(select(SignIn)).one()
    stored = repr([vars(each) for each in (newest(), request, row)])
    with client.session_transaction() as cookie:
        token = cookie["_user_id"]
    for secret in (link.rpartition("/")[2], code, token):
        assert secret not in stored


def test_too_many_mails_are_not_sent_and_not_admitted(
    session: Session, client: FlaskClient, app: Flask
) -> None:
    """[S3] Five in a quarter of an hour from a browser, ten for an address; one page."""
    start = clock.now()
    with clock.fixed(start):
        pages = {same_for_all(ask(client).text, READER) for _ in range(7)}
        assert len(mailbox.all_to(READER)) == 5
        assert len(pages) == 1
        ask(client, STRANGER)
        assert mailbox.all_to(STRANGER) == [], "the browser has asked enough"
        for _ in range(7):
            ask(app.test_client(), READER.upper())
        assert len(mailbox.all_to(READER)) == 10, "the address has been written to enough"
        ask(app.test_client(), STRANGER)
        assert len(mailbox.all_to(STRANGER)) == 1
    with clock.fixed(start + timedelta(minutes=16)):
        ask(client)
        assert len(mailbox.all_to(READER)) == 11


@pytest.mark.parametrize("typed", ["", "olena", "olena@", "a@example.org\r\nBcc: b@example.org"])
def test_what_is_no_address_is_said_beside_the_field(
    session: Session, client: FlaskClient, typed: str
) -> None:
    answer = client.post("/sign-in", data={"email": typed})
    assert answer.status_code == 400
    assert 'id="email-error"' in answer.text
    assert session.scalars(select(SignInRequest)).all() == []


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("/topics?page=2", "/topics?page=2"),
        ("/uk/support", "/uk/support"),
        ("", "/account"),
        ("https://evil.example/", "/account"),
        ("//evil.example/", "/account"),
        ("/\\evil.example/", "/account"),
        ("/\t/evil.example/", "/account"),
        ("/a\r\nSet-Cookie: x=1", "/account"),
        ("topics", "/account"),
        ("javascript:alert(1)", "/account"),
        ("/" + "a" * 500, "/account"),
    ],
)
def test_one_is_sent_on_to_a_page_of_this_site_only(
    session: Session, client: FlaskClient, wanted: str, got: str
) -> None:
    factories.account(session, email=READER)
    ask(client, next=wanted)
    assert client.post(mailbox.link(newest())).headers["Location"] == got


def test_who_must_sign_in_comes_back_to_the_page(session: Session, client: FlaskClient) -> None:
    factories.account(session, email=READER)
    answer = client.get("/uk/account/profile?from=mail")
    where = answer.headers["Location"]
    assert where.startswith("/uk/sign-in?next=/uk/account/profile")
    page = client.get(where)
    (wanted,) = re.findall(r'name="next"[^>]* value="([^"]*)"', page.text)
    ask(client, next=wanted)
    answer = client.post(mailbox.link(newest()))
    assert answer.headers["Location"] == "/uk/account/profile?from=mail"


def test_the_mail_speaks_the_language_of_its_reader(session: Session, client: FlaskClient) -> None:
    factories.account(session, email=READER, language="uk")
    ask(client)
    assert newest().language == "uk"
    assert mailbox.link(newest()).startswith("/uk/sign-in/")
    client.post("/uk/sign-in", data={"email": STRANGER})
    assert newest(STRANGER).language == "uk", "a stranger's page says which"


def test_staff_signing_in_is_written_down(session: Session, client: FlaskClient) -> None:
    """[S9] And they begin in the back office."""
    editor = factories.staff(session, email=READER)
    ask(client)
    assert client.post(mailbox.link(newest())).headers["Location"] == "/staff/"
    entry = session.scalars(select(AuditEntry)).one()
    assert (entry.action, entry.actor_id) == ("staff_signed_in", editor.id)


@pytest.mark.parametrize("by", ["link", "code"])
def test_two_presses_at_once_are_one_sign_in(app: Flask, committed: Engine, by: str) -> None:
    """[S2] The conditional update decides, whatever the server's threads do."""
    app.config["WTF_CSRF_ENABLED"] = False
    with transaction() as session:
        factories.account(session, email=READER)
    browser = app.test_client()
    ask(browser)
    cookie = browser.get_cookie("session")
    assert cookie is not None
    path, data = mailbox.link(newest()), {}
    if by == "code":
        path, data = "/sign-in/code", {"code": mailbox.code(newest())}
    together = Barrier(6)

    def press(_: int) -> int:
        same = app.test_client()
        same.set_cookie("session", cookie.value)
        together.wait()
        return same.post(path, data=data).status_code

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(press, range(6)))
    assert answers.count(303) == 1
    with transaction() as session:
        assert sign_ins(session) == 1


def test_what_counts_no_more_is_forgotten(session: Session, client: FlaskClient) -> None:
    """[S10] Neither requests nor the mails to strangers stay longer than a day."""
    start = clock.now()
    with clock.fixed(start):
        ask(client, STRANGER)
    sign_in_requests.forget_old(session)
    assert len(mailbox.all_to(STRANGER)) == 1
    with clock.fixed(start + timedelta(hours=25)):
        sign_in_requests.forget_old(session)
    assert mailbox.all_to(STRANGER) == []
    assert session.scalars(select(SignInRequest)).all() == []
