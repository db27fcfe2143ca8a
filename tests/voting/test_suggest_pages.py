"""Suggesting a topic on its page, look-alikes, and supporting one instead."""

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.voting import following, suggestions
from membership.voting.models import Topic
from tests import factories
from tests.conftest import SignedIn
from tests.voting.pages import text_of

TITLE = "Why the night trains stopped"


def suggestion(title: str = TITLE, **more: str) -> dict[str, str]:
    return {"title": title, "why": "Half the town depends on them to get home."} | more


def made(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Topic)) or 0


def test_a_patron_suggests_a_topic(session: Session, signed_in: SignedIn) -> None:
    """[V13] Other patrons see it and may support it; nobody sees whose it is."""
    maker = factories.patron(session, name="Ada Example")
    browser = signed_in(session, maker)
    links = "https://example.org/a\r\nhttp://example.org/b"
    answer = browser.post("/topics/suggest", data=suggestion(links=links))
    assert (answer.status_code, answer.location) == (303, "/topics/why-the-night-trains-stopped")
    page = browser.get(answer.location)
    assert "No editor has read this yet" in text_of(page)
    assert 'href="http://example.org/b" rel="nofollow ugc noopener"' in page.text
    assert TITLE in text_of(browser.get("/account/topics"))
    assert following.followed_by(session, maker.id) == []

    browser = signed_in(session, factories.patron(session))
    answer = browser.get("/topics/why-the-night-trains-stopped")
    assert "Ada" not in answer.get_data(as_text=True)
    browser.post("/topics/why-the-night-trains-stopped/support")
    assert "2 patrons want this" in text_of(browser.get("/topics"))
    browser.post("/topics/why-the-night-trains-stopped/unsupport")
    assert "1 patron wants this" in text_of(browser.get("/topics"))


def test_who_suggests_may_follow_it_at_once(session: Session, signed_in: SignedIn) -> None:
    maker = factories.patron(session)
    browser = signed_in(session, maker)
    assert "checked" not in browser.get("/topics/suggest").text
    browser.post("/topics/suggest", data=suggestion(follow="y"))
    assert [topic.title for topic in following.followed_by(session, maker.id)] == [TITLE]


def test_suggesting_is_for_patrons(
    session: Session, client: FlaskClient, signed_in: SignedIn
) -> None:
    """[V3] [V13]"""
    for page in ("/topics/suggest", "/topics/alike"):
        answer = client.get(page)
        assert (answer.status_code, answer.location) == (302, f"/sign-in?next={page}")
    for account in (factories.account(session), factories.staff(session)):
        browser = signed_in(session, account)
        for page in ("/topics/suggest", "/topics/alike?title=abc"):
            answer = browser.get(page)
            assert answer.status_code == 403
            assert 'href="/support"' in answer.text
        assert browser.post("/topics/suggest", data=suggestion()).status_code == 403
    assert made(session) == 0


def test_look_alikes_are_offered_before_a_suggestion_is_made(
    session: Session, signed_in: SignedIn
) -> None:
    """[V13] Without a script they come with the answer; one button supports one instead."""
    browser = signed_in(session, factories.patron(session))
    there = factories.topic(session, title="Why did the night trains stop?")
    factories.topic(session, title="The price of bread", why="It went up.")
    answer = browser.post("/topics/suggest", data=suggestion())
    shown = text_of(answer)
    assert answer.status_code == 200
    assert "It is not sent yet" in shown
    assert "Is it one of these?" in shown
    assert there.title in shown
    assert "bread" not in shown
    assert f'value="{TITLE}"' in answer.text
    assert f'form="instead" formaction="/topics/{there.slug}/support"' in answer.text
    assert made(session) == 2

    other = "Why the night trains all stopped"
    answer = browser.post("/topics/suggest", data=suggestion(other, different=TITLE))
    assert answer.status_code == 200, "these look-alikes were not seen"
    answer = browser.post("/topics/suggest", data=suggestion(different=f" {TITLE} "))
    assert answer.status_code == 303


def test_what_was_seen_goes_back_with_the_form(session: Session, signed_in: SignedIn) -> None:
    """[V13] Whether it was typed or sent, the piece of the form says which title it is about."""
    browser = signed_in(session, factories.patron(session))
    factories.topic(session, title=TITLE)
    for answer in (
        browser.get("/topics/alike", query_string={"title": f"  {TITLE}"}),
        browser.post("/topics/suggest", data=suggestion()),
    ):
        assert f'name="different" value="{TITLE}"' in answer.text


def test_look_alikes_while_typing_are_a_piece_of_a_page(
    session: Session, signed_in: SignedIn
) -> None:
    """[V13] With what can be supported, what is supported already, and what has gone on."""
    patron = factories.patron(session)
    browser = signed_in(session, patron)
    want, mine, at_work = (
        factories.topic(session, title=f"{TITLE} {more}", state=state)
        for more, state in (("a", "suggested"), ("b", "suggested"), ("c", "assigned"))
    )
    suggestions.support(session, mine, patron.id)
    answer = browser.get("/topics/alike", query_string={"title": TITLE})
    shown = text_of(answer)
    assert "<html" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'data-said="3 topics look like yours.' in answer.text
    assert re.findall(r'formaction="([^"]+)"', answer.text) == [f"/topics/{want.slug}/support"]
    assert "You support this already." in shown
    assert at_work.title in shown
    for title in ("", "W", "Bread"):
        assert not browser.get("/topics/alike", query_string={"title": title}).text.strip()
    assert not browser.get("/topics/alike").text.strip()


