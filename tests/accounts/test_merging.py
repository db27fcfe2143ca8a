"""Two accounts of one person become one: all is moved, once, and nothing names the other."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import accounts, address_changes, audit, merging, sign_in
from membership.accounts.models import Account, AuditEntry, Note, SignIn
from membership.billing import givers, ledger
from membership.billing.gifts.models import Gift
from membership.billing.models import Checkout, CustomerAddress, LedgerEntry
from membership.billing.papers import issued, issuing
from membership.mail import outbox, refusals
from membership.mail.models import MailPause, MailRefusal, OutboxEmail
from membership.newsletter.models import NewsletterReader
from membership.voting.models import Ballot, TopicFollow, TopicSupport, Turnout
from tests import factories
from tests.factories import NOON

KEPT, GONE = "olena@example.org", "olena@old.example"


class Two:
    """One person's two accounts, and who merges them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.kept = factories.account(session, email=KEPT)
        self.gone = factories.account(session, email=GONE, name="Olena")
        self.me = factories.staff(session, "finance")

    def merge(self) -> None:
        merging.merge(
            self.session, self.kept.id, self.gone.id, actor_id=self.me.id, reason="They asked."
        )
        # The audit log is written just before.
        self.session.commit()
        self.session.expire_all()

    def refused(self) -> str:
        with pytest.raises(merging.CannotMergeError) as refusal:
            self.merge()
        return refusal.value.obstacle

    def all(self, table: Any, **wanted: Any) -> list[Any]:
        return list(self.session.scalars(select(table).filter_by(**wanted)))


@pytest.fixture
def two(session: Session) -> Two:
    return Two(session)


def test_all_that_refers_to_an_account_moves(two: Two) -> None:
    """[S9] Whatever table it stands in; what is frozen is read by way of with_merged()."""
    session, gone = two.session, two.gone
    given = factories.subscription(session, gone, state="ended")
    donation = factories.donation(session, gone, subscription_id=given.id)
    ledger.append(session, given, NOON)
    session.add(Note(account_id=gone.id, text="Prefers letters."))
    topic = factories.topic(session, suggested_by_id=gone.id)
    settled = factories.round_(session, state="settled")
    for table, column in ((TopicFollow, topic), (TopicSupport, topic)):
        session.add(table(topic_id=column.id, account_id=gone.id))
    session.add(Turnout(round_id=settled.id, account_id=gone.id))
    paper = issuing.receipt(session, donation, issuing.Giver("Olena"), "en")
    session.flush()
    two.merge()
    assert donation.account_id == given.account_id == topic.suggested_by_id == two.kept.id
    for table in (Note, TopicFollow, TopicSupport, Turnout):
        assert [each.account_id for each in two.all(table)] == [two.kept.id]
    assert [each.number for each in issued.of_account(session, two.kept.id)] == [paper.number]
    assert issued.find(session, paper.number, two.kept.id) == paper
    for column in merging.references():
        of_gone = select(func.count()).select_from(column.table).where(column == gone.id)
        assert session.scalar(of_gone) == 0, column


def test_what_is_frozen_is_known(session: Session) -> None:
    """[S9] Of the tables that refer to an account, the database refuses to change these."""
    frozen = session.scalars(
        text(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'append_only'"
            " AND tgrelid IN (SELECT conrelid FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid = 'account'::regclass)"
        )
    )
    assert set(frozen) == merging.FROZEN


def test_what_both_have_is_had_once(two: Two) -> None:
    """[V1] [V10] Follows, supports and turnouts know one person once."""
    session = two.session
    topics = [factories.topic(session) for _ in range(2)]
    settled = factories.round_(session, state="settled")
    for account in (two.kept, two.gone):
        session.add(TopicFollow(topic_id=topics[0].id, account_id=account.id))
        session.add(TopicSupport(topic_id=topics[0].id, account_id=account.id))
        session.add(Turnout(round_id=settled.id, account_id=account.id))
    session.add(TopicFollow(topic_id=topics[1].id, account_id=two.gone.id))
    session.flush()
    two.merge()
    assert len(two.all(TopicFollow)) == 2
    assert len(two.all(TopicSupport)) == len(two.all(Turnout)) == 1
    everybody = (*two.all(TopicFollow), *two.all(TopicSupport), *two.all(Turnout))
    assert {each.account_id for each in everybody} == {two.kept.id}


