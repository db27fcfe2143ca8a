"""Mail about rounds: who gets which, when, and never again."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.mail.models import OutboxEmail
from membership.voting import following, paper, rounds, telling
from membership.voting.export import FEWEST_TO_SHOW
from membership.voting.models import Round, Tally
from tests import factories
from tests.billing.gifts.steps import gift
from tests.voting.letters_of_votes import DAY, HOUR, addresses, held, letters, settle, told, vote

OPENED, CLOSING, RESULT = "round_opened", "round_closing", "round_result"


def is_going(session: Session) -> Account:
    return factories.patron(session, delete_after_at=clock.now() + DAY)


def has_ended(session: Session) -> Account:
    account = factories.account(session)
    agreement = factories.subscription(session, account, state="ended", ended_at=factories.NOON)
    factories.donation(session, account, subscription_id=agreement.id)
    return account


def lives_on_a_gift(session: Session) -> Account:
    account, now = factories.account(session), rounds.database_now(session)
    times = {"redeemed_at": now - DAY, "begins_at": now - DAY, "ends_at": now + DAY}
    gift(session, state="redeemed", account_id=account.id, **times)
    return account


def test_an_opening_is_told_to_all_who_may_vote_and_nobody_else(session: Session) -> None:
    """[V11] [V3] Once, however often beat comes by; it is worth nothing after the close."""
    round_ = held(session)
    may = [factories.patron(session), lives_on_a_gift(session), factories.patron(session)]
    factories.account(session)
    has_ended(session)
    is_going(session)
    telling.tell_due()
    assert told(session, OPENED) == addresses(*may)
    assert {mail.subject for mail in letters(session, OPENED)} == {f"round:{round_.id}"}
    assert {mail.not_after_at for mail in letters(session, OPENED)} == {round_.closes_at}
    session.refresh(round_)
    assert round_.opening_told_at is not None
    factories.patron(session)
    telling.tell_due()
    assert told(session, OPENED) == addresses(*may), "who joins later reads it on the site"
    assert told(session, CLOSING) == told(session, RESULT) == []


@pytest.mark.parametrize(
    "past",
    [{"state": "draft", "began": -HOUR}, {"began": 5 * DAY}, {"state": "closed", "began": 5 * DAY}],
)
def test_only_an_open_round_is_announced(session: Session, past: dict[str, object]) -> None:
    """[L21] Not before its time, and not when beat slept until it was over."""
    round_ = held(session, **past)
    factories.patron(session)
    telling.tell_due()
    session.refresh(round_)
    assert (round_.opening_told_at, round_.closing_told_at) == (None, None)
    assert session.scalars(select(OutboxEmail)).all() == []


def test_the_last_day_is_told_to_who_has_not_voted(session: Session) -> None:
    """[V11] Whoever took a ballot back has not; nobody hears of it twice."""
    round_ = held(session, began=3 * DAY + HOUR, opening_told_at=factories.NOON)
    voted, changed, withdrew, quiet = (factories.patron(session) for _ in range(4))
    for voter in (voted, changed, changed, withdrew):
        vote(session, round_, voter)
    rounds.withdraw(session, round_.id, withdrew.id)
    factories.account(session)
    is_going(session)
    telling.tell_due()
    telling.tell_due()
    assert told(session, CLOSING) == addresses(withdrew, quiet)
    assert {mail.not_after_at for mail in letters(session, CLOSING)} == {round_.closes_at}
    session.refresh(round_)
    assert round_.closing_told_at is not None
    assert told(session, OPENED) == []


@pytest.mark.parametrize(
    ("began", "lasts", "is_told"),
    [
        (2 * DAY + HOUR, 3 * DAY, True),
        (2 * DAY - HOUR, 3 * DAY, False),
        (3 * DAY - 2 * HOUR, 3 * DAY - HOUR, False),
        (3 * DAY + HOUR, 3 * DAY, False),
    ],
    ids=["last day", "before it", "a short round", "over"],
)
def test_only_the_last_day_of_a_longer_round_is_told(
    session: Session, began: timedelta, lasts: timedelta, is_told: bool
) -> None:
    held(session, began=began, lasts=lasts, opening_told_at=factories.NOON)
    reader = factories.patron(session)
    telling.tell_due()
    assert told(session, CLOSING) == (addresses(reader) if is_told else [])


def test_who_missed_the_opening_hears_of_the_end_alone(session: Session) -> None:
    """[L21] Beat slept for days: one mail, not two at once."""
    held(session, began=3 * DAY + HOUR)
    reader = factories.patron(session)
    telling.tell_due()
    assert told(session, CLOSING) == addresses(reader)
    assert told(session, OPENED) == []


def test_a_result_is_told_to_voters_and_followers_once(session: Session) -> None:
    """[V8] [V11] From the turnout roll, without a ballot; whoever did both gets one mail."""
    round_, other = held(session), held(session)
    first, second, _ = paper.options(session, round_.id)
    voter, both, elsewhere = (factories.patron(session) for _ in range(3))
    follower, gone = factories.account(session), is_going(session)
    for each in (voter, both, gone):
        vote(session, round_, each, first)
    vote(session, other, elsewhere)
    for each in (both, follower):
        following.follow(session, [first.id, second.id], each.id)
    settle(session, round_)
    telling.tell_due()
    telling.tell_due()
    assert told(session, RESULT) == addresses(voter, both, follower)
    assert letters(session, RESULT)[0].context["ahead"] == [first.title]
    assert letters(session, RESULT)[0].context["url"].endswith(f"/rounds/{round_.id}/result")


@pytest.mark.parametrize(
    ("rule", "outcome", "names_any"), [("void", "void", False), ("advisory", "advisory", True)]
)
def test_a_missed_quorum_is_said(
    session: Session, rule: str, outcome: str, names_any: bool
) -> None:
    """[V7] Nothing is called chosen that is not."""
    round_ = held(session, quorum=100, quorum_rule=rule)
    topic = paper.options(session, round_.id)[0]
    for _ in range(FEWEST_TO_SHOW):
        vote(session, round_, factories.patron(session), topic)
    settle(session, round_)
    telling.tell_due()
    said = letters(session, RESULT)[0].context
    assert (said["outcome"], said["ahead"]) == (outcome, [topic.title] if names_any else [])


@pytest.mark.parametrize("voters", [FEWEST_TO_SHOW - 1, FEWEST_TO_SHOW])
def test_few_ballots_are_not_numbered(session: Session, voters: int) -> None:
    """[V8] Who else was asked is no secret when enough took part."""
    round_ = held(session)
    for _ in range(voters):
        vote(session, round_, factories.patron(session))
    factories.patron(session)
    settle(session, round_)
    telling.tell_due()
    said = letters(session, RESULT)[0].context
    shown = (str(voters), str(voters + 1)) if voters == FEWEST_TO_SHOW else (None, None)
    assert (said["ballots"], said["electorate"]) == shown


@pytest.mark.parametrize(("ago", "is_told"), [(47 * HOUR, True), (49 * HOUR, False)])
def test_an_old_result_is_no_news(session: Session, ago: timedelta, is_told: bool) -> None:
    """[L21]"""
    round_ = held(session)
    voter = factories.patron(session)
    vote(session, round_, voter)
    settle(session, round_)
    round_.settled_at -= ago
    session.flush()
    telling.tell_due()
    assert told(session, RESULT) == (addresses(voter) if is_told else [])


@pytest.mark.parametrize("hours", [-72, 72])
def test_the_applications_clock_decides_nothing(session: Session, hours: int) -> None:
    """[V1] What is due is due by the database's clock."""
    opened, ending = held(session), held(session, began=3 * DAY + HOUR)
    short = held(session, lasts=DAY)
    patron = factories.patron(session)
    vote(session, short, patron)
    settle(session, short)
    with clock.fixed(clock.now() + hours * HOUR):
        telling.tell_due()
    subjects = {
        kind: [mail.subject for mail in letters(session, kind)]
        for kind in (OPENED, CLOSING, RESULT)
    }
    assert subjects == {
        OPENED: [f"round:{opened.id}"],
        CLOSING: [f"round:{ending.id}"],
        RESULT: [f"round:{short.id}"],
    }


