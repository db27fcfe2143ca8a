"""The monthly digest for patrons."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.models import LedgerEntry
from membership.newsletter.digest import SMALLEST_GROUP
from membership.newsletter.models import Issue
from membership.newsletter.readers import DIGEST
from membership.voting.models import Round, RoundOption, Topic, TopicFollow, Turnout
from tasks import newsletter as tasks
from tests import factories
from tests.accounts import mailbox
from tests.articles.reading import counted
from tests.newsletter.steps import KYIV, subject, told, written
from tests.voting.letters_of_votes import held, vote

FIRST = datetime(2026, 11, 1, 8, tzinfo=KYIV)
IN_OCTOBER = datetime(2026, 10, 15, 12, tzinfo=KYIV)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def run_at(at: datetime) -> None:
    with clock.fixed(at):
        tasks.write_digest()


def published(session: Session, at: datetime = IN_OCTOBER, **values: object) -> Topic:
    article = factories.article(session, published_at=at)
    topic: Topic = factories.topic(
        session, state="published", article_id=article.id, published_at=at, **values
    )
    return topic


def settled(session: Session, topic: Topic, *voters: Account) -> Round:
    """A round in which the topic stood, with its turnout roll."""
    round_ = factories.round_(session, state="settled", opens_at=IN_OCTOBER - 30 * DAY)
    session.add(RoundOption(round_id=round_.id, topic_id=topic.id))
    session.add_all(Turnout(round_id=round_.id, account_id=voter.id) for voter in voters)
    session.flush()
    return round_


def topics_told(session: Session) -> dict[str, list[str]]:
    return {
        mail.recipient: [each["topic"] for each in mail.context["stories"]]
        for mail in written(session, DIGEST)
    }


def newcomers(session: Session, count: int, at: datetime = IN_OCTOBER) -> None:
    for _ in range(count):
        giver = factories.account(session)
        given = factories.subscription(session, giver, state="ended", ended_at=at)
        session.add(
            LedgerEntry(
                subscription_id=given.id, account_id=giver.id, movement="new",
                amount_minor=400, currency="EUR", occurred_at=at,
            )
        )  # fmt: skip
    session.flush()


def test_it_leaves_once_a_month_in_its_first_days(session: Session) -> None:
    """[M8] [L16] Two beats, or one that slept a day, write one."""
    factories.article(session, published_at=IN_OCTOBER)
    patron = factories.patron(session)
    run_at(FIRST - HOUR)
    assert told(session, DIGEST) == []
    run_at(FIRST)
    factories.patron(session)
    for late in (HOUR, DAY):
        run_at(FIRST + late)
    (mail,) = written(session, DIGEST)
    assert (mail.recipient, mail.account_id) == (patron.email, patron.id)
    assert (mail.subject, mail.not_after_at) == ("issue:2026-10", FIRST + 2 * DAY)
    assert subject(mail) == "The month at a glance: October 2026"


def test_a_beat_that_slept_for_days_sends_none(session: Session) -> None:
    factories.article(session, published_at=IN_OCTOBER)
    factories.patron(session)
    run_at(FIRST + 3 * DAY)
    assert told(session, DIGEST) == []
    assert session.scalars(select(Issue.period)).all() == []


def test_it_is_for_patrons_alone(session: Session) -> None:
    """[M8] Current and in grace; neither who left, nor who is having the account deleted."""
    factories.article(session, published_at=IN_OCTOBER)
    patron, grace = factories.patron(session), factories.account(session)
    factories.subscription(session, grace, state="past_due")
    lapsed = factories.account(session)
    factories.subscription(session, lapsed, state="ended", ended_at=factories.NOON)
    factories.patron(session, delete_after_at=FIRST + DAY)
    topic = published(session)
    session.add(TopicFollow(topic_id=topic.id, account_id=lapsed.id))
    session.flush()
    run_at(FIRST)
    assert told(session, DIGEST) == sorted([patron.email, grace.email])


def test_each_is_told_what_they_helped_publish(session: Session) -> None:
    """[M8] [V8] By turnout roll, by following, by suggesting; each story once."""
    voter, follower, author, bystander = (factories.patron(session) for _ in range(4))
    first = published(session, title="The river")
    second = published(session, IN_OCTOBER + DAY, title="The dam", suggested_by_id=author.id)
    settled(session, first, voter)
    settled(session, second, voter)
    settled(session, second, voter)
    session.add(TopicFollow(topic_id=second.id, account_id=voter.id))
    session.add(TopicFollow(topic_id=second.id, account_id=follower.id))
    published(session, FIRST + HOUR, title="Of November", suggested_by_id=author.id)
    published(session, FIRST - 32 * DAY, title="Of September", suggested_by_id=author.id)
    run_at(FIRST)
    assert topics_told(session) == {
        voter.email: ["The river", "The dam"],
        follower.email: ["The dam"],
        author.email: ["The dam"],
        bystander.email: [],
    }
    said = mailbox.text(mailbox.all_to(follower.email)[-1])
    assert "The topic: “The dam”\nhttp://localhost/articles/" in said
    assert "you had a part in them" not in mailbox.text(mailbox.all_to(bystander.email)[-1])


def test_an_open_round_is_told_of_in_the_same_words(session: Session) -> None:
    """[V4] [V8] Whether somebody has voted, or how it stands, changes no letter."""
    voted, silent = factories.patron(session), factories.patron(session)
    round_ = held(session, title="What next?")
    held(session, state="draft")
    vote(session, round_, voted)
    run_at(FIRST)
    one, other = (mailbox.all_to(each.email)[-1] for each in (voted, silent))
    assert one.context == other.context
    (told_of,) = one.context["rounds"]
    assert told_of["title"] == "What next?"
    assert told_of["url"] == f"http://localhost/rounds/{round_.id}"
    said = mailbox.text(one)
    assert f"A vote is open until {told_of['until']}:" in said
    for topic in session.scalars(
        select(Topic.title).join(RoundOption).where(RoundOption.round_id == round_.id)
    ):
        assert topic not in said


def test_a_ballot_puts_nobody_among_those_who_helped(session: Session) -> None:
    """[V8] Ballots of a round that is not settled are never looked at."""
    voter = factories.patron(session)
    topic = factories.topic(session, state="on_ballot")
    round_ = held(session, [topic])
    vote(session, round_, voter, topic)
    topic.article_id = factories.article(session, published_at=IN_OCTOBER).id
    topic.state, topic.published_at = "published", IN_OCTOBER
    session.flush()
    run_at(FIRST)
    assert topics_told(session) == {voter.email: []}


def test_the_month_in_figures(session: Session) -> None:
    """[M8] [S10] Stories, those that were asked for, newcomers unless they are few; no money."""
    patron = factories.patron(session)
    published(session)
    factories.article(session, published_at=FIRST.replace(hour=0) - timedelta(seconds=1))
    factories.article(session, published_at=FIRST.replace(hour=0))
    newcomers(session, SMALLEST_GROUP)
    newcomers(session, 1, FIRST)
    run_at(FIRST)
    (mail,) = mailbox.all_to(patron.email)
    assert mail.context["figures"] == {"stories": "2", "topics": "1", "patrons": "5"}
    said = mailbox.text(mail)
    for line in ("Stories published: 2", "Stories that readers asked for: 1", "New patrons: 5"):
        assert line in said
    assert "€" not in said


def test_few_newcomers_are_hidden(session: Session) -> None:
    """[S10] Groups under 5 could be told apart."""
    patron = factories.patron(session)
    published(session)
    newcomers(session, SMALLEST_GROUP - 1)
    run_at(FIRST)
    (mail,) = mailbox.all_to(patron.email)
    assert mail.context["figures"] == {"stories": "1", "topics": "1"}
    assert "New patrons" not in mailbox.text(mail)


def test_an_empty_digest_is_not_sent(session: Session) -> None:
    """[M8] Without a story, an open vote, or something of one's own there is nothing to say."""
    factories.patron(session)
    follower = factories.patron(session)
    old = factories.article(session, published_at=FIRST - 90 * DAY)
    topic = factories.topic(session, state="published", article_id=old.id, published_at=IN_OCTOBER)
    session.add(TopicFollow(topic_id=topic.id, account_id=follower.id))
    newcomers(session, SMALLEST_GROUP)
    run_at(FIRST)
    assert told(session, DIGEST) == [follower.email]


def test_it_asks_as_much_of_the_database_for_many_as_for_few(
    session: Session, engine: Engine
) -> None:
    """[L13] No query for each patron."""
    counts = []
    for patrons in (1, 30):
        with session.begin_nested() as made:
            topic = published(session)
            for _ in range(patrons):
                each = factories.patron(session)
                session.add(TopicFollow(topic_id=topic.id, account_id=each.id))
            session.flush()
            with counted(engine) as statements:
                run_at(FIRST)
            assert len(told(session, DIGEST)) == patrons
            counts.append(len(statements))
            made.rollback()
    assert counts[0] == counts[1]