def test_the_other_account_names_nobody_and_its_address_is_free(two: Two) -> None:
    """[S11] Its sign-ins end; whoever comes with the old address finds no account."""
    token = sign_in.open_sign_in(two.session, two.gone)
    kept_token = sign_in.open_sign_in(two.session, two.kept)
    two.session.flush()
    two.merge()
    gone = two.gone
    assert (gone.email, gone.name, gone.verified_at) == (accounts.nobody(gone.id), None, None)
    assert gone.is_leaving
    assert gone.merged_into_id == two.kept.id
    assert two.kept.name == "Olena"
    assert accounts.find(two.session, GONE) is None
    assert accounts.kept(two.session, gone.id) == two.kept
    assert givers.kept(two.session, gone.id) == two.kept
    assert sign_in.find_account(two.session, token) is None
    assert sign_in.find_account(two.session, kept_token) is not None
    assert {each.account_id for each in two.all(SignIn)} == {two.kept.id}
    fresh = accounts.ensure(two.session, GONE, "en")
    assert fresh.id not in {gone.id, two.kept.id}


def test_three_become_one(two: Two) -> None:
    """What was merged into an account that goes is the third one's, too."""
    third = factories.account(two.session)
    two.merge()
    merging.merge(two.session, third.id, two.kept.id, actor_id=two.me.id, reason="Again.")
    two.session.expire_all()
    assert two.gone.merged_into_id == third.id
    merged = set(two.session.scalars(accounts.with_merged(third.id)))
    assert merged == {third.id, two.kept.id, two.gone.id}


def test_both_addresses_are_told_and_neither_of_the_other(two: Two) -> None:
    """[S5] [S10]"""
    two.merge()
    mails = {each.recipient: each for each in two.all(OutboxEmail, kind="accounts_merged")}
    assert mails.keys() == {KEPT, GONE}
    assert {each.state for each in mails.values()} == {"pending"}
    assert [mails[each].context for each in (KEPT, GONE)] == [{"is_kept": True}, {"is_kept": False}]
    (entry,) = two.all(AuditEntry, action="account.merged")
    assert (entry.subject, entry.actor_id) == (f"account:{two.kept.id}", two.me.id)
    assert entry.detail == {"merged": two.gone.id, "reason": "They asked."}
    audit.verify(two.session)


def put(two: Two, account: Account, kind: str, subject: str) -> None:
    outbox.put(
        two.session,
        kind=kind,
        recipient=account.email,
        subject=subject,
        language="en",
        context={},
        account_id=account.id,
    )


def test_mails_move_and_what_both_were_to_hear_is_told_once(two: Two) -> None:
    """[M1] [M4] Also what was told of the account itself, under its new number."""
    for account in (two.kept, two.gone):
        put(two, account, "newsletter", "issue:1")
    put(two, two.gone, "welcome", f"account:{two.gone.id}")
    put(two, two.gone, "annual_statement", f"account:{two.gone.id}:2025")
    two.merge()
    letters = two.all(OutboxEmail, kind="newsletter")
    assert {each.recipient for each in letters} == {KEPT}
    assert sorted(each.state for each in letters) == ["expired", "pending"]
    told = [two.all(OutboxEmail, kind=kind)[0] for kind in ("welcome", "annual_statement")]
    assert [each.subject for each in told] == [
        f"account:{two.kept.id}", f"account:{two.kept.id}:2025",
    ]  # fmt: skip
    assert {(each.recipient, each.account_id) for each in told} == {(KEPT, two.kept.id)}


def test_who_refused_or_paused_at_either_has_done_so(two: Two) -> None:
    """[M4] [M8] The weekly letter comes on, unless it was refused."""
    refusals.refuse(two.session, GONE, "digest")
    two.session.add(MailPause(address=GONE, until_at=None))
    two.session.add(NewsletterReader(address=GONE, language="en", confirmed_at=NOON))
    two.session.flush()
    two.merge()
    assert [(each.address, each.kind) for each in two.all(MailRefusal)] == [(KEPT, "digest")]
    assert [each.address for each in two.all(MailPause)] == [KEPT]
    assert [each.address for each in two.all(NewsletterReader)] == [KEPT]


def test_stripe_is_told_of_the_address_of_both_customers(two: Two) -> None:
    """[B6] Both stay known, and what was begun with the old address is theirs."""
    factories.subscription(two.session, two.kept, stripe_customer_id="cus_kept")
    factories.subscription(two.session, two.gone, stripe_customer_id="cus_gone", state="ended")
    begun = factories.add(
        two.session,
        Checkout(
            email=GONE, language="en", interval="once", amount_minor=400, currency="EUR",
            state="open",
        ),
    )  # fmt: skip
    two.merge()
    told = {each.stripe_customer_id: each.account_id for each in two.all(CustomerAddress)}
    assert told == {"cus_kept": two.kept.id, "cus_gone": two.kept.id}
    assert givers.account_of(two.session, begun) == two.kept


