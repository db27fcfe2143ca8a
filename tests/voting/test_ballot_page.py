import re
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.voting import following, paper, rounds
from membership.voting.models import METHODS, Ballot
from tests import factories
from tests.conftest import SignedIn
from tests.voting.crawl import without_nonces
from tests.voting.pages import chosen_in, settle, settled, text_of, topic_ids

HOUR = timedelta(hours=1)


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
    answer = browser.post(f"{page}/withdraw", follow_redirects=True)
    assert "There was no vote to take back." in text_of(answer)
    assert "Your vote is taken back." not in text_of(answer)
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
    assert '<fieldset aria-describedby="ballot-problem">' in answer.text
    assert answer.text.count('aria-invalid="true"') == 3
    for choice in ["", "x", "-1", "9" * 40, "٣"]:
        answer = browser.post(f"/rounds/{held.id}", data={"choice": choice})
        assert answer.status_code == 422
    assert browser.post(f"/rounds/{held.id}").status_code == 422


def test_a_vote_after_the_end_is_refused_with_a_plain_page(
    session: Session, signed_in: SignedIn
) -> None:
    """[L21] [V1] The round's state still says open: beat is late."""
    now = datetime.now(UTC)
    held = factories.round_(session, opens_at=now - 2 * HOUR, closes_at=now - HOUR)
    browser = signed_in(session, factories.patron(session))
    choice = paper.options(session, held.id)[0].id
    answer = browser.post(f"/rounds/{held.id}", data={"choice": choice})
    assert answer.status_code == 409
    assert "Voting has ended, so this came too late and nothing was changed." in text_of(answer)
    assert chosen_in(answer) == []
    answer = browser.post(f"/rounds/{held.id}/withdraw")
    assert answer.status_code == 409
    assert "Voting has ended" in text_of(answer)
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
    answer = client.post(f"/rounds/{held.id}/withdraw")
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next=/rounds/{held.id}")
    for act in ("support", "unsupport"):
        answer = client.post(f"/topics/the-wells/{act}")
        assert (answer.status_code, answer.location) == (303, "/sign-in?next=/topics/the-wells")
    answer = client.get("/topics/suggest")
    assert (answer.status_code, answer.location) == (302, "/sign-in?next=/topics/suggest")


def test_topics_are_said_in_their_own_language(session: Session, client: FlaskClient) -> None:
    """[R6] On the ballot that is only looked at, and in the tables of the result."""
    for method in METHODS:
        topics = [factories.topic(session, state="on_ballot", language="uk") for _ in range(3)]
        held = factories.round_(session, topics, method=method)
        page = client.get(f"/rounds/{held.id}").text
        assert page.count('class="topic-title" lang="uk"') == len(topics)
        assert page.count('class="topic-summary" lang="uk"') == len(topics)
        for _ in range(6):
            rounds.cast(session, held.id, factories.patron(session).id, [topics[0].id])
        settle(session, held)
        page = client.get(f"/rounds/{held.id}/result").text
        cells = re.findall(r'<th scope="row"><a [^>]*>', page)
        assert cells
        assert all('lang="uk"' in cell for cell in cells)


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


def test_a_vote_before_the_opening_and_one_after_the_count(
    session: Session, signed_in: SignedIn
) -> None:
    """[V1]"""
    now = datetime.now(UTC)
    held = factories.round_(session, state="draft", opens_at=now + HOUR, closes_at=now + 2 * HOUR)
    browser = signed_in(session, factories.patron(session))
    answer = browser.post(f"/rounds/{held.id}", data={"choice": topic_ids(session, held)[0]})
    assert answer.status_code == 409
    assert "Voting had not opened yet, so nothing was changed." in text_of(answer)

    over = settled(session, 1)
    answer = browser.post(f"/rounds/{over.id}", data={"choice": topic_ids(session, over)[0]})
    assert answer.status_code == 409
    assert "Voting has ended, so this came too late" in text_of(answer)
    assert f'href="/rounds/{over.id}/result"' in answer.text


