import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.voting import paper, rounds, suggestions
from membership.voting.models import Ballot, Round, Topic
from tests import factories

SignedIn = Callable[[Session, Account], FlaskClient]
HOUR = timedelta(hours=1)


def text_of(answer) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split()))


def chosen_in(answer) -> list[int]:
    return [
        int(value)
        for value in re.findall(
            r'name="choice" value="(\d+)"[^>]* checked', answer.get_data(as_text=True)
        )
    ]


def settled(session: Session, ballots: int, **values) -> Round:
    held = factories.round_(session, **values)
    topics = paper.options(session, held.id)
    for number in range(ballots):
        rounds.cast(
            session,
            held.id,
            factories.patron(session).id,
            [topic.id for topic in topics[: 1 + number % 2]],
        )
    held.closes_at = rounds.database_now(session)
    session.flush()
    while rounds.advance(session, held.id):
        pass
    session.refresh(held)
    return held


def test_a_patron_votes_changes_and_takes_back(session: Session, signed_in: SignedIn) -> None:
    held = factories.round_(session)
    one, two, three = (topic.id for topic in paper.options(session, held.id))
    browser = signed_in(session, factories.patron(session))
    page = f"/rounds/{held.id}"

    assert "0 of 3 chosen" in text_of(browser.get(page))
    answer = browser.post(page, data={"choice": [one, three]}, follow_redirects=True)
    assert answer.status_code == 200
    assert "Your vote is in." in text_of(answer)
    assert sorted(chosen_in(answer)) == [one, three]
    answer = browser.post(page, data={"choice": two}, follow_redirects=True)
    assert "Your vote is changed." in text_of(answer)
    assert chosen_in(browser.get(page)) == [two]
    answer = browser.post(f"{page}/withdraw", follow_redirects=True)
    assert "Your vote is taken back." in text_of(answer)
    assert session.scalar(select(func.count()).select_from(Ballot)) == 0


def test_wrong_choices_are_said_beside_what_was_chosen(
    session: Session, signed_in: SignedIn
) -> None:
    held = factories.round_(session, max_choices=1)
    one, two, _ = (topic.id for topic in paper.options(session, held.id))
    browser = signed_in(session, factories.patron(session))
    answer = browser.post(f"/rounds/{held.id}", data={"choice": [one, two]})
    assert answer.status_code == 422
    assert "at most 1 of the topics" in text_of(answer)
    assert sorted(chosen_in(answer)) == [one, two]
    for choice in ["", "x", "-1", "9" * 40, "٣"]:
        answer = browser.post(f"/rounds/{held.id}", data={"choice": choice})
        assert answer.status_code == 422
    assert browser.post(f"/rounds/{held.id}").status_code == 422


def test_a_vote_after_the_end_is_refused_with_a_plain_page(
    session: Session, signed_in: SignedIn
) -> None:
    """[L21] The round's state still says open: beat is late."""
    now = datetime.now(UTC)
    held = factories.round_(session, opens_at=now - 2 * HOUR, closes_at=now - HOUR)
    browser = signed_in(session, factories.patron(session))
    choice = paper.options(session, held.id)[0].id
    answer = browser.post(f"/rounds/{held.id}", data={"choice": choice})
    assert answer.status_code == 409
    assert "not open for votes, so nothing was changed" in text_of(answer)
    assert browser.post(f"/rounds/{held.id}/withdraw").status_code == 409
    assert session.scalar(select(func.count()).select_from(Ballot)) == 0
    assert "are being counted" in text_of(browser.get(f"/rounds/{held.id}"))


def test_who_is_not_signed_in_signs_in_and_comes_back(
    session: Session, client: FlaskClient
) -> None:
    held = factories.round_(session)
    answer = client.get(f"/rounds/{held.id}")
    assert f"/sign-in?next=/rounds/{held.id}" in answer.get_data(as_text=True)
    assert "choice" not in answer.get_data(as_text=True)
    answer = client.post(f"/rounds/{held.id}", data={"choice": 1})
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next=/rounds/{held.id}")
    answer = client.get("/topics/suggest")
    assert (answer.status_code, answer.location) == (302, "/sign-in?next=/topics/suggest")