def test_who_gave_before_comes_back_after_a_merge(two: Two) -> None:
    """[D1] The ledger's own rows stay; a subscription that begins then is no first one."""
    first = factories.subscription(two.session, two.gone)
    ledger.append(two.session, first, NOON)
    first.state, first.end_reason = "ended", "voluntary"
    ledger.append(two.session, first, NOON)
    two.merge()
    second = factories.subscription(two.session, two.kept)
    entry = ledger.append(two.session, second, NOON)
    assert entry is not None
    assert entry.movement == "reactivation"
    told = {(each.account_id, each.movement) for each in two.all(LedgerEntry)}
    assert (two.gone.id, "new") in told


def test_links_of_mails_written_before_end(two: Two) -> None:
    """[S5] They were sent to an address that may be lost."""
    assert not address_changes.has_changed(two.session, two.kept.id, NOON)
    two.merge()
    assert address_changes.has_changed(two.session, two.kept.id, NOON)


def staff(two: Two) -> None:
    two.gone.role = "reporter"


def staff_kept(two: Two) -> None:
    two.kept.role = "finance"


def leaving(two: Two) -> None:
    two.kept.delete_after_at = clock.now()


def both_give(two: Two) -> None:
    factories.subscription(two.session, two.kept)
    factories.subscription(two.session, two.gone, state="cancel_scheduled")


def vote(two: Two) -> None:
    factories.subscription(two.session, two.gone)
    factories.round_(two.session)


def being_counted(two: Two) -> None:
    now = clock.now()
    two.session.add(
        Gift(
            source="pool", state="redeemed", recipient_email=GONE, language="en", months=1,
            amount_minor=400, currency="EUR", send_on=now.date(), account_id=two.gone.id,
            begins_at=now, ends_at=now,
        )
    )  # fmt: skip
    factories.round_(two.session, state="closed")


def paying_elsewhere(two: Two) -> None:
    now = clock.now()
    factories.paid_elsewhere(two.session, two.gone, since_at=now, paid_until_at=now)
    factories.round_(two.session)


def unproven(two: Two) -> None:
    """[S5] Whoever typed the address would have another's name, receipts and support."""
    two.kept.verified_at = None


@pytest.mark.parametrize(
    ("act", "obstacle"),
    [
        (staff, "staff"),
        (staff_kept, "staff"),
        (leaving, "leaving"),
        (unproven, "unproven"),
        (both_give, "both_give"),
        (vote, "vote"),
        (being_counted, "vote"),
        (paying_elsewhere, "vote"),
    ],
)
def test_what_stands_in_the_way(two: Two, act: Callable[[Two], None], obstacle: str) -> None:
    """[B6] [V4] Nothing is done then."""
    act(two)
    two.session.flush()
    assert two.refused() == obstacle
    assert two.gone.email == GONE
    assert two.all(OutboxEmail) == []


def test_one_account_twice_is_refused(two: Two) -> None:
    two.gone = two.kept
    assert two.refused() == "same"


@pytest.mark.parametrize("who", ["nobody", "kept", "gone", "both"])
def test_while_a_vote_is_under_way_nothing_tells_who_has_voted(two: Two, who: str) -> None:
    """[V4] [V8] The answer is the same, whoever has a ballot."""
    held = factories.round_(two.session)
    factories.subscription(two.session, two.gone, state="ended")
    voters = {"nobody": [], "kept": [two.kept], "gone": [two.gone], "both": [two.kept, two.gone]}
    for voter in voters[who]:
        two.session.add(Ballot(round_id=held.id, account_id=voter.id, choices=[1], cast_at=NOON))
    two.session.flush()
    assert two.refused() == "vote"
    # Who never could vote takes no ballot along.
    two.kept, two.gone = two.gone, factories.account(two.session)
    two.merge()


def test_no_obstacle_asks_for_ballots(app: Flask) -> None:
    """[V8] Whatever is asked, the answer must not depend on them."""
    assert merging._obstacles
    for obstacle in merging._obstacles:
        assert "Ballot" not in inspect.getsource(inspect.getmodule(obstacle))