@pytest.mark.parametrize("title", ["a" * 121, "ї" * 5000])
def test_a_title_that_is_no_title_is_not_looked_up(
    session: Session, signed_in: SignedIn, title: str
) -> None:
    browser = signed_in(session, factories.patron(session))
    answer = browser.get("/topics/alike", query_string={"title": title})
    assert answer.status_code == 400
    assert "Titles have up to 120 characters." in text_of(answer)


def test_titles_are_never_markup(session: Session, signed_in: SignedIn) -> None:
    browser = signed_in(session, factories.patron(session))
    nasty = '"><script>alert(1)</script>'
    factories.topic(session, title=nasty, why=nasty)
    for answer in (
        browser.get("/topics/alike", query_string={"title": nasty}),
        browser.post("/topics/suggest", data=suggestion(nasty)),
        browser.post("/topics/suggest", data=suggestion(links=f"javascript:{nasty}")),
    ):
        assert "<script>alert" not in answer.text
        assert "alert(1)" in answer.text


def test_what_no_keyboard_types_is_left_out(session: Session, signed_in: SignedIn) -> None:
    browser = signed_in(session, factories.patron(session))
    assert browser.get("/topics/alike", query_string={"title": "a\x00bc"}).status_code == 200
    browser.post(
        "/topics/suggest",
        data={"title": "Night\x00 trains\u202e\n stopped", "why": "One\x00 line.\r\n\r\nOne more."},
    )
    topic = session.scalars(select(Topic)).one()
    assert topic.title == "Night trains stopped"
    assert topic.why == "One line.\r\n\r\nOne more."


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"title": "Trains"}, "Use between 10 and 120 characters."),
        ({"title": "T" * 121}, "Use between 10 and 120 characters."),
        ({"title": ""}, "Say in a few words what it is about."),
        ({"why": ""}, "Tell us why"),
        ({"links": "javascript:alert(1)"}, "“javascript:alert(1)” is no address of a page."),
        ({"links": "https://a.example\n" * 3 + "ftp://b.example"}, "“ftp://b.example” is no"),
        ({"links": "\n".join(f"https://{n}.example" for n in "abcd")}, "Give up to 3 links"),
    ],
)
def test_what_is_wrong_is_said_beside_what_was_typed(
    session: Session, signed_in: SignedIn, sent: dict[str, str], said: str
) -> None:
    browser = signed_in(session, factories.patron(session))
    answer = browser.post("/topics/suggest", data=suggestion() | sent)
    assert answer.status_code == 400
    assert said in text_of(answer)
    assert "Half the town" in answer.text or "why" in sent
    assert made(session) == 0


def test_a_double_click_suggests_once(session: Session, signed_in: SignedIn) -> None:
    """[V13] Whoever sends the same words again finds what they have made."""
    maker = factories.patron(session)
    browser = signed_in(session, maker)
    first = browser.post("/topics/suggest", data=suggestion())
    for again in (suggestion(), suggestion(different=TITLE)):
        answer = browser.post("/topics/suggest", data=again)
        assert (answer.status_code, answer.location) == (303, first.location)
    words = (TITLE, "Half the town depends on them to get home.", "en")
    assert suggestions.suggest(session, maker.id, *words).slug in first.location
    assert made(session) == 1
    signed_in(session, factories.patron(session)).post(
        "/topics/suggest", data=suggestion(different=TITLE)
    )
    assert made(session) == 2


def test_the_sixth_suggestion_of_a_month_has_to_wait(session: Session, signed_in: SignedIn) -> None:
    """[V13] What was typed stays in the form."""
    browser = signed_in(session, factories.patron(session))
    for number in range(suggestions.MOST_A_MONTH):
        title = f"{TITLE} {number}"
        answer = browser.post("/topics/suggest", data=suggestion(title, different=title))
        assert answer.status_code == 303, number
    answer = browser.post("/topics/suggest", data=suggestion(different=TITLE))
    assert answer.status_code == 429
    assert "5 topics in the last 30 days" in text_of(answer)
    assert f'value="{TITLE}"' in answer.text
    assert "Half the town depends on them" in answer.text
    assert made(session) == suggestions.MOST_A_MONTH


def test_support_for_a_topic_on_a_ballot_is_refused(session: Session, signed_in: SignedIn) -> None:
    """[V13]"""
    topic = factories.topic(session, state="on_ballot")
    browser = signed_in(session, factories.patron(session))
    answer = browser.post(f"/topics/{topic.slug}/support")
    assert answer.status_code == 409
    assert "moved on since you looked" in text_of(answer)
