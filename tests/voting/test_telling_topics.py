"""Mail about topics: each step once, to those who follow."""

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing import forgetting
from membership.mail import refusals
from membership.mail.models import OutboxEmail
from membership.voting import following, paper, telling, topics
from membership.voting.models import Topic
from tests import factories
from tests.voting.letters_of_votes import DAY, HOUR, addresses, held, letters, settle, told, vote

NEWS, PUBLISHED = "topic_news", "published"
REASON = "Others have reported it well."


def followed(session: Session, **values: object) -> tuple[Topic, Account]:
    """A topic with one follower, who gives nothing."""
    topic, follower = factories.topic(session, **values), factories.account(session)
    following.follow(session, [topic.id], follower.id)
    return topic, follower


def take(session: Session, topic: Topic, to: str, editor: Account) -> None:
    if to == "assigned":
        reason = REASON if topic.state == "not_selected" else None
        topics.assign(session, topic, editor, editor, reason=reason)
    else:
        topics.change_state(session, topic, to, editor, reason=REASON)


@pytest.mark.parametrize(
    ("before", "to", "step", "reason"),
    [
        ("suggested", "rejected", "rejected", REASON),
        ("selected", "assigned", "assigned", None),
        ("not_selected", "assigned", "overruled", REASON),
        ("assigned", "dropped", "dropped", REASON),
    ],
)
def test_followers_hear_of_a_step(
    session: Session, before: str, to: str, step: str, reason: str | None
) -> None:
    """[V10] [V12] With the public reason; whoever stopped following, or goes, hears nothing."""
    editor = factories.staff(session)
    topic, follower = followed(session, state=before)
    stopped, going = factories.account(session), factories.account(session)
    for each in (stopped, going):
        following.follow(session, [topic.id], each.id)
    following.unfollow(session, topic.id, stopped.id)
    going.delete_after_at = factories.NOON
    session.flush()
    followed(session)
    take(session, topic, to, editor)
    (mail,) = letters(session, NEWS)
    assert (mail.recipient, mail.subject) == (follower.email, f"topic:{topic.id}:{to}")
    assert (mail.context["step"], mail.context["reason"]) == (step, reason)
    assert mail.context["url"] == f"http://localhost/topics/{topic.slug}"


def test_following_advice_is_told_as_that(session: Session) -> None:
    """[V7] [V12] Only what the count put behind is taken up against it."""
    editor = factories.staff(session)
    round_ = held(session, quorum=10, quorum_rule="advisory")
    ahead, behind, _ = paper.options(session, round_.id)
    vote(session, round_, factories.patron(session), ahead)
    following.follow(session, [ahead.id, behind.id], factories.account(session).id)
    settle(session, round_)
    for topic in (ahead, behind):
        topics.assign(session, topic, editor, editor, reason=REASON)
    steps = [(mail.context["step"], mail.context["reason"]) for mail in letters(session, NEWS)]
    assert steps == [("advised", REASON), ("overruled", REASON)]


def test_a_step_that_did_not_come_true_is_not_told(session: Session) -> None:
    """[M1] [V10] Declined behind the back of a round that is about to open: refused, no mail."""
    editor = factories.staff(session)
    draft = held(session, began=-HOUR, state="draft", seats=2)
    topic = paper.options(session, draft.id)[0]
    following.follow(session, [topic.id], factories.account(session).id)
    with pytest.raises(paper.InvalidRoundError), session.begin_nested():
        topics.change_state(session, topic, "rejected", editor, reason=REASON)
    assert session.scalar(select(func.count()).select_from(OutboxEmail)) == 0


def test_merging_tells_into_which_and_followers_move(session: Session) -> None:
    """[V10] Those of the original hear nothing, and later everyone hears once."""
    editor = factories.staff(session)
    topic, follower = followed(session)
    original, old_hand = followed(session)
    following.follow(session, [original.id], follower.id)
    topics.merge(session, topic, original, editor)
    (mail,) = letters(session, NEWS)
    assert (mail.recipient, mail.subject) == (follower.email, f"topic:{topic.id}:merged")
    assert (mail.context["topic"], mail.context["original"]) == (topic.title, original.title)
    assert mail.context["url"] == f"http://localhost/topics/{original.slug}"
    topics.change_state(session, original, "rejected", editor, reason=REASON)
    assert told(session, NEWS)[1:] == addresses(follower, old_hand)


def test_merging_into_a_story_that_is_out_promises_no_more(session: Session) -> None:
    """[V10]"""
    editor, story = factories.staff(session), factories.article(session)
    topic, _follower = followed(session)
    original = factories.topic(session, state="published", article_id=story.id)
    topics.merge(session, topic, original, editor)
    (mail,) = letters(session, NEWS)
    assert (mail.context["step"], mail.context["original"]) == ("reported", original.title)


