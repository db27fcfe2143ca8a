"""The list of patrons, and one patron's timeline."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.accounts.models import Note, SignIn
from membership.billing.manage.forms import REASONS
from membership.billing.models import Checkout, Dispute, Leaving, SubscriptionChange
from membership.mail.models import OutboxEmail
from membership.money import Money
from membership.reports import patrons, words
from membership.reports.patrons import Filters
from membership.reports.timeline import SOURCES, timeline
from membership.voting.models import Ballot, Round, Topic, Turnout
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, pays
from tests.reports.queries import number_of_queries


def names(page: patrons.Page) -> list[str | None]:
    return [patron.account.name for patron in page.patrons]


def several(session: Session, count: int) -> None:
    for number in range(count):
        factories.patron(session, name=f"Patron {number}")


def test_pages_show_every_patron_once_forth_and_back(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patrons, "PAGE", 2)
    several(session, 5)
    first = patrons.page(session, Filters())
    second = patrons.page(session, Filters(), before=first.older)
    third = patrons.page(session, Filters(), before=second.older)
    assert [names(first), names(second), names(third)] == [
        ["Patron 4", "Patron 3"],
        ["Patron 2", "Patron 1"],
        ["Patron 0"],
    ]
    assert (first.newer, third.older) == (None, None)
    assert names(patrons.page(session, Filters(), after=third.newer)) == names(second)
    assert patrons.page(session, Filters(), after=second.newer).newer is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filters(), ["Once", "Олена", "Ann"]),
        (Filters(text="ann@"), ["Ann"]),
        (Filters(text="ОЛЕ"), ["Олена"]),
        (Filters(text="%"), []),
        (Filters(state="past_due"), ["Олена"]),
        (Filters(state="once"), ["Once"]),
        (Filters(currency="UAH"), ["Once"]),
        (Filters(text="ann", state="past_due"), []),
    ],
)
def test_filters(session: Session, wanted: Filters, found: list[str]) -> None:
    factories.account(session, name="Ann who never gave", email="anna@example.org")
    factories.patron(session, name="Ann", email="ann@example.org")
    olena = factories.account(session, name="Олена")
    factories.subscription(session, olena, state="past_due")
    pays(session, factories.account(session, name="Once"), currency="UAH")
    assert names(patrons.page(session, wanted)) == found


def test_a_line_says_what_was_given_in_each_currency(session: Session) -> None:
    giver = factories.patron(session)
    pays(session, giver, NOON + DAY, amount_minor=1000, refunded_minor=300)
    pays(session, giver, amount_minor=9000, currency="UAH")
    pays(session, giver, amount_minor=500, currency="USD", refunded_minor=500)
    line = patrons.page(session, Filters()).patrons[0]
    assert line.given == (Money(1100, "EUR"), Money(9000, "UAH"))
    assert line.last_gift_at == NOON + DAY
    assert line.subscription is not None
    assert line.subscription.state == "active"


def test_the_newest_subscription_is_shown(session: Session) -> None:
    giver = factories.account(session)
    factories.subscription(session, giver, amount_minor=900, started_at=NOON + DAY)
    factories.subscription(session, giver, amount_minor=400, state="ended", started_at=NOON)
    line = patrons.page(session, Filters()).patrons[0]
    assert line.subscription is not None
    assert line.subscription.amount_minor == 900


def test_the_list_takes_three_queries_whatever_its_length(session: Session) -> None:
    """[L13]"""
    several(session, 1)
    assert number_of_queries(session, lambda: patrons.page(session, Filters())) == 3
    several(session, 40)
    assert number_of_queries(session, lambda: patrons.page(session, Filters())) == 3


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
    told = [(entry.title, entry.text, entry.kind) for entry in timeline(session, giver)]
    assert told == [
        ("Receipt sent again", "They lost it. – by the system", "neutral"),
        ("Disputed the payment at the bank", "fraudulent · lost", "bad"),
        ("The bank warned of fraud", "misc · actionable", "bad"),
        ("Note by fin@courier.example", "Prefers letters.", "neutral"),
        ("Refund of €4: given back", "They asked. – fin@courier.example", "warning"),
        ("Gave €4", "one-time gift", "good"),
        ("Regular support: ended", "€7 · monthly · by their own wish", "bad"),
        ("Had taken part when the round closed", "What next?", "neutral"),
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
    assert [(entry.title, entry.text) for entry in timeline(session, giver)] == [
        ("Said why they left", "too much for them now: Rent."),
        ("Changed the interval", "€4 · monthly → €48 · yearly"),
    ]
    assert set(words.LEAVING) == {reason for reason, _ in REASONS}


def test_a_timeline_never_shows_a_vote_in_an_open_round(session: Session) -> None:
    """[V4] [L20]"""
    giver = factories.patron(session)
    before = timeline(session, giver)
    open_round = factories.add(session, round_at(datetime(2100, 1, 1, tzinfo=UTC), "open"))
    session.add(Ballot(round_id=open_round.id, account_id=giver.id, choices=[1], cast_at=NOON))
    session.flush()
    assert timeline(session, giver) == before


def test_a_timeline_takes_a_query_a_source(session: Session) -> None:
    """[L13]"""
    giver = factories.patron(session)
    for days in range(30):
        pays(session, giver, NOON + days * DAY)

    def act() -> object:
        return timeline(session, giver)

    # One more for the account itself, which number_of_queries() lets the session forget.
    assert number_of_queries(session, act) == len(SOURCES) + 1


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
