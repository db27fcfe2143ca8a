"""What the mails of voting say, and how a reader ends them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.mail import kinds
from membership.mail import letters as mails
from membership.mail.models import OutboxEmail
from membership.voting import following, paper, telling, topics
from membership.voting.models import METHODS
from tests import factories
from tests.voting.letters_of_votes import DAY, HOUR, held, letters, settle, vote

KINDS = ("round_opened", "round_closing", "round_result", "topic_news", "published")
QUESTION, TOPIC = "What next, bread & <roses>?", "Why is the bridge & its road closed?"
REASON = "Others have reported <all> of it."


def opened(session: Session, reader: Account) -> list[str]:
    round_ = held(session, title=QUESTION)
    telling.tell_due()
    return [QUESTION, f"/rounds/{round_.id}", "3"]


def closing(session: Session, reader: Account) -> list[str]:
    round_ = held(session, title=QUESTION, began=3 * DAY + HOUR, method="instant_runoff")
    telling.tell_due()
    return [QUESTION, f"/rounds/{round_.id}", "3"]


def result(session: Session, reader: Account) -> list[str]:
    stand = [factories.topic(session, state="on_ballot", title=title) for title in (TOPIC, "No")]
    round_ = held(session, stand, title=QUESTION)
    for voter in (reader, *(factories.patron(session) for _ in range(6))):
        vote(session, round_, voter, stand[0])
    factories.patron(session)
    settle(session, round_)
    telling.tell_due()
    return [QUESTION, TOPIC, f"/rounds/{round_.id}/result", "7", "8"]


def news(step: str) -> Callable[[Session, Account], list[str]]:
    before, to = {
        "reported": ("suggested", "merged"),
        "overruled": ("not_selected", "assigned"),
        "assigned": ("selected", "assigned"),
        "dropped": ("assigned", "dropped"),
    }.get(step, ("suggested", step))

    def make(session: Session, reader: Account) -> list[str]:
        topic, editor = (
            factories.topic(session, title=TOPIC, state=before),
            factories.staff(session),
        )
        following.follow(session, [topic.id], reader.id)
        if to == "merged":
            values = {}
            if step == "reported":
                values = {"state": "published", "article_id": factories.article(session).id}
            original = factories.topic(session, title="The railway", **values)
            topics.merge(session, topic, original, editor)
            return [TOPIC, "The railway", f"/topics/{original.slug}"]
        reason = None if step == "assigned" else REASON
        if to == "assigned":
            topics.assign(session, topic, editor, editor, reason=reason)
        else:
            topics.change_state(session, topic, to, editor, reason=reason)
        return [TOPIC, f"/topics/{topic.slug}", *([reason] if reason else [])]

    return make


def advised(session: Session, reader: Account) -> list[str]:
    stand = [factories.topic(session, state="on_ballot", title=title) for title in (TOPIC, "No")]
    round_ = held(session, stand, quorum=10, quorum_rule="advisory")
    vote(session, round_, reader, stand[0])
    following.follow(session, [stand[0].id], reader.id)
    settle(session, round_)
    editor = factories.staff(session)
    topics.assign(session, stand[0], editor, editor, reason=REASON)
    return [TOPIC, REASON, f"/topics/{stand[0].slug}"]


def on_ballot(session: Session, reader: Account) -> list[str]:
    """The reader gives nothing any more."""
    stands = [factories.topic(session, title=title, state="on_ballot") for title in (TOPIC, "No")]
    held(session, stands)
    follower = factories.account(session, language=reader.language)
    following.follow(session, [stands[0].id], follower.id)
    telling.tell_due()
    return [TOPIC, f"/topics/{stands[0].slug}"]


def published(session: Session, reader: Account) -> list[str]:
    topic, editor = (
        factories.topic(session, title=TOPIC, state="assigned"),
        factories.staff(session),
    )
    following.follow(session, [topic.id], reader.id)
    story = factories.article(session, title="The <bridge> opens")
    topics.publish(session, topic, story, editor)
    return [TOPIC, "The <bridge> opens", story.standfirst, f"/articles/{story.slug}"]


WRITTEN: dict[str, tuple[str, Callable[[Session, Account], list[str]]]] = {
    "opened": ("round_opened", opened),
    "closing": ("round_closing", closing),
    "result": ("round_result", result),
    **{
        step: ("topic_news", news(step))
        for step in ("rejected", "merged", "reported", "assigned", "overruled", "dropped")
    },
    "advised": ("topic_news", advised),
    "on ballot": ("topic_news", on_ballot),
    "published": ("published", published),
}


def compose(mail: OutboxEmail) -> tuple[Any, str, str]:
    """(letter, text, HTML)."""
    mail.message_id = "<1@courier.example>"
    letter = mails.compose(mail)
    parts = [letter.get_body((kind,)) for kind in ("plain", "html")]
    text, html = (str(part.get_content()) for part in parts if part is not None)
    return letter, text, html


@pytest.mark.parametrize("language", ["en", "uk"])
@pytest.mark.parametrize("name", WRITTEN)
def test_each_mail_has_one_link_and_all_in_its_text(
    session: Session, name: str, language: str
) -> None:
    """[M6] [M7] What was typed is text; the one link of the letter and the way out of it."""
    kind, make = WRITTEN[name]
    facts = make(session, factories.patron(session, language=language))
    letter, text, html = compose(letters(session, kind)[0])
    words = re.split(r"[\s.,:]+", text)
    for fact in facts:
        assert fact in (words if fact.isdigit() else text)
    (url,) = (fact for fact in facts if fact.startswith("/"))
    links = re.findall(r'<a [^>]*href="([^"]*)"', html)
    assert len(links) == 2
    assert links[0].endswith(url)
    assert links[0] in text
    assert f"<{links[1]}>" == letter["List-Unsubscribe"]
    assert links[1] in text
    assert not re.search("<roses>|<all>|<bridge>", html)
    assert ("/uk/" in links[0]) == (language == "uk")


@pytest.mark.parametrize("name", WRITTEN)
def test_no_subject_tells_of_giving(session: Session, name: str) -> None:
    """[S10] Whoever sees an inbox learns that its owner reads us, and no more."""
    kind, make = WRITTEN[name]
    make(session, factories.patron(session))
    letter, _, _ = compose(letters(session, kind)[0])
    assert not re.search("patron|donat|support|giv|gift|voter|your vote", letter["Subject"].lower())


@pytest.mark.parametrize(("rule", "said"), [("void", "chooses nothing"), ("advisory", "advice")])
def test_too_few_ballots_are_said_without_a_number(session: Session, rule: str, said: str) -> None:
    """[V7] [V8]"""
    round_ = held(session, title="What now?", quorum=50, quorum_rule=rule)
    first = paper.options(session, round_.id)[0]
    vote(session, round_, factories.patron(session), first)
    settle(session, round_)
    telling.tell_due()
    letter, text, html = compose(letters(session, "round_result")[0])
    assert letter["Subject"] == "Counted: What now?"
    for part in (text, html):
        assert said in part
        assert "took part." not in part
        assert (first.title in part) == (rule == "advisory")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("most", [1, 2])
def test_an_invitation_says_what_the_ballot_asks_for(
    session: Session, method: str, most: int
) -> None:
    factories.patron(session)
    held(session, method=method, max_choices=most)
    telling.tell_due()
    _, text, _ = compose(letters(session, "round_opened")[0])
    asked = {
        ("approval", 1): "you choose one of them",
        ("approval", 2): "you choose up to 2 of them",
        ("instant_runoff", 1): "you name the one you want most",
        ("instant_runoff", 2): "you put up to 2 of them in order",
    }
    assert f"3 topics stand on the ballot; {asked[method, most]}" in text


def test_an_invitation_names_no_topic(session: Session) -> None:
    """[V5] One order for everyone would favour whichever comes first."""
    factories.patron(session)
    round_ = held(session)
    telling.tell_due()
    _, text, html = compose(letters(session, "round_opened")[0])
    for topic in paper.options(session, round_.id):
        assert topic.title not in text + html


def test_every_mail_of_voting_can_be_refused(
    session: Session, signed_in: Callable[[Session, Account], FlaskClient]
) -> None:
    """[M8]"""
    page = signed_in(session, factories.account(session)).get("/account/mail").text
    for kind in KINDS:
        assert re.search(rf'<input[^>]* value="{kind}"[^>]* checked', page)
        assert kinds.find(kind).is_bulk


def test_one_click_ends_one_kind(
    app: Flask,
    session: Session,
    signed_in: Callable[[Session, Account], FlaskClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[M6] The others still come."""
    reader = factories.patron(session)
    opened(session, reader)
    letter, _, _ = compose(letters(session, "round_opened")[0])
    url = str(letter["List-Unsubscribe"]).strip("<>").removeprefix("http://localhost")
    with monkeypatch.context() as strict:
        strict.setitem(app.config, "WTF_CSRF_ENABLED", True)
        program = app.test_client(use_cookies=False)
        assert program.post(url, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    page = signed_in(session, reader).get("/account/mail").text
    on = {kind for kind in KINDS if re.search(rf'value="{kind}"[^>]* checked', page)}
    assert on == set(KINDS) - {"round_opened"}