def test_the_rule_stands_in_one_sentence(session: Session, client: FlaskClient) -> None:
    """[V2]"""
    rules = {
        "Choose up to 3 topics; each gets one vote from you, and the topic with the most votes"
        " wins.": {},
        "Choose one topic; the topic with the most votes wins.": {"max_choices": 1},
        "and the 2 topics with the most votes win.": {"seats": 2},
        "Put up to 3 topics in order, the one you want most first; as long as none is first on"
        " more than half of the ballots, the last one drops out": {"method": "instant_runoff"},
        "With fewer than 9 ballots the result is advice": {
            "quorum": 9,
            "quorum_rule": "advisory",
        },
        "the one that was suggested first comes first": {"tie_rule": "earliest"},
    }
    for sentence, values in rules.items():
        held = factories.round_(session, **values)
        assert sentence in text_of(client.get(f"/rounds/{held.id}"))


def test_the_end_is_said_with_its_zone_for_people_and_for_machines(
    session: Session, client: FlaskClient
) -> None:
    held = factories.round_(session)
    page = client.get(f"/rounds/{held.id}").text
    found = re.search(
        r'<time datetime="([^"]+)" data-moment>\d+ \w+ \d+, \d\d:\d\d (\S+)</time>', page
    )
    assert found
    assert datetime.fromisoformat(found[1]) == held.closes_at.replace(microsecond=0)
    assert found[2] in {"EET", "EEST"}
    assert "js/moments.js" in page


def test_the_ballot_is_the_same_whatever_others_voted(
    session: Session, signed_in: SignedIn
) -> None:
    """[V4] Byte for byte, before a vote, after one, and after six."""
    held = factories.round_(session)
    ids = topic_ids(session, held)
    voter = factories.patron(session)
    browser = signed_in(session, voter)

    def shown() -> str:
        return without_nonces(browser.get(f"/rounds/{held.id}").text)

    before = shown()
    others = [factories.patron(session).id for _ in range(6)]
    for other in others[:1]:
        rounds.cast(session, held.id, other, ids[:1])
    assert shown() == before
    for other in others[1:]:
        rounds.cast(session, held.id, other, ids[1:])
    assert shown() == before
    answer = browser.post(f"/rounds/{held.id}", data={"choice": ids[0]}, follow_redirects=True)
    assert "no-store" in answer.headers["Cache-Control"]
    assert not re.search(r"\d+ (votes?|ballots?|patrons? voted)", text_of(answer))


def test_who_lost_the_right_to_vote_may_still_take_a_vote_back(
    session: Session, signed_in: SignedIn
) -> None:
    """[V3]"""
    held = factories.round_(session)
    voter = factories.account(session)
    given = factories.subscription(session, voter)
    factories.donation(session, voter, subscription_id=given.id, stripe_invoice_id="in_1")
    rounds.cast(session, held.id, voter.id, topic_ids(session, held)[:1])
    given.state, given.ended_at = "ended", factories.NOON
    session.flush()
    answer = signed_in(session, voter).get(f"/rounds/{held.id}")
    assert "You have voted" in text_of(answer)
    assert "Voting is for patrons" in text_of(answer)
    assert f'action="/rounds/{held.id}/withdraw"' in answer.text


def test_following_is_offered_and_never_assumed(session: Session, signed_in: SignedIn) -> None:
    """[V8] A follow is kept beside the ballot, and only when its box is ticked."""
    held = factories.round_(session, max_choices=2)
    one, two, three = topic_ids(session, held)
    voter = factories.patron(session)
    browser = signed_in(session, voter)
    page = f"/rounds/{held.id}"

    def is_ticked(answer) -> bool:
        box = re.search(r'<input[^>]* name="follow"[^>]*>', answer.text)
        assert box
        return " checked" in box[0]

    assert not is_ticked(browser.get(page))
    browser.post(page, data={"choice": one})
    assert following.followed(session, voter.id, [one, two, three]) == set()
    answer = browser.post(page, data={"choice": [one, two, three], "follow": "yes"})
    assert answer.status_code == 422
    assert is_ticked(answer)
    assert following.followed(session, voter.id, [one, two, three]) == set()
    answer = browser.post(page, data={"choice": [one, two], "follow": "yes"}, follow_redirects=True)
    assert following.followed(session, voter.id, [one, two, three]) == {one, two}
    assert text_of(answer).count("You follow it.") == 2
    assert not is_ticked(answer)
    assert "this is not, and can show what you chose" in text_of(answer)
