"""The rollups of who came say what checkouts, ledger and counts say, however they are rebuilt."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from membership.reports import rollups
from membership.reports.models import DailyCount, RollupState
from tests import factories
from tests.articles.asking import running
from tests.factories import NOON
from tests.reports.coming import checkout, comes, seen
from tests.reports.giving import DAY, joins, leaves, moved

TODAY = NOON.date()
NAMES = ("article", "ask", "joined", "article_month", "ask_month", "joined_month")


def parts(session: Session, name: str = "article") -> dict[tuple[object, ...], tuple[int, int]]:
    session.expire_all()
    rows = session.scalars(select(DailyCount).where(DailyCount.name == name))
    return {(row.day, row.currency, row.part): (row.number, row.minor) for row in rows}


def test_one_day_by_hand(session: Session) -> None:
    """[D4] The last story is credited directly, the first with its influence as well."""
    first, last = factories.article(session).id, factories.article(session).id
    seen(session, "read", 9, last)
    seen(session, "ask_seen", 3, last)
    comes(session, article_id=last, first_article_id=first, country="UA")
    comes(session, article_id=last, interval="year", amount_minor=6000)
    comes(session, currency="USD", amount_minor=500)
    checkout(session, interval="once", article_id=last, amount_minor=2500, country="UA")
    checkout(session, paid=False, article_id=first)
    checkout(session, purpose="gift", interval="once", article_id=first)
    rollups.rebuild(session)
    assert parts(session) == {
        (TODAY, "", f"read:{last}"): (9, 0),
        (TODAY, "", f"ask_seen:{last}"): (3, 0),
        (TODAY, "", f"checkout:{last}"): (3, 0),
        (TODAY, "", f"checkout:{first}"): (1, 0),
        (TODAY, "", "checkout:0"): (1, 0),
        (TODAY, "", f"paid:{last}"): (3, 0),
        (TODAY, "", "paid:0"): (1, 0),
        (TODAY, "EUR", f"direct:{last}"): (2, 900),
        (TODAY, "EUR", f"influenced:{first}"): (1, 400),
        (TODAY, "EUR", f"influenced:{last}"): (2, 900),
        (TODAY, "USD", "direct:0"): (1, 500),
        (TODAY, "USD", "influenced:0"): (1, 500),
    }
    assert parts(session, "joined") == {
        (TODAY, "EUR", "interval:month"): (1, 400),
        (TODAY, "EUR", "interval:year"): (1, 6000),
        (TODAY, "EUR", "interval:once"): (1, 2500),
        (TODAY, "USD", "interval:month"): (1, 500),
        (TODAY, "EUR", "amount:month:400"): (1, 400),
        (TODAY, "EUR", "amount:year:6000"): (1, 6000),
        (TODAY, "EUR", "amount:once:2500"): (1, 2500),
        (TODAY, "USD", "amount:month:500"): (1, 500),
        (TODAY, "EUR", "country:UA"): (2, 2900),
        (TODAY, "EUR", "country:"): (1, 6000),
        (TODAY, "USD", "country:"): (1, 500),
    }


def test_what_stripe_had_before_us_came_from_no_story(session: Session) -> None:
    """[D4] It was taken over, with its ledger: nobody was asked, nobody paid on our pages."""
    comes(session, taken_over_at=NOON, told_at=NOON)
    rollups.rebuild(session)
    assert [parts(session, name) for name in NAMES] == [{}] * len(NAMES)


def test_only_the_beginning_of_support_is_coming(session: Session) -> None:
    """[D4] A raise is none, nor is the return from a pause; a new agreement after one ended is."""
    given = joins(session)
    moved(session, given, "expansion", 400)
    leaves(session, given, NOON + DAY)
    moved(session, given, "reactivation", 800, NOON + 2 * DAY)
    again = factories.subscription(
        session, factories.account(session), started_at=NOON + 3 * DAY, amount_minor=700
    )
    moved(session, again, "reactivation", 700, NOON + 3 * DAY)
    rollups.rebuild(session)
    assert {key[0]: value for key, value in parts(session).items() if key[2] == "direct:0"} == {
        TODAY: (1, 400),
        TODAY + 3 * DAY: (1, 700),
    }


def test_wordings_have_steps_of_their_own(session: Session) -> None:
    """[R5] Reads have none."""
    always, lunch, control = (each.id for each in running(session).variants)
    seen(session, "read", 5, factories.article(session).id)
    seen(session, "ask_seen", 4, variant_id=lunch)
    seen(session, "support_page", 2, variant_id=lunch)
    checkout(session, ask_variant_id=lunch)
    checkout(session, paid=False, ask_variant_id=control)
    rollups.rebuild(session)
    found = {key[2]: number for key, (number, _minor) in parts(session, "ask").items()}
    assert found == {
        "read:0": 5,
        f"ask_seen:{lunch}": 4,
        f"support_page:{lunch}": 2,
        f"checkout:{lunch}": 1,
        f"paid:{lunch}": 1,
        f"checkout:{control}": 1,
    }
    assert always not in found


def test_refreshing_finds_what_was_told_late_and_equals_a_rebuild(session: Session) -> None:
    """[L6]"""
    story = factories.article(session).id
    comes(session, article_id=story)
    seen(session, "read", 4, story)
    rollups.refresh(session)
    session.execute(update(RollupState).values(rebuilt_at=NOON + 30 * DAY))
    checkout(session, article_id=story, told_at=NOON + 31 * DAY)
    late = comes(session, NOON + 5 * DAY, article_id=story, told_at=NOON + 31 * DAY)
    moved(session, late, "expansion", 100, NOON + 6 * DAY)
    seen(session, "read", 2, story, at=NOON + 29 * DAY)
    rollups.refresh(session)
    refreshed = [parts(session, name) for name in NAMES]
    assert refreshed[3][TODAY.replace(day=1), "", f"paid:{story}"] == (3, 0)
    assert refreshed[0][TODAY, "", f"paid:{story}"] == (2, 0)
    assert refreshed[0][TODAY + 29 * DAY, "", f"read:{story}"] == (2, 0)
    rollups.rebuild(session)
    assert [parts(session, name) for name in NAMES] == refreshed
