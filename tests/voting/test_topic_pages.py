"""The pages on which topics are read: for readers, patrons, those who were patrons, and staff."""

import re
from datetime import time, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from membership.voting import drafts, following, lists, paper, rounds, suggestions, topics
from membership.voting.models import RoundSeries, Topic
from tests import factories
from tests.conftest import SignedIn
from tests.voting.pages import settled, text_of

DAY = timedelta(days=1)


def lapsed(session: Session):
    """Who gave once and whose support has ended."""
    account = factories.account(session)
    factories.subscription(session, account, state="ended", ended_at=factories.NOON)
    return account


def someone(session: Session, who: str):
    if who == "staff":
        return factories.staff(session, "reporter")
    return factories.patron(session) if who == "patron" else lapsed(session)


def reported(session: Session, closed_ago: int = 12, published_ago: int = 2, **values) -> Topic:
    """A topic that was chosen, and became a story, so many days ago."""
    winner, other = factories.topic(session), factories.topic(session)
    held = factories.round_(session, [winner, other], state="draft")
    rounds.advance(session, held.id)
    voter = factories.patron(session)
    rounds.cast(session, held.id, voter.id, [winner.id])
    held.closes_at = rounds.database_now(session)
    session.flush()
    while rounds.advance(session, held.id):
        pass
    editor = factories.staff(session)
    topics.assign(session, winner, editor, editor)
    topics.publish(session, winner, factories.article(session, **values), editor)
    now = rounds.database_now(session)
    session.refresh(held)
    held.opens_at, held.closes_at = now - DAY * (closed_ago + 3), now - DAY * closed_ago
    winner.published_at = now - DAY * published_ago
    session.flush()
    return winner


def test_votes_of_one_moment_stand_in_one_order(session: Session) -> None:
    """However the database happens to find them, such as after one of them was changed."""
    topic = factories.topic(session)
    times = {"opens_at": factories.NOON, "closes_at": factories.NOON + DAY}
    held = [factories.round_(session, [topic], **times) for _ in range(3)]
    for each in reversed(held):
        each.title = "Another title"
        session.flush()
        assert rounds.of_topic(session, topic) == held[::-1]


