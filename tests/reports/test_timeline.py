"""One patron's story: everything, newest first, a page at a time."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.accounts.models import Account, Note, SignIn
from membership.billing.dunning.models import Dunning
from membership.billing.manage.forms import REASONS
from membership.billing.models import Checkout, Dispute, Leaving, SubscriptionChange
from membership.mail.models import OutboxEmail
from membership.reports import timeline, words
from membership.reports.timeline.entry import Entry
from membership.voting.models import Ballot, Round, Topic, Turnout
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, pays
from tests.reports.queries import number_of_queries


def story(session: Session, giver: Account) -> tuple[Entry, ...]:
    return timeline.page(session, giver).entries


def test_a_timeline_tells_everything_newest_first(session: Session) -> None:
    giver = factories.account(session, email="ann@example.org")
    settled = factories.add(session, round_at(NOON + 6 * DAY, "settled"))
    given = factories.subscription(session, giver, end_reason="voluntary")
    for not_told in ("patron.viewed", "note.written", "donation.refunded"):
        audit.record(session, not_told, f"account:{giver.id}")
    audit.record(session, "receipt.sent_again", f"account:{giver.id}", reason="They lost it.")
    session.add_all(
        [
            Checkout(
                email="ANN@example.org",
                language="en",
                interval="month",
                amount_minor=400,
                currency="EUR",
                state="expired",
                created_at=NOON,
            ),
            change(given.id, NOON + DAY, None, "active", None, 400),
            change(given.id, NOON + 2 * DAY, "active", "active", 400, 700),
            change(given.id, NOON + 7 * DAY, "active", "ended", 700, 700),
            OutboxEmail(
                kind="welcome",
                recipient=giver.email,
                subject="subscription:1",
                account_id=giver.id,
                language="en",
                context={},
                state="failed",
                created_at=NOON + 3 * DAY,
            ),
            SignIn(
                token_hash=b"t",
                account_id=giver.id,
                created_at=NOON + 4 * DAY,
                seen_at=NOON,
                expires_at=NOON,
            ),
            topic(giver.id, NOON + 5 * DAY),
            Turnout(round_id=settled.id, account_id=giver.id),
        ]
    )
    gift = pays(session, giver, NOON + 8 * DAY)
    finance = factories.staff(session, "finance", email="fin@courier.example")
    factories.refund(session, gift, 400, NOON + 9 * DAY, actor_id=finance.id, reason="They asked.")
    session.add_all(
        [
            Note(
                account_id=giver.id,
                author_id=finance.id,
                text="Prefers letters.",
                created_at=NOON + 10 * DAY,
            ),
            Dispute(
                donation_id=gift.id,
                kind="fraud_warning",
                stripe_id="issfr_1",
                reason="misc",
                status="actionable",
                amount_minor=400,
                currency="EUR",
                opened_at=NOON + 11 * DAY,
            ),
            Dispute(
                donation_id=gift.id,
                kind="dispute",
                stripe_id="du_1",
                reason="fraudulent",
                status="lost",
                amount_minor=400,
                currency="EUR",
                opened_at=NOON + 12 * DAY,
            ),
        ]
    )
    session.commit()
    told = [(entry.title, entry.text, entry.kind) for entry in story(session, giver)]
    assert told == [
        ("Receipt sent again", "They lost it. – by the system", "neutral"),
        ("Disputed the payment at the bank", "“it was not me” · lost", "bad"),
        ("The bank warned of fraud", "no reason given · a dispute may follow", "warning"),
        ("Note by fin@courier.example", "Prefers letters.", "neutral"),
        ("Refund of €4: given back", "They asked. – fin@courier.example", "warning"),
        ("Gave €4", "one-time gift", "good"),
        ("Regular support: ended", "€7 · monthly · by their own wish", "bad"),
        ("Had taken part when the round was settled", "What next?", "neutral"),
        ("Suggested a topic", "Why is the bridge closed?", "neutral"),
        ("Signed in", "", "neutral"),
        ("Mail: welcome", "failed", "bad"),
        ("Changed the amount", "€4 → €7 · monthly", "neutral"),
        ("Regular support: running", "€4 · monthly", "good"),
        ("Went to pay €4", "monthly · left without paying", "warning"),
    ]


def test_a_timeline_tells_of_other_intervals_and_why_somebody_left(session: Session) -> None:
    """[B10]"""
    giver = factories.account(session)
    given = factories.subscription(session, giver, interval="year")
    changed = change(given.id, NOON + DAY, "active", "active", 400, 4800)
    changed.from_interval, changed.to_interval = "month", "year"
    left = NOON + 2 * DAY
    session.add_all(
        [
            changed,
            Leaving(subscription_id=given.id, reason="cost", comment="Rent.", created_at=left),
        ]
    )
    session.flush()
    assert [(entry.title, entry.text) for entry in story(session, giver)] == [
        ("Said why they left", "too much for them now: Rent."),
        ("Changed the interval", "€4 · monthly → €48 · yearly"),
    ]
    assert set(words.LEAVING) == {reason for reason, _ in REASONS}


def test_a_timeline_never_shows_a_vote_in_an_open_round(session: Session) -> None:
    """[V4] [L20]"""
    giver = factories.patron(session)
    before = story(session, giver)
    open_round = factories.add(session, round_at(datetime(2100, 1, 1, tzinfo=UTC), "open"))
    session.add(Ballot(round_id=open_round.id, account_id=giver.id, choices=[1], cast_at=NOON))
    session.flush()
    assert story(session, giver) == before


def test_a_timeline_takes_a_query_a_source(session: Session) -> None:
    """[L13]"""
    giver = factories.patron(session)
    for days in range(30):
        pays(session, giver, NOON + days * DAY)

    def act() -> object:
        return timeline.page(session, giver)

    # One more for the account itself, which number_of_queries() lets the session forget.
    assert number_of_queries(session, act) == len(timeline.SOURCES) + 1


def round_at(closes_at: datetime, state: str) -> Round:
    return Round(
        title="What next?",
        state=state,
        tie_seed="seed",
        opens_at=NOON - 7 * DAY,
        closes_at=closes_at,
    )


def topic(suggested_by_id: int, at: datetime) -> Topic:
    return Topic(
        slug="bridge",
        language="en",
        title="Why is the bridge closed?",
        why="Nobody says.",
        suggested_by_id=suggested_by_id,
        created_at=at,
    )


def change(
    subscription_id: int,
    at: datetime,
    from_state: str | None,
    to_state: str,
    from_amount: int | None,
    to_amount: int,
) -> SubscriptionChange:
    return SubscriptionChange(
        subscription_id=subscription_id,
        from_state=from_state,
        to_state=to_state,
        from_amount_minor=from_amount,
        to_amount_minor=to_amount,
        currency="EUR",
        created_at=at,
    )


def dunning(subscription_id: int, number: int, **values: object) -> Dunning:
    defaults = {
        "subscription_id": subscription_id,
        "stripe_invoice_id": f"in_{number}",
        "amount_minor": 400,
        "currency": "EUR",
        "kind": "soft",
        "failed_at": NOON,
    }
    return Dunning(**(defaults | values))


def test_what_failed_and_what_made_it_good(session: Session) -> None:
    """[B12] [D3] Both stand in the story, each on its own day."""
    giver = factories.account(session)
    given = factories.subscription(session, giver)
    mended = {"recovered_at": NOON + 3 * DAY, "recovered_by": "mail"}
    session.add(dunning(given.id, 1, **mended))
    session.add(dunning(given.id, 2, kind="hard", failed_at=NOON + DAY))
    session.flush()
    assert [(entry.title, entry.text, entry.kind) for entry in story(session, giver)] == [
        ("Failed payment of €4 made good", "after our mail", "good"),
        ("Payment of €4 failed", "needs another card", "bad"),
        ("Payment of €4 failed", "may pass at the next try", "bad"),
    ]


def test_a_call_is_told_apart_from_a_note(session: Session) -> None:
    giver = factories.account(session)
    author = factories.staff(session, email="fin@courier.example")
    session.add(Note(account_id=giver.id, author_id=author.id, kind="call", text="All is well."))
    session.flush()
    assert [entry.title for entry in story(session, giver)] == ["Called by fin@courier.example"]


def busy(session: Session) -> Account:
    """Much of it at the same moment, of several sorts."""
    giver = factories.account(session)
    given = factories.subscription(session, giver)
    for number in range(7):
        pays(session, giver, NOON + (number // 3) * DAY)
        session.add(dunning(given.id, number, failed_at=NOON + (number // 4) * DAY))
        session.add(Note(account_id=giver.id, text=f"{number}", created_at=NOON))
        session.add(
            SignIn(
                token_hash=bytes([number]),
                account_id=giver.id,
                created_at=NOON,
                seen_at=NOON,
                expires_at=NOON,
            )
        )
    session.flush()
    return giver


@pytest.mark.parametrize("most", [1, 2, 3, 5, 28])
def test_pages_show_every_entry_once(
    session: Session, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """[L13] Also those of one moment, wherever a page ends among them."""
    giver = busy(session)
    whole = story(session, giver)
    assert len(whole) == 28
    monkeypatch.setattr(timeline, "PAGE", most)
    seen: list[Entry] = []
    before = ""
    while True:
        page = timeline.page(session, giver, before=before)
        assert len(page.entries) <= most
        seen += page.entries
        if page.older is None:
            break
        before = str(page.older)
    assert tuple(seen) == whole


def test_a_kind_alone_is_asked_for(session: Session) -> None:
    """Each kind has entries, and together they are the whole."""
    giver = busy(session)
    parts = [timeline.page(session, giver, kind).entries for kind in timeline.KINDS]
    assert sorted(each.place.id for part in parts for each in part) == sorted(
        each.place.id for each in story(session, giver)
    )
    assert {len(part) for part in parts} == {14, 7, 0}
    assert {source.kind for source in timeline.SOURCES.values()} == set(timeline.KINDS)


@pytest.mark.parametrize(
    "before",
    [
        "",
        "yesterday",
        "2026-03-02T12:00:00+00:00 nothing 1",
        "2026-03-02T12:00:00+00:00 donation one",
        "2026-03-02T12:00:00+00:00 sign_in 1",
        "2026-03-02T12:00:00 donation 1",
        f"2026-03-02T12:00:00+00:00 donation {2**63}",
    ],
)
def test_an_address_that_names_no_place_begins_at_the_newest(session: Session, before: str) -> None:
    giver = busy(session)
    assert timeline.page(session, giver, before=before).entries == story(session, giver)


def test_a_vote_stands_at_the_settling_of_its_round(session: Session) -> None:
    """[V8] Neither when it was cast, nor what; a round that is being counted is not there yet."""
    giver = factories.account(session)
    settled = round_at(NOON, "settled")
    settled.settled_at = NOON + 2 * DAY
    counted = factories.add(session, round_at(NOON, "closed"))
    factories.add(session, settled)
    session.add(Turnout(round_id=settled.id, account_id=giver.id))
    session.add(Ballot(round_id=counted.id, account_id=giver.id, choices=[1], cast_at=NOON))
    session.flush()
    (only,) = story(session, giver)
    assert only.at == settled.settled_at
