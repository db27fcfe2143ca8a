"""What staff do with a campaign, and what becomes of its rows in the outbox."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import AuditEntry
from membership.campaigns import campaigns, lifecycle, sending
from membership.campaigns.audience import Audience
from membership.mail.models import OutboxEmail
from membership.voting.models import Turnout
from tests import factories
from tests.campaigns import newsroom
from tests.campaigns.newsroom import REASON, begun, letters, scheduled, written


def deeds(session: Session, campaign_id: int) -> list[str]:
    session.commit()
    query = select(AuditEntry.action).where(AuditEntry.subject == f"campaign:{campaign_id}")
    return list(session.scalars(query.order_by(AuditEntry.id)))


def test_a_row_for_each_before_the_first_is_sent(session: Session) -> None:
    """[M3] [L22] Counted, frozen, all waiting."""
    people = sorted(factories.patron(session).email for _ in range(3))
    campaign = begun(session)
    rows = letters(session, campaign)
    assert [row.recipient for row in rows] == people
    assert {(row.state, row.is_bulk, row.attempts) for row in rows} == {("pending", True, 0)}
    assert (campaign.state, campaign.recipients) == ("sending", 3)
    assert campaign.frozen_at is not None


def test_who_joins_later_is_not_in_it(session: Session) -> None:
    """[M3] [L22] It does not begin again."""
    factories.patron(session)
    campaign = begun(session)
    factories.patron(session)
    sending.advance(session, campaign.id)
    assert len(letters(session, campaign)) == campaign.recipients == 1


def test_nothing_begins_before_its_time(session: Session) -> None:
    """[M3]"""
    factories.patron(session)
    writer = factories.staff(session)
    campaign = written(session, writer)
    campaigns.schedule(session, campaign, writer, clock.now() + timedelta(hours=1))
    sending.advance(session, campaign.id)
    assert (campaign.state, letters(session, campaign)) == ("scheduled", [])
    with clock.fixed(clock.now() + timedelta(hours=1)):
        sending.advance(session, campaign.id)
    assert campaign.state == "sending"


def test_after_a_night_without_beat_it_begins_once(session: Session) -> None:
    """[M3] Late, and never twice, however often it is looked at then."""
    factories.patron(session)
    campaign = scheduled(session)
    with clock.fixed(clock.now() + timedelta(hours=26)):
        for _ in range(3):
            sending.advance_due()
    session.expire_all()
    assert (campaign.state, campaign.recipients) == ("sending", 1)
    assert len(letters(session, campaign)) == 1


def test_finished_only_when_every_row_is_final(session: Session) -> None:
    """[M3]"""
    for _ in range(2):
        factories.patron(session)
    campaign = begun(session)
    first, last = letters(session, campaign)
    first.state, first.settled_at = "failed", clock.now()
    last.state = "sending"
    session.flush()
    sending.advance(session, campaign.id)
    assert campaign.state == "sending"
    last.state, last.settled_at = "uncertain", clock.now()
    session.flush()
    sending.advance(session, campaign.id)
    assert (campaign.state, campaign.finished_at is not None) == ("finished", True)
    assert sending.figures(session, [campaign.id])[campaign.id].states == {
        "failed": 1,
        "uncertain": 1,
    }


def test_a_pause_holds_what_waits_and_leaves_what_is_being_sent(session: Session) -> None:
    """[M3]"""
    for _ in range(3):
        factories.patron(session)
    campaign = begun(session)
    on_its_way, *_waiting = letters(session, campaign)
    on_its_way.state = "sending"
    session.flush()
    campaigns.pause(session, campaign, factories.staff(session), REASON)
    held = {row.id: row.next_attempt_at for row in letters(session, campaign)}
    assert held.pop(on_its_way.id) is not None
    assert set(held.values()) == {None}
    # The mail server did not take it: it must not be tried again while the campaign is paused.
    on_its_way.state = "pending"
    session.flush()
    sending.advance(session, campaign.id)
    assert {row.next_attempt_at for row in letters(session, campaign)} == {None}
    campaigns.resume(session, campaign, factories.staff(session))
    assert all(row.next_attempt_at <= clock.now() for row in letters(session, campaign))
    assert campaign.state == "sending"


def test_a_paused_one_ends_when_nothing_is_left_to_hold(session: Session) -> None:
    """[M3]"""
    factories.patron(session)
    campaign = begun(session)
    campaigns.pause(session, campaign, factories.staff(session), REASON)
    newsroom.settle(session, campaign)
    sending.advance(session, campaign.id)
    assert campaign.state == "finished"


def test_stopping_ends_what_waits_for_good(session: Session) -> None:
    """[M3] What is being sent is left alone, and not tried again."""
    for _ in range(3):
        factories.patron(session)
    campaign = begun(session)
    sent, on_its_way, waits = letters(session, campaign)
    sent.state, sent.settled_at = "sent", clock.now()
    on_its_way.state = "sending"
    session.flush()
    campaigns.stop(session, campaign, factories.staff(session), REASON)
    session.expire_all()
    assert (sent.state, on_its_way.state, waits.state) == ("sent", "sending", "expired")
    assert waits.last_error == "stopped"
    assert waits.settled_at is not None
    assert on_its_way.not_after_at <= clock.now()
    assert sent.not_after_at is None
    sending.advance(session, campaign.id)
    assert campaign.state == "stopped"


def test_above_the_limit_a_second_person_approves(
    session: Session, limit: Callable[[int], None]
) -> None:
    """[M3] Neither who wrote it nor who changed it last, nor who is no editor."""
    limit(1)
    for _ in range(2):
        factories.patron(session)
    writer, changer, second = (factories.staff(session) for _ in range(3))
    campaign = written(session, writer)
    campaigns.change(session, campaign, changer, newsroom.draft(title="Better"))
    campaigns.schedule(session, campaign, second, clock.now())
    assert campaign.state == "awaiting_approval"
    sending.advance(session, campaign.id)
    assert letters(session, campaign) == []
    for refused in (writer, changer, factories.staff(session, "finance")):
        with pytest.raises(lifecycle.SecondPersonError):
            campaigns.approve(session, campaign, refused)
    assert campaign.state == "awaiting_approval"
    campaigns.approve(session, campaign, second)
    sending.advance(session, campaign.id)
    assert (campaign.state, len(letters(session, campaign))) == ("sending", 2)


def test_a_change_takes_an_approval_back(session: Session, limit: Callable[[int], None]) -> None:
    """[M3]"""
    limit(0)
    factories.patron(session)
    writer, second = factories.staff(session), factories.staff(session)
    campaign = scheduled(session, writer)
    campaigns.approve(session, campaign, second)
    campaigns.change(session, campaign, writer, newsroom.draft(subjects={"en": "Other"}))
    assert (campaign.state, campaign.approved_by_id) == ("draft", None)
    campaigns.schedule(session, campaign, writer, clock.now())
    assert campaign.state == "awaiting_approval"


@pytest.mark.parametrize(
    "other",
    [
        {"title": "Other"},
        {"subjects": {"en": "Other"}},
        {"bodies": {"en": "Other."}},
        {"audience": Audience(languages=("en",))},
        {"audience": Audience(standings=("lapsed",))},
    ],
)
def test_what_was_seen_is_what_is_agreed_to(session: Session, other: dict[str, Any]) -> None:
    """[M3] Words and audience both: who has read others has agreed to nothing."""
    writer = factories.staff(session)
    with clock.fixed(factories.NOON):
        campaign = written(session, writer)
        seen = campaigns.fingerprint(campaign)
        campaigns.insist_unchanged(campaign, seen)
        campaigns.change(session, campaign, writer, newsroom.draft(**other))
    with pytest.raises(campaigns.ChangedMeanwhileError):
        campaigns.insist_unchanged(campaign, seen)


def test_one_that_has_grown_waits_after_all(session: Session, limit: Callable[[int], None]) -> None:
    """[M3] Counted again when it is to begin; nothing of it is written."""
    limit(1)
    factories.patron(session)
    campaign = scheduled(session)
    assert campaign.state == "scheduled"
    factories.patron(session)
    sending.advance(session, campaign.id)
    assert (campaign.state, campaign.recipients) == ("awaiting_approval", None)
    assert letters(session, campaign) == []
    assert deeds(session, campaign.id)[-1] == "campaign.held_for_approval"


@pytest.mark.parametrize("wanted", ["voted_in", "ever", "never"])
def test_an_audience_of_votes_that_tells_of_each_is_refused(session: Session, wanted: str) -> None:
    """[V8] [S10] Looked at when it is scheduled, and again when it is to begin."""
    held = factories.round_(session, state="settled")
    people = [factories.patron(session) for _ in range(5)]
    if wanted != "never":
        for person in people:
            session.add(Turnout(round_id=held.id, account_id=person.id))
    audience = Audience(voted_in=held.id) if wanted == "voted_in" else Audience(votes=wanted)
    writer = factories.staff(session)
    campaign, other = (written(session, writer, audience=audience) for _ in range(2))
    campaigns.schedule(session, campaign, writer, clock.now())
    people[0].delete_after_at = clock.now()
    session.flush()
    sending.advance(session, campaign.id)
    assert (campaign.state, letters(session, campaign)) == ("draft", [])
    assert deeds(session, campaign.id)[-1] == "campaign.too_small"
    with pytest.raises(campaigns.TooFewError):
        campaigns.schedule(session, other, writer, clock.now())
    assert other.state == "draft"


def test_who_voted_in_an_open_round_can_not_be_asked_for(session: Session) -> None:
    """[V4] Even where there were a roll of it already, it is of no round that can be meant."""
    held = [factories.round_(session, state=state) for state in ("open", "closed", "draft")]
    voter = factories.patron(session)
    for each in held:
        session.add(Turnout(round_id=each.id, account_id=voter.id))
    session.flush()
    for each in (*(Audience(voted_in=each.id) for each in held), Audience(votes="ever")):
        assert campaigns.people(session, written(session, audience=each)).people == 0
    never = campaigns.people(session, written(session, audience=Audience(votes="never")))
    assert never.people == 1


def test_nobody_is_no_audience(session: Session) -> None:
    """[M3]"""
    campaign = written(session, audience=Audience(languages=("uk",)))
    with pytest.raises(campaigns.NobodyError):
        campaigns.schedule(session, campaign, factories.staff(session), clock.now())
    assert campaign.state == "draft"


def test_an_audience_that_everybody_has_left_is_finished_at_once(session: Session) -> None:
    """[M3]"""
    patron = factories.patron(session)
    campaign = scheduled(session)
    patron.delete_after_at = clock.now()
    session.flush()
    sending.advance(session, campaign.id)
    assert (campaign.state, campaign.recipients) == ("finished", 0)


def test_a_reader_gets_the_language_that_is_written_or_the_first(session: Session) -> None:
    """[M7]"""
    ours, other = (factories.patron(session, language=code).email for code in ("uk", "de"))
    both = {"subjects": {"en": "A", "uk": "Б"}, "bodies": {"en": "A", "uk": "Б"}}
    campaign = begun(session, **both)
    assert {row.recipient: row.language for row in letters(session, campaign)} == {
        ours: "uk",
        other: "en",
    }
    alone = begun(session)
    assert {row.language for row in letters(session, alone)} == {"en"}


def test_a_test_goes_to_oneself_and_counts_nowhere(session: Session) -> None:
    """[M3] As often as wanted, in each language, not behind other letters."""
    writer = factories.staff(session)
    both = {"subjects": {"en": "A", "uk": "Б"}, "bodies": {"en": "A", "uk": "Б"}}
    campaign = written(session, writer, **both)
    for _ in range(2):
        campaigns.send_test(session, campaign, writer)
    tests = session.scalars(select(OutboxEmail).where(OutboxEmail.recipient == writer.email)).all()
    assert sorted(row.language for row in tests) == ["en", "en", "uk", "uk"]
    assert {(row.is_bulk, row.campaign_id) for row in tests} == {(False, None)}
    assert campaign.state == "draft"


def test_every_step_is_written_down(session: Session) -> None:
    """[S9] With its reason."""
    factories.patron(session)
    writer = factories.staff(session)
    campaign = written(session, writer)
    campaigns.change(session, campaign, writer, newsroom.draft())
    campaigns.schedule(session, campaign, writer, clock.now())
    campaigns.withdraw(session, campaign, writer, REASON)
    campaigns.schedule(session, campaign, writer, clock.now())
    sending.advance(session, campaign.id)
    campaigns.pause(session, campaign, writer, REASON)
    campaigns.resume(session, campaign, writer)
    campaigns.stop(session, campaign, writer, REASON)
    steps = "written changed scheduled withdrawn scheduled begun paused resumed stopped"
    assert deeds(session, campaign.id) == [f"campaign.{step}" for step in steps.split()]
    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.actor_id, entry.detail) == (writer.id, {"reason": REASON})
