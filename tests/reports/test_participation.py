"""The page of participation: turnout, who votes, who stays, and what came of it."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from membership.reports import rollups
from membership.reports.definitions import DEFINITIONS
from membership.reports.models import RoundGroup
from membership.reports.participation.page import participation
from membership.reports.periods import Period
from membership.reports.report import Asked, Report, Table
from membership.voting.models import RoundOption, Topic, TopicFollow
from tests import factories
from tests.factories import NOON
from tests.reports.giving import leaves
from tests.reports.participating import CLOSED, DAY, count, patrons, settled
from tests.reports.queries import number_of_queries

YEAR = timedelta(days=366)
ALL = Period(date(2020, 1, 1), date(2027, 12, 31))


def look(session: Session, period: Period = ALL, currency: str = "EUR") -> Report:
    asked = Asked(date(2027, 12, 31), period, currency, sees_all=True)
    return participation(session, asked)


def table(report: Report, key: str) -> Table:
    (found,) = (each for each in report.tables if each.key == key)
    return found


def rows(report: Report, key: str) -> list[list[object]]:
    """The table's cells; of a figure its value, or "hidden"."""
    return [
        [
            ("hidden" if cell.is_hidden else cell.value) if hasattr(cell, "is_hidden") else cell
            for cell in row
        ]
        for row in table(report, key).rows
    ]


def published(session: Session, at: datetime, **values: object) -> Topic:
    article = factories.article(session, published_at=at)
    topic: Topic = factories.topic(
        session, state="published", article_id=article.id, published_at=at, **values
    )
    return topic


def test_turnout_round_by_round(session: Session) -> None:
    """[D5] The turnout roll against the electorate, and the last round on its tile."""
    given = patrons(session, 20)
    settled(session, given[:5], title="First")
    settled(session, given[:10], CLOSED + 9 * DAY, title="Second")
    settled(session, given[:7], CLOSED + 400 * DAY, title="Of another year")
    count(session, CLOSED + 401 * DAY)
    report = look(session, Period(NOON.date(), date(2026, 12, 31)))
    assert rows(report, "turnout_of_rounds") == [
        ["First", CLOSED.date(), 5, 20, Decimal("0.25")],
        ["Second", CLOSED.date() + 9 * DAY, 10, 20, Decimal("0.5")],
    ]
    last, number, *_ = report.tiles
    assert (last.figure.value, last.figure.denominator) == (Decimal("0.5"), 20)
    assert (last.note, number.figure.value) == ("Second", 2)
    assert "/result" in last.behind
    assert "38 did" in str(table(report, "turnout_of_rounds").title)


def test_few_voters_are_hidden_from_everybody(session: Session) -> None:
    """[S10] [V8] As on the page of the result."""
    given = patrons(session, 20)
    settled(session, given[:4])
    count(session)
    report = look(session)
    assert rows(report, "turnout_of_rounds")[0][2:] == ["hidden", 20, "hidden"]
    assert report.tiles[0].figure.is_hidden
    assert rows(report, "voters_by_tenure")[0][1:] == [0, "hidden", "hidden", "hidden"]


def test_voters_against_all_by_tenure(session: Session) -> None:
    """[D5] Summed over rounds; nobody’s group of fewer than 5 is in a sum."""
    new, old = patrons(session, 20), patrons(session, 20, NOON - 2 * YEAR)
    settled(session, new[:5] + old[:10])
    settled(session, new[:10] + old[:10], CLOSED + DAY)
    settled(session, new[:2] + old[:10], CLOSED + 2 * DAY)
    count(session, CLOSED + 3 * DAY)
    by_tenure = {row[0]: row[1:] for row in rows(look(session), "voters_by_tenure")}
    assert by_tenure["less than 3 months"] == [2, 40, 15, Decimal("0.375")]
    # In the third round this group was told by the other's hiding.
    assert by_tenure["two years and more"] == [2, 40, 20, Decimal("0.5")]
    assert by_tenure["3 to 12 months"] == [0, 0, 0, None]


def test_two_periods_tell_no_more_than_each_round(session: Session) -> None:
    """[S10] The sum with a round less the sum without it is no small group."""
    new, old = patrons(session, 20), patrons(session, 20, NOON - 2 * YEAR)
    settled(session, new[:5] + old[:10])
    settled(session, new[:6] + old[:1], CLOSED + 9 * DAY)
    count(session, CLOSED + 10 * DAY)
    short = Period(NOON.date(), CLOSED.date() + DAY)
    with_it, without = (rows(look(session, each), "voters_by_tenure") for each in (ALL, short))
    assert [row[2:4] for row in with_it] == [row[2:4] for row in without]


def test_of_two_groups_as_large_the_same_is_always_hidden(session: Session) -> None:
    """[S10] In whatever order the rows lie: one time this and one time that would tell both."""
    new, old = patrons(session, 20), patrons(session, 20, NOON - 2 * YEAR)
    few = patrons(session, 2, NOON - YEAR)
    held = settled(session, new[:10] + old[:10] + few[:1])
    count(session)
    as_it_was = rows(look(session), "voters_by_tenure")
    columns = RoundGroup.__table__.columns.keys()
    lines = [
        {name: getattr(row, name) for name in columns}
        for row in session.scalars(select(RoundGroup).where(RoundGroup.round_id == held.id))
    ]
    session.execute(delete(RoundGroup))
    session.execute(insert(RoundGroup), lines[::-1])
    assert rows(look(session), "voters_by_tenure") == as_it_was
    assert [row[1] for row in as_it_was].count(1) == 1


