"""Asking for the weekly letter by mail, and saying yes."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import belongings
from membership.accounts.models import Account
from membership.billing import forgetting
from membership.mail import kinds, refusals, suppression
from membership.mail.models import MailRefusal, OutboxEmail, Suppression
from membership.newsletter import asking, readers
from membership.newsletter.models import NewsletterReader
from membership.newsletter.readers import NEWSLETTER
from tasks import newsletter as tasks
from tests import factories
from tests.accounts import mailbox
from tests.articles.reading import counted
from tests.newsletter.steps import ADDRESS, ask, confirmed, link, link_in, reader

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


def test_a_reader_asks_and_says_yes(session: Session, client: FlaskClient) -> None:
    """[M8] Nobody gets the letter before the address has been proven."""
    article = factories.article(session)
    now = clock.now()
    with clock.fixed(now):
        answer = ask(client, article=article.slug)
    assert "Look in your mail" in answer.text
    asked = reader(session)
    assert asked is not None
    assert (asked.confirmed_at, asked.article_id, asked.language) == (None, article.id, "en")
    assert not readers.is_subscribed(session, ADDRESS)
    (mail,) = mailbox.all_to(ADDRESS)
    assert mail.kind == "newsletter_confirm"
    assert mail.not_after_at == now + timedelta(days=2)
    page = client.get(link())
    assert re.search(r'<form[^>]* method="post"', page.text)
    for _ in range(2):
        answer = client.post(link(), follow_redirects=True)
        assert "The stories are coming" in answer.text
    assert readers.is_subscribed(session, ADDRESS)


def test_scanners_change_nothing(session: Session, client: FlaskClient, app: Flask) -> None:
    """[L12] [L23] GET and HEAD of the link, in whatever browser, confirm nobody."""
    ask(client)
    for browser in (app.test_client(), client):
        for _ in range(2):
            page = browser.get(link())
            browser.head(link())
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert not readers.is_subscribed(session, ADDRESS)


def test_every_address_gets_the_same_answer(
    session: Session, client: FlaskClient, engine: Engine
) -> None:
    """[S3] New, asked, confirmed, unsubscribed, suppressed, or a patron's: page and statements."""
    waiting, known = "waiting@example.org", "known@example.org"
    gone, bounced = "gone@example.org", "bounced@example.org"
    factories.add(session, NewsletterReader(address=waiting, language="en"))
    confirmed(session, known)
    confirmed(session, gone)
    refusals.refuse(session, gone, NEWSLETTER)
    session.add(Suppression(address=bounced, reason="hard_bounce"))
    patron = factories.patron(session).email
    addresses = ("new@example.org", waiting, known, gone, bounced, patron)
    answers, statements = set(), set()
    for address in addresses:
        with counted(engine) as asked:
            answer = ask(client, address)
        answers.add((answer.status_code, answer.text))
        statements.add(tuple(asked))
        assert [mail.kind for mail in mailbox.all_to(address)] == ["newsletter_confirm"]
    assert len(answers) == 1
    assert len(statements) == 1


def test_an_address_is_written_to_a_few_times_a_day(session: Session, client: FlaskClient) -> None:
    """[S3] Then nothing is sent, and the answer is still the same."""
    answers = {ask(client).text for _ in range(asking.MOST_OF_ADDRESS + 2)}
    assert len(answers) == 1
    assert len(mailbox.all_to(ADDRESS)) == asking.MOST_OF_ADDRESS
    with clock.fixed(clock.now() + timedelta(days=1, hours=1)):
        ask(client)
    assert len(mailbox.all_to(ADDRESS)) == asking.MOST_OF_ADDRESS + 1


