"""Following a topic, with or without voting."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.voting import following, topics
from membership.voting.models import TOPIC_STATES, Ballot, Topic, TopicFollow
from tests import factories
from tests.conftest import SignedIn
from tests.voting.pages import text_of
from tests.voting.test_suggestions import in_state


def followers(session: Session, topic: Topic) -> set[int]:
    theirs = select(TopicFollow.account_id).where(TopicFollow.topic_id == topic.id)
    return set(session.scalars(theirs))


def test_following_counts_once(session: Session) -> None:
    one, two, three = (factories.topic(session) for _ in range(3))
    reader = factories.account(session)
    for _ in range(2):
        asked = [two.id, one.id, 0]
        assert following.follow(session, asked, reader.id) == {one.id, two.id}
    assert following.followed(session, reader.id, [one.id, three.id]) == {one.id}
    assert set(following.followed_by(session, reader.id)) == {one, two}
    for _ in range(2):
        following.unfollow(session, one.id, reader.id)
    assert following.followed_by(session, reader.id) == [two]
    assert following.follow(session, [], reader.id) == set()


def test_following_keeps_no_time() -> None:
    """[V8] What was chosen and followed with one ballot would have one: the ballot again."""
    assert set(TopicFollow.__table__.columns.keys()) == {"topic_id", "account_id"}


@pytest.mark.parametrize("state", TOPIC_STATES)
def test_what_has_come_to_its_end_is_not_followed(session: Session, state: str) -> None:
    topic, reader = in_state(session, state), factories.account(session)
    following.follow(session, [topic.id], reader.id)
    is_over = state in ("rejected", "merged", "published", "dropped")
    assert followers(session, topic) == (set() if is_over else {reader.id})


def test_merging_moves_followers_without_duplicates(session: Session) -> None:
    """[V10]"""
    topic, original = factories.topic(session), factories.topic(session)
    both, here, there = (factories.account(session) for _ in range(3))
    for account, ids in ((both, [topic.id, original.id]), (here, [topic.id])):
        following.follow(session, ids, account.id)
    following.follow(session, [original.id], there.id)
    topics.merge(session, topic, original, factories.staff(session))
    assert followers(session, topic) == set()
    assert followers(session, original) == {both.id, here.id, there.id}


def test_everybody_who_is_signed_in_may_follow(
    session: Session, client: FlaskClient, signed_in: SignedIn
) -> None:
    """It says nothing about a vote, and asks for none."""
    topic = factories.topic(session, approved_at=factories.NOON)
    page, follow = f"/topics/{topic.slug}", f"/topics/{topic.slug}/follow"
    assert f'href="/sign-in?next={page}"' in client.get(page).text
    assert f'action="{follow}"' not in client.get(page).text
    answer = client.post(follow)
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next={page}")
    for account in (
        factories.account(session),
        factories.patron(session),
        factories.staff(session),
    ):
        browser = signed_in(session, account)
        assert f'action="{follow}"' in browser.get(page).text
        answer = browser.post(follow)
        assert (answer.status_code, answer.location) == (303, page)
        assert "We write to you when something comes of it." in text_of(browser.get(page))
        assert account.id in followers(session, topic)
        assert topic.title in text_of(browser.get("/account/topics"))
        answer = browser.post(f"/topics/{topic.slug}/unfollow")
        assert (answer.status_code, answer.location) == (303, page)
        assert followers(session, topic) == set()
    assert session.scalars(select(Ballot)).all() == []


def test_nobody_follows_what_they_may_not_read(session: Session, signed_in: SignedIn) -> None:
    """[V13] A mail about it would tell what it says."""
    topic = factories.topic(session)
    browser = signed_in(session, factories.account(session))
    assert browser.post(f"/topics/{topic.slug}/follow").status_code == 403
    assert followers(session, topic) == set()
    assert browser.post("/topics/none/follow").status_code == 404


def test_following_what_is_over_is_refused_with_a_sentence(
    session: Session, signed_in: SignedIn
) -> None:
    topic = in_state(session, "published")
    factories.round_(session, [topic], state="settled")
    browser = signed_in(session, factories.account(session))
    answer = browser.post(f"/topics/{topic.slug}/follow")
    assert answer.status_code == 409
    assert "nothing more to tell" in text_of(answer)


def test_the_page_of_ones_own_topics(
    session: Session, client: FlaskClient, signed_in: SignedIn
) -> None:
    assert client.get("/account/topics").location == "/sign-in?next=/account/topics"
    reader = factories.patron(session)
    browser = signed_in(session, reader)
    shown = text_of(browser.get("/account/topics"))
    assert "You have suggested nothing yet" in shown
    assert "You follow no topic" in shown

    own = factories.topic(session, suggested_by_id=reader.id)
    declined = factories.topic(
        session, suggested_by_id=reader.id, state="rejected", public_reason="We did it in May."
    )
    theirs = factories.topic(session, suggested_by_id=factories.patron(session).id)
    following.follow(session, [theirs.id], reader.id)
    topics.change_state(session, theirs, "rejected", factories.staff(session), reason="No.")
    answer = browser.get("/account/topics")
    shown = text_of(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    assert shown.index(declined.title) < shown.index(own.title) < shown.index(theirs.title)
    assert "We did it in May." in shown
    assert "No editor has read it yet." in shown
    assert 'aria-current="page">Topics</a>' in answer.text
    answer = browser.post(f"/topics/{theirs.slug}/unfollow", data={"from": "account"})
    assert (answer.status_code, answer.location) == (303, "/account/topics")
    assert following.followed_by(session, reader.id) == []


def test_who_stops_following_what_they_may_read_no_more_lands_on_their_own_page(
    session: Session, signed_in: SignedIn
) -> None:
    topic, reader = factories.topic(session), factories.account(session)
    following.follow(session, [topic.id], reader.id)
    browser = signed_in(session, reader)
    assert browser.get(f"/topics/{topic.slug}").status_code == 200
    assert browser.post(f"/topics/{topic.slug}/unfollow").location == "/account/topics"
