"""Building a round: search, preview with its check list, creating, changing and cancelling it."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.mail.models import MailRefusal, Suppression
from membership.voting import drafts, paper, rounds
from membership.voting.models import Round, Topic, TopicSupport
from tests import factories
from tests.conftest import SignedIn

KYIV = ZoneInfo("Europe/Kyiv")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def local(at: datetime) -> str:
    return at.astimezone(KYIV).strftime("%Y-%m-%dT%H:%M")


def asked(session: Session, **values: Any) -> dict[str, Any]:
    """What the form sends for a round that opens tomorrow for a week."""
    if "topics" not in values:
        topics = [factories.topic(session, approved_at=clock.now()) for _ in range(3)]
        values["topics"] = [topic.id for topic in topics]
    now = clock.now()
    return {
        "act": "create",
        "title": "What next?",
        "opens_at": local(now + DAY),
        "closes_at": local(now + 8 * DAY),
        "method": "approval",
        "max_choices": 2,
        "seats": 1,
        "quorum": 2,
        "quorum_rule": "void",
        "tie_rule": "lot",
    } | values


def draft_of(session: Session, editor: Account) -> Round:
    now = clock.now()
    return drafts.create(
        session,
        title="What next?",
        topics=[factories.topic(session) for _ in range(3)],
        opens_at=now + DAY,
        closes_at=now + 8 * DAY,
        actor=editor,
    )


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_a_round_is_created_with_all_its_rules(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    """[V7]"""
    data = asked(
        session,
        method="instant_runoff",
        max_choices=3,
        quorum=40,
        quorum_rule="advisory",
        tie_rule="earliest",
    )
    answer = browser.post("/staff/rounds/new", data=data)
    held = session.scalars(select(Round)).one()
    assert (answer.status_code, answer.location) == (303, f"/staff/rounds/{held.id}")
    assert (held.state, held.method, held.max_choices) == ("draft", "instant_runoff", 3)
    assert (held.quorum, held.quorum_rule, held.tie_rule) == (40, "advisory", "earliest")
    assert (local(held.opens_at), local(held.closes_at)) == (data["opens_at"], data["closes_at"])
    assert [topic.id for topic in paper.options(session, held.id)] == data["topics"]
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "round.created")).one()
    assert entry.actor_id == editor.id


def test_a_round_can_open_at_once(session: Session, browser: FlaskClient) -> None:
    """[V11]"""
    browser.post("/staff/rounds/new", data=asked(session, opens_now="y", opens_at=""))
    held = session.scalars(select(Round)).one()
    assert rounds.phase(session, held) == "open"
    assert set(session.scalars(select(Topic.state))) == {"on_ballot"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"title": ""}, "A round needs a title."),
        ({"topics": []}, "Choose at least two topics."),
        ({"topics": ["many"]}, "Choose at least two topics."),
        ({"topics": [10**30]}, "A round needs at least two topics"),
        ({"closes_at": ""}, "Say when the round closes."),
        ({"closes_at": "2020-01-01T10:00"}, "cannot close in the past"),
        ({"opens_at": ""}, "Say when the round opens"),
        ({"opens_at": "soon"}, "Not a valid datetime value"),
        ({"opens_at": "2999-01-01T10:00"}, "A round closes after it opens."),
        ({"method": "guessing"}, "Not a valid choice"),
        ({"seats": 3}, "fewer win than stand"),
        ({"method": "instant_runoff", "seats": 2}, "Instant-runoff chooses exactly one topic."),
        ({"max_choices": 0}, "From 1 to 20."),
        ({"max_choices": 4}, "no more than stand: 3"),
        ({"quorum": "many"}, "Not a valid integer value"),
        ({"quorum": 0}, "From 1 to"),
        ({"quorum_rule": "win"}, "Not a valid choice"),
        ({"tie_rule": "loudest"}, "Not a valid choice"),
        ({"opens_at": "0001-01-01T00:00"}, "within ten years of today"),
        ({"closes_at": "9999-12-31T23:59"}, "within ten years of today"),
    ],
)
@pytest.mark.parametrize("act", ["preview", "create"])
def test_a_wrong_round_is_said_beside_what_was_typed(
    session: Session, browser: FlaskClient, wrong: dict[str, Any], sentence: str, act: str
) -> None:
    answer = browser.post("/staff/rounds/new", data=asked(session, **wrong) | {"act": act})
    assert answer.status_code == 422
    assert sentence in answer.text
    if "title" not in wrong:
        assert 'value="What next?"' in answer.text
    assert session.scalar(select(func.count()).select_from(Round)) == 0
    assert actions(session) == []


def test_a_topic_that_moved_on_or_stands_elsewhere_is_refused(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    free = factories.topic(session)
    for taken, sentence in (
        (factories.topic(session, state="assigned"), "is no open suggestion any more"),
        (paper.options(session, draft_of(session, editor).id)[0], "stands in another round"),
    ):
        for act in ("preview", "create"):
            data = asked(session, topics=[free.id, taken.id], act=act)
            answer = browser.post("/staff/rounds/new", data=data)
            assert (answer.status_code, sentence in answer.text) == (422, True)
    assert session.scalar(select(func.count()).select_from(Round)) == 1


def ticked(page: str) -> set[int]:
    """Ids of the topics whose boxes are ticked."""
    boxes = [part.split(">")[0] for part in page.split("<input ")[1:]]
    values = (box.split('value="')[1].split('"')[0] for box in boxes if 'name="topics"' in box)
    marks = ("checked" in box for box in boxes if 'name="topics"' in box)
    return {int(value) for value, mark in zip(values, marks, strict=True) if mark}


def test_every_suggestion_can_be_found_and_what_is_chosen_stays(
    session: Session, browser: FlaskClient
) -> None:
    bridge = factories.topic(session, title="The bridge over the river")
    others = [factories.topic(session) for _ in range(150)]
    page = browser.get("/staff/rounds/new").text
    assert "search for others" in page
    assert others[-1].title not in page
    data = asked(session, topics=[others[0].id], act="search", search="RIVER bridge")
    page = browser.post("/staff/rounds/new", data=data).text
    assert bridge.title in page
    assert ticked(page) == {others[0].id}
    data |= {"topics": [others[0].id, bridge.id], "search": "no such words"}
    answer = browser.post("/staff/rounds/new", data=data)
    assert answer.status_code == 200
    assert ticked(answer.text) == {others[0].id, bridge.id}
    assert "No suggestion has these words." in answer.text
    assert session.scalar(select(Round)) is None


def test_suggestions_with_most_supporters_are_offered_first(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    first, second = (factories.topic(session, title=f"Story {name}") for name in "AB")
    session.add(TopicSupport(topic_id=second.id, account_id=factories.patron(session).id))
    taken = paper.options(session, draft_of(session, editor).id)[0]
    page = browser.get("/staff/rounds/new").text
    assert page.index(second.title) < page.index(first.title)
    assert taken.title not in page


def test_the_preview_writes_nothing(session: Session, browser: FlaskClient) -> None:
    unread = factories.topic(session, title="Who owns the market?")
    topics = [unread.id, factories.topic(session, approved_at=clock.now()).id]
    before = session.execute(select(Topic.id, Topic.state, Topic.approved_at)).all()
    data = asked(session, topics=topics, act="preview", title="What <b>next</b>?", quorum=7)
    page = browser.post("/staff/rounds/new", data=data).text
    assert "As voters will see it" in page
    assert "What &lt;b&gt;next&lt;/b&gt;?" in page
    assert 'name="choice"' in page
    for name, value in data.items():
        for each in value if isinstance(value, list) else [value]:
            if name not in ("act", "title"):
                assert f'name="{name}" value="{each}"' in page
    session.expire_all()
    assert session.execute(select(Topic.id, Topic.state, Topic.approved_at)).all() == before
    assert session.scalar(select(Round)) is None
    assert actions(session) == []
    page = browser.post("/staff/rounds/new", data=data | {"act": "edit"}).text
    assert ticked(page) == set(topics)
    assert 'value="7"' in page


def test_the_check_list_says_what_to_look_at(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    for _ in range(3):
        factories.patron(session)
    refusing, blocked = factories.patron(session), factories.patron(session)
    session.add(MailRefusal(address=refusing.email, kind="round_opened"))
    session.add(Suppression(address=blocked.email, reason="bounce"))
    factories.account(session)
    draft_of(session, editor).title = "What else?"
    unread = factories.topic(session, title="Who owns the market?")
    topics = [unread.id, factories.topic(session, approved_at=clock.now()).id]
    session.flush()
    opens_at = datetime(2030, 5, 6, 9, 30, tzinfo=KYIV)
    data = asked(session, topics=topics, act="preview", quorum=9)
    said = browser.post("/staff/rounds/new", data=data).text
    for sentence in (
        "2 stand, a patron chooses up to 2, 1 will win. With two topics",
        "Nobody has approved these yet; the ballot does: “Who owns the market?”",
        "9 ballots are needed; 5 patrons may vote now. That cannot be reached.",
        "When it opens, a mail goes to 3 patrons.",
        "Whoever has not voted a day before the end is reminded once.",
        "At the same time patrons are asked: “What else?”",
        "Follows from the round’s number and its topics",
    ):
        assert sentence in said
    data |= {"opens_at": local(opens_at), "closes_at": local(opens_at + 2 * HOUR)}
    said = browser.post("/staff/rounds/new", data=data).text
    for sentence in (
        "From Monday, 6 May 2030, 09:30 to Monday, 6 May 2030, 11:30 (Europe/Kyiv), 2 hours. "
        "Whoever looks in once a day may miss it.",
        "No other round at the same time.",
        "Nobody is reminded",
    ):
        assert sentence in said
    said = browser.post("/staff/rounds/new", data=data | {"opens_now": "y"}).text
    assert "It opens at once: nobody can look at topics and rules beforehand." in said


def test_a_good_round_passes_the_check_list(session: Session, browser: FlaskClient) -> None:
    for _ in range(12):
        factories.patron(session)
    page = browser.post("/staff/rounds/new", data=asked(session, act="preview")).text
    assert 'data-tone="warning"' not in page
    assert page.count('data-tone="good"') == 8


def test_a_draft_can_be_changed_until_it_opens(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    """[V6] The seed is sealed anew."""
    draft = draft_of(session, editor)
    seed, edit = draft.tie_seed, f"/staff/rounds/{draft.id}/edit"
    page = browser.get(edit).text
    kept = paper.options(session, draft.id)
    assert ticked(page) == {topic.id for topic in kept}
    assert f'value="{local(draft.opens_at)}"' in page
    topics = [kept[0].id, factories.topic(session).id]
    data = asked(session, topics=topics, title="And now?", quorum=5)
    assert "Sealed anew" in browser.post(edit, data=data | {"act": "preview"}).text
    assert browser.post(edit, data=data).location == f"/staff/rounds/{draft.id}"
    session.refresh(draft)
    assert (draft.title, draft.quorum, draft.state) == ("And now?", 5, "draft")
    assert [topic.id for topic in paper.options(session, draft.id)] == topics
    assert draft.tie_seed != seed
    assert browser.post(edit, data=data | {"opens_now": "y"}).status_code == 303
    session.refresh(draft)
    assert draft.state == "open"
    for refused in (browser.get(edit), browser.post(edit, data=data)):
        assert refused.status_code == 409
        assert "This round has opened" in refused.text


def test_a_draft_can_be_taken_back_until_it_opens(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    draft = draft_of(session, editor)
    topics = paper.options(session, draft.id)
    opened = factories.round_(session)
    assert "Take the draft back" in browser.get(f"/staff/rounds/{draft.id}").text
    assert browser.post(f"/staff/rounds/{draft.id}/cancel").location == "/staff/rounds"
    assert session.scalars(select(Round)).all() == [opened]
    assert {topic.state for topic in topics} == {"suggested"}
    assert actions(session)[-1] == "round.cancelled"
    assert browser.post(f"/staff/rounds/{draft.id}/cancel").status_code == 404
    refused = browser.post(f"/staff/rounds/{opened.id}/cancel")
    assert (refused.status_code, "has opened" in refused.text) == (409, True)
    assert "Take the draft back" not in browser.get(f"/staff/rounds/{opened.id}").text


@pytest.mark.parametrize("role", ["reporter", "finance", None])
def test_editors_alone_build_rounds(
    session: Session, signed_in: SignedIn, editor: Account, role: str | None
) -> None:
    """[S8]"""
    draft = draft_of(session, editor)
    who = factories.staff(session, role) if role else factories.patron(session)
    browser = signed_in(session, who)
    data = asked(session)
    for page in ("/staff/rounds/new", f"/staff/rounds/{draft.id}/edit"):
        assert browser.get(page).status_code == 403
        assert browser.post(page, data=data).status_code == 403
    for act in ("cancel", "settle", "overrule"):
        assert browser.post(f"/staff/rounds/{draft.id}/{act}", data=data).status_code == 403
    assert session.scalars(select(Round)).all() == [draft]
