import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.voting import suggestions
from membership.voting.models import Topic
from tests import factories
from tests.voting.pages import SignedIn, text_of


@pytest.mark.parametrize(
    "path", ["/rounds/999", "/rounds/99999999999999999999", "/rounds/999/result", "/topics/none"]
)
def test_what_is_not_there(session: Session, client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_topics_for_everyone(session: Session, client: FlaskClient) -> None:
    held = factories.round_(session)
    story = factories.article(session)
    for state in ("assigned", "not_selected"):
        factories.topic(session, state=state, title=f"This one is {state}")
    published = factories.topic(
        session, state="published", article_id=story.id, published_at=factories.NOON
    )
    waiting = factories.topic(session)
    answer = client.get("/topics")
    shown = text_of(answer)
    assert answer.status_code == 200
    assert shown.index(held.title) < shown.index(story.title)
    assert published.title in shown
    assert "This one is assigned" in shown
    assert "This one is not_selected" in shown
    assert waiting.title not in shown
    assert re.search(r"Open until .+ \d\d:\d\d \S+", shown)
    answer = client.get(f"/topics/{waiting.slug}")
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next=/topics/{waiting.slug}")


def test_without_anything_the_page_says_what_will_stand_there(
    session: Session, client: FlaskClient
) -> None:
    assert "No round is open right now" in text_of(client.get("/topics"))


def suggestion(title: str = "Why the night trains stopped", **more: str) -> dict[str, str]:
    return {"title": title, "why": "Half the town depends on them to get home."} | more


def test_a_patron_suggests_a_topic(session: Session, signed_in: SignedIn) -> None:
    """[V13] Other patrons see it and may support it; nobody sees whose it is."""
    maker = factories.patron(session, name="Ada Example")
    browser = signed_in(session, maker)
    answer = browser.post("/topics/suggest", data=suggestion())
    assert (answer.status_code, answer.location) == (303, "/topics/why-the-night-trains-stopped")
    assert "Your suggestions" in text_of(browser.get("/topics"))

    browser = signed_in(session, factories.patron(session))
    answer = browser.get("/topics/why-the-night-trains-stopped")
    assert "Ada" not in answer.get_data(as_text=True)
    browser.post("/topics/why-the-night-trains-stopped/support")
    assert "2 patrons want this" in text_of(browser.get("/topics"))
    browser.post("/topics/why-the-night-trains-stopped/unsupport")
    assert "1 patron wants this" in text_of(browser.get("/topics"))


def test_look_alikes_are_offered_before_a_suggestion_is_made(
    session: Session, signed_in: SignedIn
) -> None:
    """[V13]"""
    browser = signed_in(session, factories.patron(session))
    there = factories.topic(session, title="Why did the night trains stop?")
    factories.topic(session, title="The price of bread", why="It went up.")
    answer = browser.post("/topics/suggest", data=suggestion())
    shown = text_of(answer)
    assert answer.status_code == 200
    assert "Is it one of these?" in shown
    assert there.title in shown
    assert "bread" not in shown
    assert 'value="Why the night trains stopped"' in answer.get_data(as_text=True)
    assert f'action="/topics/{there.slug}/support"' in answer.get_data(as_text=True)
    assert session.scalar(select(func.count()).select_from(Topic)) == 2
    answer = browser.post("/topics/suggest", data=suggestion(different="yes"))
    assert answer.status_code == 303


def test_a_suggestion_that_says_too_little(session: Session, signed_in: SignedIn) -> None:
    browser = signed_in(session, factories.patron(session))
    answer = browser.post("/topics/suggest", data={"title": "Trains", "why": ""})
    assert answer.status_code == 400
    shown = text_of(answer)
    assert "Use between 10 and 120 characters." in shown
    assert "Tell us why" in shown
    assert 'value="Trains"' in answer.get_data(as_text=True)


def test_the_sixth_suggestion_of_a_month_has_to_wait(session: Session, signed_in: SignedIn) -> None:
    """[V13]"""
    browser = signed_in(session, factories.patron(session))
    for number in range(suggestions.MOST_A_MONTH):
        answer = browser.post("/topics/suggest", data=suggestion(different="yes"))
        assert answer.status_code == 303, number
    answer = browser.post("/topics/suggest", data=suggestion(different="yes"))
    assert answer.status_code == 429
    assert "5 topics in the last 30 days" in text_of(answer)
    assert session.scalar(select(func.count()).select_from(Topic)) == suggestions.MOST_A_MONTH


def test_support_for_a_topic_on_a_ballot_is_refused_and_hidden(
    session: Session, signed_in: SignedIn
) -> None:
    """[V13]"""
    patron = factories.patron(session)
    topic = factories.topic(session)
    suggestions.support(session, topic, patron.id)
    topic.state = "on_ballot"
    factories.round_(session, [topic, factories.topic(session, state="on_ballot")])
    browser = signed_in(session, factories.patron(session))
    assert browser.post(f"/topics/{topic.slug}/support").status_code == 409
    for page in ("/topics", f"/topics/{topic.slug}"):
        assert "wants this" not in text_of(browser.get(page))


def test_pages_in_ukrainian_keep_to_their_prefix(session: Session, client: FlaskClient) -> None:
    held = factories.round_(session)
    page = client.get("/uk/topics").get_data(as_text=True)
    assert f'href="/uk/rounds/{held.id}"' in page
    answer = client.post(f"/uk/rounds/{held.id}", data={"choice": 1})
    assert answer.location == f"/uk/sign-in?next=/uk/rounds/{held.id}"


def test_what_was_declined_is_read_by_nobody_outside(client: FlaskClient, session: Session) -> None:
    """[V13] Moderation that publishes what it declines would be none."""
    topic = factories.topic(session, state="rejected", public_reason="It names a private person.")
    page = client.get(f"/topics/{topic.slug}")
    assert page.status_code in {302, 303}
    assert topic.why not in page.text
