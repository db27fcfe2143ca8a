"""Suggestions: made, supported, compared, and put in order for the next round."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from membership.voting import links, suggestions
from membership.voting.eligibility import NotEligibleError
from membership.voting.models import TOPIC_STATES, Topic, TopicSupport
from tests import factories

REASONS = {"rejected": "No.", "dropped": "No."}


def in_state(session: Session, state: str, **values) -> Topic:
    article = factories.article(session) if state == "published" else None
    original = factories.topic(session) if state == "merged" else None
    return factories.topic(
        session,
        state=state,
        public_reason=REASONS.get(state),
        article_id=article and article.id,
        merged_into_id=original and original.id,
        **values,
    )


def supporters(session: Session, topic: Topic) -> set[int]:
    theirs = select(TopicSupport.account_id).where(TopicSupport.topic_id == topic.id)
    return set(session.scalars(theirs))


def alike(session: Session, title: str) -> list[Topic]:
    return [each.topic for each in suggestions.look_alikes(session, title)]


def want(session: Session, topic: Topic, number: int) -> Topic:
    for _ in range(number):
        suggestions.support(session, topic, factories.patron(session).id)
    return topic


def test_support_counts_once_and_can_be_taken_back(session: Session) -> None:
    topic, patron = factories.topic(session), factories.patron(session)
    for _ in range(2):
        suggestions.support(session, topic, patron.id)
    assert supporters(session, topic) == {patron.id}
    assert suggestions.waiting(session) == [suggestions.Suggestion(topic, 1)]
    assert suggestions.supported(session, patron.id, [topic.id, 0]) == {topic.id}
    for _ in range(2):
        suggestions.unsupport(session, topic, patron.id)
    assert supporters(session, topic) == set()
    with pytest.raises(NotEligibleError):
        suggestions.support(session, topic, factories.account(session).id)
    with pytest.raises(NotEligibleError):
        suggestions.suggest(session, factories.account(session).id, "A title", "Why", "en")


@pytest.mark.parametrize("state", [state for state in TOPIC_STATES if state != "suggested"])
def test_only_suggestions_are_supported(session: Session, state: str) -> None:
    topic, patron = in_state(session, state), factories.patron(session)
    for act in (suggestions.support, suggestions.unsupport):
        with pytest.raises(suggestions.NotASuggestionError):
            act(session, topic, patron.id)


def test_a_month_has_room_for_five(session: Session) -> None:
    """[V13] What was suggested a month ago counts no more."""
    patron = factories.patron(session)

    def suggest(number: int) -> Topic:
        return suggestions.suggest(session, patron.id, f"Number {number}", "Because.", "en")

    first, *_ = [suggest(number) for number in range(suggestions.MOST_A_MONTH)]
    with pytest.raises(suggestions.TooManySuggestionsError):
        suggest(5)
    assert session.scalar(select(func.count()).select_from(Topic)) == suggestions.MOST_A_MONTH
    first.created_at -= timedelta(days=31)
    session.flush()
    suggest(5)


def test_slugs_are_words_and_differ(session: Session) -> None:
    """No topic stands where a page of ours does."""
    titles = {
        "Why did the trains stop?": "why-did-the-trains-stop",
        "Why did the trains... stop": "why-did-the-trains-stop-2",
        "Чому зникла вода": "чому-зникла-вода",
        "?!": "topic",
    } | {slug.title(): f"{slug}-2" for slug in ("suggest", "alike", "reported")}
    for title, slug in titles.items():
        patron = factories.patron(session)
        assert suggestions.suggest(session, patron.id, title, "Because.", "en").slug == slug


def test_look_alikes_come_most_alike_first(session: Session) -> None:
    """[V13]"""
    near = factories.topic(session, title="Чому у місті зникла вода")
    far = factories.topic(session, title="Куди зникла вода з річки", state="assigned")
    factories.topic(session, title="Night trains")
    assert alike(session, "Чому в місті зникла вода?") == [near, far]


@pytest.mark.parametrize("state", TOPIC_STATES)
def test_what_is_over_may_be_suggested_anew(session: Session, state: str) -> None:
    """[V13] Not chosen once, dropped or declined: it is no look-alike any more."""
    topic = in_state(session, state, title="Why the night trains stopped")
    is_alive = state in ("suggested", "on_ballot", "selected", "assigned", "published")
    assert alike(session, "Why the night trains stopped") == ([topic] if is_alive else [])


def test_most_wanted_first_then_the_oldest(session: Session) -> None:
    """What a recurring round is built from: read by an editor, and on no ballot."""
    topics = [factories.topic(session, approved_at=factories.NOON) for _ in range(5)]
    for topic, number in zip(topics, (1, 3, 0, 3, 5), strict=True):
        want(session, topic, number)
    third, first, last, second, drafted = topics
    first.created_at -= timedelta(days=1)
    factories.round_(session, [drafted, factories.topic(session)], state="draft")
    want(session, factories.topic(session, title="Nobody has read it"), 6)
    in_state(session, "not_selected", approved_at=factories.NOON)
    session.flush()

    expected = [suggestions.Suggestion(*row) for row in ((first, 3), (second, 3), (third, 1))]
    assert suggestions.best_supported(session, 3) == expected
    assert suggestions.best_supported(session, 9)[3:] == [suggestions.Suggestion(last, 0)]
    session.execute(delete(TopicSupport))
    assert suggestions.best_supported(session, 1) == [suggestions.Suggestion(first, 0)]


def test_the_list_is_ordered_by_time_alone(session: Session) -> None:
    """[V13] Support moves nothing up, so that no order tells it."""
    topics = [factories.topic(session, approved_at=factories.NOON) for _ in range(3)]
    want(session, topics[0], 2)
    unread = factories.topic(session)
    shown = [each.topic for each in suggestions.waiting(session)]
    assert shown == [unread, *reversed(topics)]
    read = [each.topic for each in suggestions.waiting(session, unread=False, most=2)]
    assert read == [topics[2], topics[1]]
    older = suggestions.waiting(session, unread=False, before=topics[1].id)
    assert older == [suggestions.Suggestion(topics[0], 2)]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", []),
        (" https://example.org/a \r\n\n", ["https://example.org/a"]),
        ("http://a.example\nhttps://b.example:8443/ї?q=1#x", None),
        ("https://a.example\nhttps://a.example", ["https://a.example"]),
    ],
)
def test_links_are_kept_as_they_are(typed: str, kept: list[str] | None) -> None:
    assert links.parse(typed) == (typed.split("\n") if kept is None else kept)


@pytest.mark.parametrize(
    "typed",
    [
        "javascript:alert(1)",
        "JavaScript://example.org/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "//example.org",
        "example.org",
        "https://",
        "https:///path",
        "https://localhost/",
        "https://newspaper.example@evil.example/",
        "https://evil.example\\@newspaper.example/",
        "https://example.org/a b",
        "https://example.org/\x00",
        "https://example.org/\u202egpj.exe",
        "https://[::1",
        "https://example.org:99999/",
        "https://example.org/" + "a" * links.LONGEST,
    ],
)
def test_only_plain_addresses_of_the_web_are_links(typed: str) -> None:
    """Nothing that a browser would run, and nothing that hides where it leads."""
    with pytest.raises(links.InvalidLinkError):
        links.parse(f"https://example.org/first\n{typed}")


def test_three_links_are_enough() -> None:
    with pytest.raises(links.TooManyLinksError):
        links.parse("\n".join(f"https://example.org/{number}" for number in range(4)))