def test_a_vote_is_told_to_followers_who_have_none(session: Session) -> None:
    """[V11] Everybody else has the mail about the round; each of the two comes once."""
    round_ = held(session)
    first, _, third = paper.options(session, round_.id)
    patron, reader = factories.patron(session), factories.account(session)
    for each in (patron, reader):
        following.follow(session, [first.id], each.id)
    following.follow(session, [third.id], patron.id)
    telling.tell_due()
    telling.tell_due()
    assert told(session, "round_opened") == addresses(patron)
    (mail,) = letters(session, NEWS)
    assert (mail.recipient, mail.subject) == (reader.email, f"topic:{first.id}:on_ballot")
    assert mail.not_after_at == round_.closes_at


def test_a_result_is_told_once_not_by_topic(session: Session) -> None:
    """[V11] `selected` and `not_selected` stand in the mail about the round."""
    round_ = held(session)
    topic_ids = [topic.id for topic in paper.options(session, round_.id)]
    follower = factories.account(session)
    following.follow(session, topic_ids, follower.id)
    vote(session, round_, factories.patron(session))
    settle(session, round_)
    telling.tell_due()
    assert told(session, NEWS) == []
    assert follower.email in told(session, "round_result")


def reported(session: Session, *, overrule: bool = False) -> tuple[Topic, list[Account]]:
    """A published topic: a voter, one who voted and follows, and a follower were told."""
    round_ = held(session, title="The first question")
    first, second, _ = paper.options(session, round_.id)
    voter, both = factories.patron(session), factories.patron(session)
    follower = factories.account(session)
    topic = second if overrule else first
    for each in (voter, both):
        vote(session, round_, each, first)
    for each in (both, follower):
        following.follow(session, [topic.id], each.id)
    settle(session, round_)
    session.refresh(topic)
    editor = factories.staff(session)
    topics.assign(session, topic, editor, editor, reason=REASON if overrule else None)
    topics.publish(session, topic, factories.article(session), editor)
    return topic, [voter, both, follower]


@pytest.mark.parametrize("overrule", [False, True])
def test_a_story_is_told_to_voters_and_followers_once(session: Session, overrule: bool) -> None:
    """[V8] [V10] You asked, we reported."""
    topic, readers = reported(session, overrule=overrule)
    assert told(session, PUBLISHED) == addresses(*readers)
    assert {mail.subject for mail in letters(session, PUBLISHED)} == {f"topic:{topic.id}"}


def test_a_leaver_is_not_told_and_nothing_of_theirs_stays(session: Session) -> None:
    """[V9] [S11] Deleted before the story: no mail. After it: neither address nor words."""
    round_ = held(session)
    topic = paper.options(session, round_.id)[0]
    early, late, stays = (factories.patron(session) for _ in range(3))
    for each in (early, late, stays):
        vote(session, round_, each, topic)
    settle(session, round_)
    early.delete_after_at = factories.NOON
    forgetting.forget(session, early)
    editor = factories.staff(session)
    session.refresh(topic)
    topics.assign(session, topic, editor, editor)
    topics.publish(session, topic, factories.article(session), editor)
    address = late.email
    assert told(session, PUBLISHED) == [address, stays.email]
    late.delete_after_at = factories.NOON
    forgetting.forget(session, late)
    session.expire_all()
    forgotten, kept = letters(session, PUBLISHED)
    assert address not in (forgotten.recipient, *forgotten.context.values())
    assert forgotten.context == {}
    why = dict(session.execute(select(OutboxEmail.id, refusals.obstacle())).all())
    assert "account deleted" in why[forgotten.id]
    assert why[kept.id] is None


def test_the_story_names_the_last_settled_round_of_its_topic(session: Session) -> None:
    editor, story = factories.staff(session), factories.article(session)
    topic = factories.topic(session, state="on_ballot")
    others = [factories.topic(session, state="on_ballot") for _ in range(2)]
    rounds_ = [held(session, [topic, *others], title=title) for title in ("Old", "New", "Void")]
    vote(session, rounds_[0], factories.patron(session), topic)
    settle(session, rounds_[0])
    old, new, void = rounds_
    new.state, new.settled_at = "settled", old.settled_at + DAY
    void.state, void.settled_at = "void", old.settled_at + 2 * DAY
    session.flush()
    session.refresh(topic)
    topics.assign(session, topic, editor, editor)
    topics.publish(session, topic, story, editor)
    assert (story.asked_round_id, story.asked_round_title) == (new.id, "New")
    lone, other = factories.topic(session, state="assigned"), factories.article(session)
    topics.publish(session, lone, other, editor)
    assert (other.asked_topic_slug, other.asked_round_id) == (lone.slug, None)


def test_following_later_brings_no_old_news(session: Session) -> None:
    editor = factories.staff(session)
    topic = factories.topic(session, state="selected")
    take(session, topic, "assigned", editor)
    following.follow(session, [topic.id], factories.account(session).id)
    session.execute(update(Topic).values(due_on=None))
    assert told(session, NEWS) == []