@pytest.mark.parametrize(
    "path",
    [
        "/topics/none",
        "/rounds/999",
        "/rounds/99999999999999999999",
        "/rounds/999/result",
        "/topics?show=everything",
        "/topics?show=",
        "/topics?show=suggested&before=x",
        "/topics?show=results&before=-1",
        "/topics/reported?before=99999999999999999999",
        "/topics/reported?before=٣",
    ],
)
def test_what_is_not_there(session: Session, client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_without_anything_the_page_says_what_will_stand_there(
    session: Session, client: FlaskClient
) -> None:
    shown = text_of(client.get("/topics"))
    for words in ("No round is open right now", "Nothing is waiting", "Stories you asked for will"):
        assert words in shown
    assert "Stories you asked for will stand here" in text_of(client.get("/topics/reported"))


def test_the_next_round_is_told_when_it_is_known(session: Session, client: FlaskClient) -> None:
    made = {"title": "Every month", "day": 5, "opens_at": time(9), "days": 7}
    session.add(RoundSeries(**made, is_active=False))
    session.flush()
    assert "The next one opens on" not in text_of(client.get("/topics"))
    session.add(RoundSeries(**made))
    session.flush()
    assert "The next one opens on 5 " in text_of(client.get("/topics"))


def test_topics_for_everyone(session: Session, client: FlaskClient) -> None:
    """[V13] Everybody reads what an editor has let through, and nothing else."""
    held = factories.round_(session)
    story = factories.article(session)
    for state in ("assigned", "not_selected"):
        factories.topic(session, state=state, title=f"This one is {state}")
    published = factories.topic(
        session, state="published", article_id=story.id, published_at=factories.NOON
    )
    unread = factories.topic(session)
    approved = factories.topic(session, approved_at=factories.NOON)
    answer = client.get("/topics")
    shown = text_of(answer)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert shown.index(held.title) < shown.index(story.title)
    for words in (published.title, "This one is assigned", "This one is not_selected"):
        assert words in shown
    assert approved.title in shown
    assert unread.title not in shown
    assert re.search(r"Open until .+ \d\d:\d\d \S+", shown)


@pytest.mark.parametrize("who", ["patron", "lapsed", "staff"])
def test_who_reads_what_no_editor_has_read(session: Session, signed_in: SignedIn, who: str) -> None:
    """[V13]"""
    unread = factories.topic(session, title="Nobody has read this one")
    browser = signed_in(session, someone(session, who))
    answer = browser.get(f"/topics/{unread.slug}")
    may_read = who != "lapsed"
    assert answer.status_code == (200 if may_read else 403)
    assert (unread.why in answer.text) is may_read
    assert ("Nobody has read" in text_of(browser.get("/topics"))) is may_read
    assert ("Nobody has read" in text_of(browser.get("/topics?show=suggested"))) is may_read


def test_who_suggested_or_follows_it_reads_it_still(session: Session, signed_in: SignedIn) -> None:
    """[V13] A mail about a declined topic leads to its page, also when support has ended since."""
    author, follower, other = (lapsed(session) for _ in range(3))
    topic = factories.topic(session, suggested_by_id=author.id)
    following.follow(session, [topic.id], follower.id)
    topics.change_state(session, topic, "rejected", factories.staff(session), reason="Not ours.")
    for account, status in ((author, 200), (follower, 200), (other, 403)):
        answer = signed_in(session, account).get(f"/topics/{topic.slug}")
        assert answer.status_code == status
        assert ("Not ours." in text_of(answer)) is (status == 200)


@pytest.mark.parametrize("approved_at", [None, factories.NOON])
def test_what_was_declined_is_read_by_nobody_outside(
    client: FlaskClient, session: Session, approved_at
) -> None:
    """[V13] Moderation that publishes what it declines would be none."""
    topic = factories.topic(
        session,
        state="rejected",
        public_reason="It names a private person.",
        approved_at=approved_at,
    )
    answer = client.get(f"/topics/{topic.slug}")
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next=/topics/{topic.slug}")
    assert topic.why not in answer.text
    assert topic.title not in client.get("/topics").text


def test_a_merged_topic_leads_to_the_one_it_goes_on_in(
    session: Session, client: FlaskClient, signed_in: SignedIn
) -> None:
    """[V10] [V13] It does not tell of one that nobody has read."""
    original = factories.topic(session, title="The one that stays")
    twin = factories.topic(session, approved_at=factories.NOON)
    topics.merge(session, twin, original, factories.staff(session))
    assert original.title not in client.get(f"/topics/{twin.slug}").text
    page = signed_in(session, factories.patron(session)).get(f"/topics/{twin.slug}")
    assert f'href="/topics/{original.slug}"' in page.text


def test_the_whole_way_of_a_topic(session: Session, client: FlaskClient) -> None:
    """[V10]"""
    topic = reported(session, title="The story of it")
    shown = text_of(client.get(f"/topics/{topic.slug}"))
    way = shown[shown.index("Its way so far") :]
    steps = ["Suggested", "Stood for a vote:", "Chosen by our patrons The result"]
    steps += ["Given to a reporter", "Reported, 10 days after the vote"]
    places = [way.index(step) for step in steps]
    assert places == sorted(places)
    assert "The story of it" in shown
    assert "Follow" not in shown[: shown.index("Its way so far")]


def test_the_way_says_when_too_few_voted_and_why_editors_overruled(
    session: Session, client: FlaskClient
) -> None:
    """[V7] [V12]"""
    held = settled(session, 2, quorum=50)
    topic = paper.options(session, held.id)[0]
    editor = factories.staff(session)
    topics.assign(session, topic, editor, editor, reason="The council decides on Monday.")
    shown = text_of(client.get(f"/topics/{topic.slug}"))
    assert "Nothing was chosen: too few voted The result" in shown
    assert shown.count("The council decides on Monday.") == 1


def test_a_draft_is_a_step_to_come(session: Session, client: FlaskClient) -> None:
    now = clock.now()
    topic, other = factories.topic(session), factories.topic(session)
    drafts.create(
        session,
        title="In a week",
        topics=[topic, other],
        opens_at=now + 7 * DAY,
        closes_at=now + 9 * DAY,
        max_choices=1,
        actor=factories.staff(session),
    )
    shown = text_of(client.get(f"/topics/{topic.slug}"))
    assert "Read by an editor: it may stand for a vote" in shown
    assert shown.index("Read by an editor") < shown.index("Will stand for a vote: In a week")
    assert "In a week opens" in text_of(client.get("/topics"))


def test_you_asked_we_reported(session: Session, client: FlaskClient) -> None:
    topic = reported(session, title="A story <b>", standfirst="What we found.")
    answer = client.get("/topics/reported")
    shown = text_of(answer)
    assert "A story <b>" in shown
    assert f"You asked: {topic.title}" in shown
    assert "10 days after the vote “ What shall we look into next? ”" in shown
    assert "public" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert 'href="/topics/reported"' in client.get("/topics").text
    story = client.get(f"/articles/{lists.reported(session)[0].article.slug}")
    assert 'href="/topics/reported"' in story.text


def test_the_last_settled_vote_is_the_one_that_is_named(session: Session) -> None:
    topic = reported(session, closed_ago=12)
    now = clock.now()
    for state, ago in (("settled", 40), ("void", 5)):
        factories.round_(
            session, [topic], state=state, opens_at=now - DAY * 60, closes_at=now - DAY * ago
        )
    (row,) = lists.reported(session)
    assert row.days == 10
    # Given to a reporter without any settled vote: there are no days to tell.
    story = factories.article(session)
    factories.topic(session, state="published", article_id=story.id, published_at=now)
    assert [row.days for row in lists.reported(session)] == [None, 10]


def test_days_are_those_of_the_newsrooms_calendar(app: Flask) -> None:
    late = factories.NOON.replace(hour=21, minute=30)  # half past eleven in Kyiv
    with app.app_context():
        assert lists.days_between(late, late + timedelta(minutes=20)) == 0
        assert lists.days_between(late, late + timedelta(hours=1)) == 1


def test_long_lists_go_on(session: Session, client: FlaskClient) -> None:
    """Every row stands on exactly one page, however many share a time."""
    story = factories.article(session)
    many = lists.ON_A_PAGE + 3
    for _ in range(many):
        factories.topic(
            session, state="published", article_id=story.id, published_at=factories.NOON
        )
        factories.topic(session, state="dropped", public_reason="No.")
        factories.topic(session, state="assigned")
        factories.topic(session, approved_at=factories.NOON)
        factories.round_(session, [factories.topic(session, state="selected")], state="settled")
    pages = ["/topics/reported"]
    pages += [f"/topics?show={name}" for name in ("suggested", "at-rest", "at-work", "results")]
    for page in pages:
        seen: list[str] = []
        at: str | None = page
        while at:
            answer = client.get(at)
            assert answer.status_code == 200
            seen += re.findall(r'href="(/(?:topics/topic-|rounds/)[\w/-]+)"', answer.text)
            more = re.search(r'rel="next" href="([^"]+)"', answer.text)
            at = more.group(1).replace("&amp;", "&") if more else None
        assert len(seen) == len(set(seen)) >= many, page


def test_what_was_typed_is_never_markup(session: Session, signed_in: SignedIn) -> None:
    """Titles, reasons and links come from readers."""
    nasty = '"><script>alert(1)</script>'
    topic = factories.topic(
        session,
        title=nasty,
        why=nasty,
        links=["https://example.org/?q=%22%3E", 'https://example.org/"onmouseover="x'],
        approved_at=factories.NOON,
    )
    author = factories.patron(session)
    topic.suggested_by_id = author.id
    following.follow(session, [topic.id], author.id)
    browser = signed_in(session, author)
    for page in ("/topics", f"/topics/{topic.slug}", "/account/topics", "/topics?show=suggested"):
        shown = browser.get(page).text
        assert "<script>alert" not in shown
        assert 'onmouseover="x' not in shown
    shown = browser.get(f"/topics/{topic.slug}").text
    assert shown.count('rel="nofollow ugc noopener"') == 2


def test_support_is_hidden_from_the_ballot_paper_until_the_end(
    session: Session, signed_in: SignedIn
) -> None:
    """[V13] Counts are shown before, and again after; never while somebody may vote."""
    now = clock.now()
    topic, other = (factories.topic(session, approved_at=factories.NOON) for _ in range(2))
    for _ in range(3):
        suggestions.support(session, topic, factories.patron(session).id)
    elsewhere = factories.topic(session, title="It stands in no round")
    browser = signed_in(session, factories.patron(session))
    pages = ["/topics", "/topics?show=suggested", f"/topics/{topic.slug}"]
    pages.append(f"/topics/alike?title={topic.title}")

    def told() -> list[str]:
        return [page for page in pages if "3 patrons want this" in text_of(browser.get(page))]

    assert told() == pages
    draft = drafts.create(
        session,
        title="Soon",
        topics=[topic, other],
        opens_at=now + DAY,
        closes_at=now + 2 * DAY,
        max_choices=1,
        actor=factories.staff(session),
    )
    assert told() == []
    drafts.cancel(session, draft, factories.staff(session))
    assert told() == pages
    topic.state = "on_ballot"
    held = factories.round_(session, [topic, other])
    assert told() == []
    assert suggestions.supporters(session, [topic.id, other.id, elsewhere.id]) == {elsewhere.id: 0}
    held.state = "closed"
    session.flush()
    assert told() == []
    held.state, topic.state, other.state = "settled", "selected", "not_selected"
    session.flush()
    assert suggestions.supporters(session, [topic.id, other.id]) == {topic.id: 3, other.id: 0}


def test_pages_in_ukrainian_keep_to_their_prefix(session: Session, client: FlaskClient) -> None:
    held = factories.round_(session)
    page = client.get("/uk/topics").get_data(as_text=True)
    assert f'href="/uk/rounds/{held.id}"' in page
    answer = client.post(f"/uk/rounds/{held.id}", data={"choice": 1})
    assert answer.location == f"/uk/sign-in?next=/uk/rounds/{held.id}"
