"""The public page of where the money comes from."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.reports import rollups, transparency_page
from membership.reports.periods import months_later, quarter_of
from membership.web.headers import PUBLIC_FOR_MINUTES
from tests import factories
from tests.reports.giving import pays
from tests.reports.participating import patrons

SignedIn = Callable[[Session, Account], FlaskClient]
LINK = "/transparency"


@pytest.fixture
def is_on(session: Session) -> None:
    switch(session, on=True)


def switch(session: Session, *, on: bool) -> None:
    staff = factories.staff(session, "finance")
    transparency_page.switch(session, staff, on=on, reason="We were asked.")
    session.flush()


def give(session: Session) -> None:
    """Patrons and a story of the quarter before."""
    begins = quarter_of(clock.now().date())
    before = datetime.combine(begins, time(), UTC) - timedelta(days=5)
    patrons(session, 6, before, amount_minor=2057)
    article = factories.article(session, published_at=before, title="The harbour")
    factories.topic(
        session, state="published", article_id=article.id, published_at=before, title="Who owns it?"
    )
    rollups.rebuild(session)


def test_it_is_not_there_before_staff_have_switched_it_on(
    session: Session, client: FlaskClient
) -> None:
    """[S10] 404, and no link to it; again so when it is switched off."""
    for state in (False, True, False):
        switch(session, on=state)
        answer = client.get(LINK)
        assert answer.status_code == (200 if state else 404)
        assert answer.headers["Cache-Control"] == (PUBLIC_FOR_MINUTES if state else "no-store")
        for page in ("/", "/support"):
            assert (f'href="{LINK}"' in client.get(page).text) is state
            assert (f'href="/uk{LINK}"' in client.get(f"/uk{page}").text) is state


@pytest.mark.usefixtures("is_on")
def test_the_same_bytes_for_everyone(
    session: Session, app: Flask, client: FlaskClient, signed_in: SignedIn
) -> None:
    """[R2] Without a cookie, with a strong tag, for any cache."""
    give(session)
    anybody = app.test_client().get(LINK)
    known = signed_in(session, factories.patron(session)).get(LINK)
    admin = signed_in(session, factories.staff(session, "admin")).get(LINK)
    assert anybody.data == known.data == admin.data
    assert anybody.headers["Cache-Control"] == PUBLIC_FOR_MINUTES
    assert anybody.headers["Vary"] == "Accept-Encoding"
    assert "Set-Cookie" not in anybody.headers
    tag = anybody.headers["ETag"]
    assert not tag.startswith("W/")
    assert client.get(LINK, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.usefixtures("is_on")
def test_what_it_says(session: Session, client: FlaskClient) -> None:
    """[D1] [S10] Income, readers and stories, rounded; in both languages, without scripts."""
    give(session)
    page = client.get(LINK).text
    assert "At least 5 readers give regularly." in page
    assert "at least 5</td>" in page
    assert page.count("about €120") == 2, "regular, together"
    assert "nobody shall learn from this page what a single reader gives" in page
    assert "The harbour" in page
    assert "Who owns it?" in page
    assert "<script" not in page
    ukrainian = client.get(f"/uk{LINK}").text
    assert '<html lang="uk">' in ukrainian
    assert "The harbour" in ukrainian
    assert 'hreflang="uk" href="http://localhost/uk/transparency"' in page


@pytest.mark.usefixtures("is_on")
def test_who_are_few_stand_in_one_row(session: Session, client: FlaskClient) -> None:
    """[S10] Of a table of readers, and of the quarters of a currency."""
    begins = quarter_of(clock.now().date())
    for number, currency in ((2, "USD"), (3, "GBP"), (4, "UAH")):
        for days in (5, 100):
            before = datetime.combine(begins, time(), UTC) - timedelta(days=days)
            patrons(session, number if days == 5 else 1, before, currency=currency)
    give(session)
    page = client.get(LINK).text
    tables = [part.split("</table>")[0] for part in page.split("<tbody>")[1:]]
    assert "GBP, USD</th>" in tables[0]
    assert ">fewer than 5 people each</span>" in tables[0]
    assert "at least 5</td>" in tables[0]
    assert len(tables) == 5
    assert all(table.count("fewer than 5 people") <= 1 for table in tables)


@pytest.mark.usefixtures("is_on")
def test_five_in_a_quarter_are_not_five_in_a_month(session: Session, client: FlaskClient) -> None:
    """[S10] Six gave, two each month: the page says why it does not tell how much."""
    last = quarter_of(clock.now().date())
    months = [datetime.combine(months_later(last, -each), time(), UTC) for each in (1, 2, 3)]
    for month in months:
        patrons(session, 2, month)
    rollups.rebuild(session)
    page = client.get(LINK).text
    assert page.count(">not shown</span>") == 2, "regular, together"
    assert "however many gave in the whole quarter" in page
    for month in months:
        pays(session, factories.account(session), month, amount_minor=2057)
    rollups.rebuild(session)
    page = client.get(LINK).text
    assert page.count("not shown: in no month did 5 people or more give either way") == 1
    assert "about €" not in page
    assert "fewer than 5 people" not in page


@pytest.mark.usefixtures("is_on")
def test_it_stands_before_the_first_quarter_is_over(client: FlaskClient) -> None:
    assert "The first figures will stand here" in client.get(LINK).text


@pytest.mark.usefixtures("is_on")
def test_the_introduction_is_cleaned(session: Session, client: FlaskClient) -> None:
    """[S7] Markdown of each language; raw HTML is shown as it was typed, pictures are none."""
    texts = {"en": "We are **few**.<script>alert(1)</script> [x](javascript:alert(1))"}
    staff = factories.staff(session, "finance")
    transparency_page.write(session, staff, texts, "First words.")
    page = client.get(LINK).text
    assert "We are <strong>few</strong>." in page
    assert "<script" not in page
    assert 'href="javascript' not in page
    # Where there are no words in theirs, readers get those of the first language, marked as such.
    assert 'transparency-words" lang="en">' in client.get(f"/uk{LINK}").text


def test_the_link_costs_a_question_a_second(session: Session, app: Flask) -> None:
    """[R2] What is known is kept as long as pages are."""
    cache = app.extensions["kava.page_cache"]
    assert not transparency_page.is_on()
    cache.seconds = 60.0
    try:
        switch(session, on=True)
        assert not transparency_page.is_on()
    finally:
        cache.seconds = 0
    assert transparency_page.is_on()


def test_an_error_page_asks_nothing_of_the_database(app: Flask) -> None:
    """It is what readers see when the database is away."""
    source = app.jinja_env.loader.get_source(app.jinja_env, "errors/error.html")[0]
    assert "{% block money %}{% endblock %}" in source