def test_voters_against_all_by_amount(session: Session) -> None:
    """[D5] In the currency that was asked for, and who gave nothing at the time."""
    small, large = patrons(session, 10), patrons(session, 10, amount_minor=1200)
    other = patrons(session, 10, amount_minor=10000, currency="UAH")
    settled(session, small[:5] + large[:5] + other[:5])
    count(session)
    assert rows(look(session), "voters_by_amount") == [
        ["less than €5", 1, 10, 5, Decimal("0.5")],
        ["€10 to less than €20", 1, 10, 5, Decimal("0.5")],
    ]
    (row,) = rows(look(session, currency="UAH"), "voters_by_amount")
    assert row[1:4] == [1, 10, 5]


def test_who_stays_of_voters_and_of_others(session: Session) -> None:
    """[D5] Each round as soon as it is old enough."""
    voters, others = patrons(session, 20), patrons(session, 20)
    for gone in (*voters[:5], *others[:10]):
        leaves(session, gone, CLOSED + 20 * DAY)
    settled(session, voters)
    count(session, CLOSED + 100 * DAY)
    kept = {row[0]: row[1:] for row in rows(look(session), "kept_by_voting")}
    assert kept["3 months"] == [1, 20, Decimal("0.75"), 20, Decimal("0.5")]
    assert kept["6 months"] == [0, 0, None, 0, None]
    picture = table(look(session), "kept_by_voting").picture
    assert picture is not None
    drawn = {each["name"]: each["values"][:2] for each in picture["series"]}
    assert drawn == {
        "Of voters still give": [0.75, None],
        "Of the others still give": [0.5, None],
    }


def test_small_groups_of_those_who_stay_are_hidden(session: Session) -> None:
    """[S10]"""
    voters = patrons(session, 4)
    patrons(session, 20)
    settled(session, voters)
    count(session, CLOSED + YEAR)
    for row in rows(look(session), "kept_by_voting"):
        assert row[1:] == [0, "hidden", "hidden", "hidden", "hidden"]


def test_from_vote_to_story(session: Session) -> None:
    """[D5] The median of days, and the list of topics with their stories."""
    given = patrons(session, 5)
    for number, days in enumerate((10, 20, 60)):
        topic = published(session, CLOSED + days * DAY, title=f"Topic {number}")
        held = settled(session, given, topics=[topic], title="What next?")
        assert session.get(RoundOption, (held.id, topic.id))
    published(session, CLOSED + 3 * DAY, title="Without a vote")
    published(session, CLOSED + 3 * YEAR, title="Much later")
    report = look(session)
    assert [row[0] for row in rows(report, "asked_and_reported")] == [
        "Topic 2", "Topic 1", "Topic 0", "Without a vote",
    ]  # fmt: skip
    assert [row[3:5] for row in rows(report, "asked_and_reported")] == [
        ["What next?", 60], ["What next?", 20], ["What next?", 10], [None, None],
    ]  # fmt: skip
    days = report.tiles[2]
    assert (days.figure.value, days.figure.denominator) == (20, 3)


def test_followers_of_what_is_on_a_ballot_are_not_told(session: Session) -> None:
    """[V4] [S10] Whom a vote makes follow a topic would tell of the vote."""
    readers = [factories.account(session) for _ in range(6)]
    told, few = published(session, CLOSED), published(session, CLOSED)
    on_ballot = factories.topic(session, state="on_ballot")
    again = published(session, CLOSED)
    factories.round_(session, [on_ballot, again])
    for topic, followers in ((told, 6), (few, 4), (on_ballot, 6), (again, 6)):
        for reader in readers[:followers]:
            session.add(TopicFollow(topic_id=topic.id, account_id=reader.id))
    session.flush()
    report = look(session)
    # With the four, the few would be known from two periods.
    assert report.tiles[3].figure.value == 6
    followed = {row[0]: row[5] for row in rows(report, "asked_and_reported")}
    assert followed == {told.title: 6, few.title: "hidden", again.title: 0}


def test_followers_of_what_comes_out_as_the_next_day_begins_are_those_of_that_day(
    session: Session,
) -> None:
    """[D5] The tile counts the stories of the list below it."""
    topic = published(session, Period(CLOSED.date(), CLOSED.date()).until)
    for _ in range(5):
        follower = factories.account(session)
        session.add(TopicFollow(topic_id=topic.id, account_id=follower.id))
    session.flush()
    days = [Period(day, day) for day in (CLOSED.date(), CLOSED.date() + DAY)]
    reports = [look(session, each) for each in days]
    assert [len(rows(each, "asked_and_reported")) for each in reports] == [0, 1]
    assert [each.tiles[3].figure.value for each in reports] == [0, 5]


def test_it_asks_as_much_for_many_as_for_few(session: Session) -> None:
    """[L13] However many patrons, rounds and stories."""
    numbers = []
    for _ in range(2):
        settled(session, patrons(session, 6))
        published(session, CLOSED)
        count(session)
        numbers.append(number_of_queries(session, lambda: look(session)))
    assert numbers == [4, 4]


def test_every_figure_is_defined_and_empty_days_stand(session: Session) -> None:
    """[D5] Nothing is divided by nought."""
    report = look(session)
    keys = {each.key for each in (*report.tiles, *report.tables)}
    assert keys <= DEFINITIONS.keys()
    assert [tile.figure.value for tile in report.tiles] == [None, 0, None, 0]
    assert report.as_of is None
    rollups.rebuild(session)
    assert look(session).as_of is not None