def test_a_network_asks_for_so_many_addresses_an_hour(
    session: Session, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[S10] What is kept of the network is a keyed hash, in a mail that is soon forgotten."""
    monkeypatch.setattr(asking, "MOST_OF_NETWORK", 3)
    neighbours = [{"REMOTE_ADDR": f"192.0.2.{number}"} for number in range(4)]
    answers = [
        client.post(
            "/newsletter", data={"email": f"reader{number}@example.org"}, environ_base=neighbour
        )
        for number, neighbour in enumerate(neighbours)
    ]
    assert [answer.status_code for answer in answers] == [303, 303, 303, 429]
    assert "from your network" in answers[-1].text
    assert 'value="reader3@example.org"' in answers[-1].text
    assert not mailbox.all_to("reader3@example.org")
    (mail,) = mailbox.all_to("reader0@example.org")
    assert "192.0.2" not in str(mail.context)
    elsewhere = {"REMOTE_ADDR": "198.51.100.1"}
    answer = client.post("/newsletter", data={"email": ADDRESS}, environ_base=elsewhere)
    assert answer.status_code == 303


def test_a_wrong_address_is_said_beside_the_field(session: Session, client: FlaskClient) -> None:
    for page in ("/newsletter", "/newsletter/begin"):
        for wrong in ("", "olena", "a@b@c", "olena@example.org\nBcc: x@example.org"):
            answer = client.post(page, data={"email": wrong})
            assert answer.status_code == 400
            assert "field-error" in answer.text
    assert session.scalars(select(NewsletterReader)).all() == []


def test_a_link_lives_a_week(session: Session, client: FlaskClient) -> None:
    """[M8] Then its page says so and shows the way to a new one."""
    ask(client)
    old = link()
    asked_at = mailbox.all_to(ADDRESS)[-1].created_at
    with clock.fixed(asked_at + WEEK - SECOND):
        assert client.get(old).status_code == 200
    with clock.fixed(asked_at + WEEK + SECOND):
        assert client.get(old).status_code == 410
        answer = client.post(old)
        assert answer.status_code == 410
        assert 'href="/newsletter"' in answer.text
    assert not readers.is_subscribed(session, ADDRESS)


def test_a_link_that_is_not_ours_confirms_nobody(session: Session, client: FlaskClient) -> None:
    ask(client)
    ask(client, "other@example.org")
    mine, other = link(), link("other@example.org")
    said, proof = mine.rpartition(".")[0], other.rpartition(".")[2]
    for wrong in (mine[:-1], mine + "x", f"{said}.{proof}", "/newsletter/confirm/1"):
        assert client.post(wrong).status_code == 410
    assert session.scalars(select(NewsletterReader.confirmed_at)).all() == [None, None]


def test_asking_again_after_unsubscribing_takes_the_no_back(
    session: Session, client: FlaskClient
) -> None:
    """[M8] By the new mail's link alone: a no holds against a link from before it."""
    ask(client)
    first = link()
    client.post(first)
    now = clock.now()
    session.add(MailRefusal(address=ADDRESS, kind=NEWSLETTER, created_at=now + SECOND))
    session.flush()
    assert not readers.is_subscribed(session, ADDRESS)
    assert client.post(first).status_code == 410
    assert refusals.refused(session, ADDRESS) == {NEWSLETTER}
    with clock.fixed(now + 2 * SECOND):
        ask(client)
        assert refusals.refused(session, ADDRESS) == {NEWSLETTER}, "asking alone takes nothing back"
        client.post(link())
    assert refusals.refused(session, ADDRESS) == set()
    assert readers.is_subscribed(session, ADDRESS)


@pytest.mark.parametrize("is_reader", [False, True])
def test_saying_yes_ends_a_pause(session: Session, client: FlaskClient, is_reader: bool) -> None:
    """[M8] Who confirms wants the letter, and reads that it comes; a pause of later stops it."""
    if is_reader:
        confirmed(session, ADDRESS)
    now = clock.now()
    with clock.fixed(now - SECOND):
        refusals.pause(session, ADDRESS, None)
    ask(client)
    yes = link()
    assert "The stories are coming" not in client.get(yes).text
    assert refusals.find_pause(session, ADDRESS), "neither asking nor looking ends it"
    assert "The stories are coming" in client.post(yes, follow_redirects=True).text
    assert refusals.find_pause(session, ADDRESS) is None
    with clock.fixed(now + timedelta(hours=1)):
        refusals.pause(session, ADDRESS, None)
        assert client.post(yes).status_code == 410
    assert refusals.find_pause(session, ADDRESS)


def test_a_blocked_address_reads_where_to_write(session: Session, client: FlaskClient) -> None:
    """[S3] The same page as everybody's: it names no block, and lifts none."""
    pages = set()
    for address in (ADDRESS, "blocked@example.org"):
        ask(client, address)
        if address != ADDRESS:
            suppression.suppress(session, address, "complaint")
        pages.add(client.post(link(address), follow_redirects=True).text.replace(link(address), ""))
    assert len(pages) == 1
    assert "mailto:post@courier.example" in pages.pop()
    assert suppression.of(session, "blocked@example.org")


def test_the_page_between_is_left_for_the_form(session: Session, client: FlaskClient) -> None:
    """[M8] A reload or another language, where a browser asks for it with GET."""
    answer = client.post("/newsletter/begin", data={"email": ADDRESS})
    assert "One more press" in answer.text
    for prefix in ("", "/uk"):
        answer = client.get(f"{prefix}/newsletter/begin")
        assert (answer.status_code, answer.location) == (302, f"{prefix}/newsletter")


def test_a_stranger_changes_nothing_for_a_reader(session: Session, client: FlaskClient) -> None:
    """Whoever types a reader's address elsewhere moves neither its language nor its origin."""
    story = factories.article(session)
    ask(client, article=story.slug)
    client.post(link())
    client.post("/uk/newsletter", data={"email": ADDRESS.upper(), "article": "nonsense"})
    asked = reader(session)
    assert asked is not None
    assert (asked.language, asked.article_id) == ("en", story.id)
    assert readers.is_subscribed(session, ADDRESS)


def test_the_mail_speaks_the_language_of_the_page(session: Session, client: FlaskClient) -> None:
    client.post("/uk/newsletter", data={"email": ADDRESS})
    assert link().startswith("/uk/newsletter/confirm/")


def kept(session: Session) -> list[str]:
    asked = select(NewsletterReader.address).order_by(NewsletterReader.address)
    return list(session.scalars(asked))


def test_who_does_not_confirm_is_forgotten(session: Session, client: FlaskClient) -> None:
    """[S10] After a week, as are the mails; and so is who has unsubscribed."""
    ask(client)
    confirmed(session, "stays@example.org")
    confirmed(session, "gone@example.org")
    refusals.refuse(session, "gone@example.org", NEWSLETTER)
    asked_at = mailbox.all_to(ADDRESS)[-1].created_at
    with clock.fixed(asked_at + WEEK - SECOND):
        tasks.forget_old()
    assert kept(session) == [ADDRESS, "stays@example.org"]
    with clock.fixed(asked_at + WEEK + SECOND):
        tasks.forget_old()
    assert kept(session) == ["stays@example.org"]
    assert mailbox.all_to(ADDRESS) == []


def test_the_preferences_know_who_has_asked(session: Session) -> None:
    """[M8] An account's address is proven: it joins without a mail, and leaves like any kind."""
    opt_in = kinds.find(NEWSLETTER).opt_in
    assert opt_in is not None
    assert not opt_in.is_in(session, ADDRESS)
    refusals.refuse(session, ADDRESS, NEWSLETTER)
    for _ in range(2):
        opt_in.join(session, ADDRESS, "uk")
    assert opt_in.is_in(session, ADDRESS.upper())
    refusals.refuse(session, ADDRESS, NEWSLETTER)
    assert not opt_in.is_in(session, ADDRESS)
    assert mailbox.all_to(ADDRESS) == []


def test_a_no_is_taken_back_on_its_own_page(session: Session, client: FlaskClient) -> None:
    """[M6] [M8] Even when the reader was forgotten in the meantime: the link proves the address."""
    confirmed(session, ADDRESS)
    mail = {"kind": NEWSLETTER, "recipient": ADDRESS, "subject": "1", "language": "en"}
    letter = factories.add(session, OutboxEmail(context={}, **mail))
    page = f"/unsubscribe/{refusals.unsubscribe_token(letter.id)}"
    client.post(page)
    tasks.forget_old()
    assert reader(session) is None
    client.post(page, data={"act": "undo"})
    assert readers.is_subscribed(session, ADDRESS)


def test_the_letter_goes_with_the_account(session: Session) -> None:
    """[S11] Deleted with it; with a new address, it comes there."""
    account = factories.account(session, email=ADDRESS)
    confirmed(session, ADDRESS, "uk")
    belongings.move(session, ADDRESS, "new@example.org")
    assert reader(session) is None
    moved = reader(session, "new@example.org")
    assert moved is not None
    assert moved.language == "uk"
    account.email = "new@example.org"
    session.flush()
    confirmed(session, "said-no@example.org")
    refusals.refuse(session, "said-no@example.org", NEWSLETTER)
    belongings.move(session, "said-no@example.org", "still-no@example.org")
    assert reader(session, "said-no@example.org") is None
    assert reader(session, "still-no@example.org") is None
    forgetting.forget(session, account)
    assert reader(session, "new@example.org") is None


def test_the_page_under_a_story_leads_to_one_with_a_token(
    session: Session, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[S6] The story's form has no token; the page it leads to has one, and changes nothing."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    story = factories.article(session)
    browser = app.test_client()
    page = browser.post("/newsletter/begin", data={"email": ADDRESS, "article": story.slug})
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert reader(session) is None
    fields = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', page.text))
    assert fields["email"] == ADDRESS
    assert browser.post("/newsletter", data=fields | {"csrf_token": "x"}).status_code == 400
    assert reader(session) is None
    assert browser.post("/newsletter", data=fields).status_code == 303
    asked = reader(session)
    assert asked is not None
    assert asked.article_id == story.id
    assert link_in(mailbox.all_to(ADDRESS)[-1])


def test_a_signed_in_reader_gets_the_same_answer(
    session: Session, signed_in: Callable[[Session, Account], FlaskClient], client: FlaskClient
) -> None:
    stranger = ask(client).text
    browser = signed_in(session, factories.patron(session, email="own@example.org"))
    assert ask(browser, "own@example.org").text == stranger