def test_who_is_no_patron_is_told_what_is_needed(session: Session, signed_in: SignedIn) -> None:
    """[V3]"""
    held = factories.round_(session)
    browser = signed_in(session, factories.account(session))
    page = browser.get(f"/rounds/{held.id}")
    assert page.status_code == 200
    assert "first monthly or yearly gift" in text_of(page)
    choice = paper.options(session, held.id)[0].id
    answer = browser.post(f"/rounds/{held.id}", data={"choice": choice})
    assert answer.status_code == 403
    assert 'href="/support"' in answer.get_data(as_text=True)
    assert browser.get("/topics/suggest").status_code == 403


def test_before_it_opens_a_round_shows_its_rules_and_its_seed(
    session: Session, client: FlaskClient
) -> None:
    """[V6] [V7]"""
    now = datetime.now(UTC)
    held = factories.round_(
        session, state="draft", opens_at=now + HOUR, closes_at=now + 2 * HOUR, quorum=25
    )
    shown = text_of(client.get(f"/rounds/{held.id}"))
    assert held.tie_seed in shown
    assert "With fewer than 25 ballots nothing is chosen." in shown
    assert held.title in text_of(client.get("/topics"))
    topic = paper.options(session, held.id)[0]
    assert client.get(f"/topics/{topic.slug}").status_code == 200


def test_the_order_on_the_ballot_is_the_patrons_own(session: Session, signed_in: SignedIn) -> None:
    """[V5]"""
    topics = [factories.topic(session, state="on_ballot") for _ in range(8)]
    held = factories.round_(session, topics)

    def order(browser: FlaskClient) -> list[str]:
        page = browser.get(f"/rounds/{held.id}").get_data(as_text=True)
        return re.findall(r'name="choice" value="(\d+)"', page)

    orders = []
    for _ in range(2):
        browser = signed_in(session, factories.patron(session))
        orders.append(order(browser))
        assert order(browser) == orders[-1]
    assert orders[0] != orders[1]
    assert set(orders[0]) == set(orders[1]) == {str(topic.id) for topic in topics}


def test_the_result_and_how_to_check_it(session: Session, client: FlaskClient) -> None:
    held = settled(session, 6, quorum=5)
    first = paper.options(session, held.id)[0]
    answer = client.get(f"/rounds/{held.id}", follow_redirects=True)
    shown = text_of(answer)
    assert "Our patrons chose this topic" in shown
    assert first.title in shown
    assert "6 patrons voted." in shown
    assert "100%" in shown
    exported = client.get(f"/rounds/{held.id}/export.json").get_json()
    assert exported["digest"] in shown
    assert exported["round"]["tie_seed"] in shown
    assert len(exported["ballots"]) == 6


def test_with_few_ballots_only_the_winners_are_shown(session: Session, client: FlaskClient) -> None:
    """[V8]"""
    held = settled(session, 4)
    answer = client.get(f"/rounds/{held.id}/result")
    shown = text_of(answer)
    assert paper.options(session, held.id)[0].title in shown
    assert "So few voted" in shown
    for told in ("patrons voted", " %", "Votes", "digest"):
        assert told not in shown.replace("So few voted", "")
    assert client.get(f"/rounds/{held.id}/export.json").status_code == 404


def test_a_void_round_says_so(session: Session, client: FlaskClient) -> None:
    """[V7]"""
    held = settled(session, 5, quorum=50)
    shown = text_of(client.get(f"/rounds/{held.id}/result"))
    assert "This round is void Fewer than 50 patrons voted, so nothing was chosen." in shown
    assert "Our patrons chose" not in shown


def test_there_is_no_result_before_the_end(session: Session, client: FlaskClient) -> None:
    """[V4]"""
    held = factories.round_(session)
    answer = client.get(f"/rounds/{held.id}/result")
    assert (answer.status_code, answer.location) == (302, f"/rounds/{held.id}")
    assert client.get(f"/rounds/{held.id}/export.json").status_code == 404


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


def test_the_export_is_json_without_names(session: Session, client: FlaskClient) -> None:
    """[V6] [V8]"""
    held = settled(session, 5)
    answer = client.get(f"/rounds/{held.id}/export.json")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "account" not in json.dumps(answer.get_json())


def test_what_was_declined_is_read_by_nobody_outside(client: FlaskClient, session: Session) -> None:
    """[V13] Moderation that publishes what it declines would be none."""
    topic = factories.topic(session, state="rejected", public_reason="It names a private person.")
    page = client.get(f"/topics/{topic.slug}")
    assert page.status_code in {302, 303}
    assert topic.why not in page.text