@pytest.mark.parametrize("kind", [OPENED, CLOSING])
def test_an_invitation_is_the_same_whatever_was_voted(session: Session, kind: str) -> None:
    """[V4] [L20] To everyone, and in any round with these rules."""

    def written(votes: int) -> list[tuple[object, ...]]:
        began = HOUR if kind == OPENED else 3 * DAY + HOUR
        round_ = held(session, topics, began=began)
        session.execute(
            update(Round)
            .where(Round.id == round_.id)
            .values(opens_at=times[0][kind], closes_at=times[1][kind])
        )
        for voter in patrons[:votes]:
            vote(session, round_, voter, topics[1])
        telling.tell_due()
        said = [
            {**mail.context, "url": None}
            for mail in letters(session, kind)
            if mail.subject == f"round:{round_.id}" and mail.account_id == patrons[-1].id
        ]
        session.execute(update(Round).values(state="void"))
        return said

    now = rounds.database_now(session)
    times = (
        {OPENED: now - HOUR, CLOSING: now - 3 * DAY - HOUR},
        {OPENED: now + 3 * DAY, CLOSING: now + 23 * HOUR},
    )
    topics = [factories.topic(session, state="on_ballot") for _ in range(3)]
    patrons = [factories.patron(session) for _ in range(8)]
    assert len(written(votes=0)) == 1
    assert written(votes=0) == written(votes=7)


def test_everyone_is_written_to_in_their_language(session: Session) -> None:
    """[M7] Who reads one that is not offered any more gets the first."""
    round_ = held(session)
    for language in ("uk", "en", "xx"):
        factories.patron(session, language=language)
    telling.tell_due()
    seen = [(mail.language, mail.context["url"]) for mail in letters(session, OPENED)]
    assert seen == [
        ("uk", f"http://localhost/uk/rounds/{round_.id}"),
        ("en", f"http://localhost/rounds/{round_.id}"),
        ("en", f"http://localhost/rounds/{round_.id}"),
    ]
    months = {mail.context["until"] for mail in letters(session, OPENED)}
    assert len(months) == 2
    assert all(until.endswith(("EET", "EEST")) for until in months)


def broken(session: Session) -> Round:
    """Settled, they say, but there is no tally."""
    round_ = held(session)
    vote(session, round_, factories.patron(session))
    settle(session, round_)
    session.delete(session.get_one(Tally, round_.id))
    session.flush()
    return round_


def test_a_round_that_cannot_be_told_of_stops_no_other(session: Session) -> None:
    """[L7] It stays due, and nothing of it is half told."""
    stuck, sound = broken(session), held(session)
    telling.tell_due()
    assert told(session, RESULT) == []
    assert {mail.subject for mail in letters(session, OPENED)} == {f"round:{sound.id}"}
    assert telling.due(session) == [(stuck.id, RESULT)]
