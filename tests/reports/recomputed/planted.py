"""A newsroom of three years by fixed dates, told by the rules of `flask seed`, with its reads.

Five currencies, one of them without minor units, a leap day, and givers with tags.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from config.settings import COFFEE, Tier
from membership.accounts.models import Account
from membership.articles.models import AskExperiment, AskVariant, ReadingCount
from membership.billing.amounts import CardFee
from membership.billing.models import Donation, Subscription
from membership.money import Money, from_major
from membership.patrons.models import PatronTag, Tagged
from membership.reports.models import ExchangeRate
from membership.seed import blocks
from membership.seed.asks import Trial
from membership.seed.blocks import Plan
from membership.seed.books import TABLES, UNNUMBERED
from membership.seed.calendar import Span
from tests import factories

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
TODAY = NOW.date()
LEAP_DAY = date(2024, 2, 29)
CURRENCIES = ("EUR", "USD", "UAH", "GBP", "JPY")
DAY = timedelta(days=1)
# A trial of four weeks, in which every reader sees one of three wordings, or none.
TRIED = (datetime(2026, 5, 4, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
WEIGHTS = (1, 2, 1)


def plant(session: Session, givers: int) -> Account:
    """Everything that happened until NOW; who of finance looks at it."""
    looks = factories.staff(session, "finance", created_at=NOW - 1200 * DAY)
    stories = tuple(
        (factories.article(session, published_at=at).id, at)
        for at in (NOW - (1090 - 180 * number) * DAY for number in range(7))
    )
    trial = _trial(session)
    plan = Plan(
        seed=16,
        givers=givers,
        span=Span(NOW - 1105 * DAY, NOW),
        tiers={
            code: tuple(Tier("a tier", COFFEE[code] * times) for times in (1, 3, 8))
            for code in CURRENCIES
        },
        fees={code: CardFee(Fraction(3, 100), Money(30, code)) for code in CURRENCIES},
        coffee=from_major(COFFEE["EUR"], "EUR"),
        stories=stories,
        trial=trial,
        first_account=looks.id,
    )
    for block in blocks.told(plan):
        _copy(session, block.lines)
        for table, last in block.last_ids.items():
            number_on = text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), :last)")
            session.execute(number_on, {"last": last})
    assert not UNNUMBERED & set(block.last_ids)
    _read(session, stories, trial)
    _bring_in_rates(session)
    _tag(session, looks)
    _give_elsewhere(session)
    return looks


def _copy(session: Session, lines: dict[str, bytes]) -> None:
    driver: Any = session.connection().connection.driver_connection
    for table, columns in TABLES.items():
        with driver.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            copy.write(lines[table])


def _bring_in_rates(session: Session) -> None:
    """Rates of four days of five, that move; the hryvnia has none."""
    rng = Random("rates")
    near = {"USD": 1.1, "GBP": 0.86, "JPY": 160.0}
    rows = []
    for number in range(1200):
        if number % 5 < 4:
            rows += [
                {"currency": code, "day": TODAY - number * DAY, "per_euro": Decimal(f"{rate:.4f}")}
                for code, rate in near.items()
            ]
        near = {code: rate * rng.uniform(0.99, 1.01) for code, rate in near.items()}
    session.execute(insert(ExchangeRate), rows)


def _tag(session: Session, looks: Account) -> None:
    """Two tags, of which some bear both; and each is borne by somebody who never gave.

    That their bearers have given only since now is for the list of patrons to put right.
    """
    givers = sorted(set(session.scalars(select(Donation.account_id))))
    rng = Random("tags")
    for name, number in (("comes to our evenings", 200), ("writes to us", 60)):
        tag = factories.add(session, PatronTag(name=name))
        bearers = (looks.id, *rng.sample(givers, number))
        session.add_all(Tagged(tag_id=tag.id, account_id=each, since_at=NOW) for each in bearers)
    session.flush()


def _give_elsewhere(session: Session) -> None:
    """Some who left had gone to a platform for a month; some give here, and there as well."""
    query = select(Subscription).where(Subscription.started_at < NOW - 100 * DAY)
    there = Random("elsewhere").sample(session.scalars(query.order_by(Subscription.id)).all(), 60)
    # One each, the newest.
    for number, support in enumerate({each.account_id: each for each in there}.values()):
        account = session.get_one(Account, support.account_id)
        left_at = support.ended_at or NOW - 90 * DAY
        days = {"since_at": left_at, "paid_until_at": min(left_at + 30 * DAY, NOW - DAY)}
        source = ("patreon", "steady")[number % 2]
        factories.paid_elsewhere(session, account, source=source, **days)


def _trial(session: Session) -> Trial:
    variants = [
        AskVariant(name=f"wording {number}", weight=weight, is_control=number == 0, wording={})
        for number, weight in enumerate(WEIGHTS)
    ]
    began, ended = TRIED
    tried = AskExperiment(name="May", started_at=began, ended_at=ended, variants=variants)
    factories.add(session, tried)
    return Trial(began, ended, tuple(v.id for v in tried.variants for _ in range(v.weight)))


def _read(session: Session, stories: tuple[tuple[int, datetime], ...], trial: Trial) -> None:
    """Some reads of each story in most weeks, with and without a trial, in two rows each."""
    rng = Random("reads")
    rows = []
    for story, published_at in stories:
        at = published_at
        while at < NOW:
            on_trial = trial.began_at <= at < trial.ended_at
            for variant in sorted(set(trial.variants)) if on_trial else (0,):
                for step, most in (("read", 900), ("ask_seen", 400), ("support_page", 60)):
                    if step != "read" and variant == trial.variants[0]:
                        most = most // 4
                    for slot in (0, 1):
                        rows.append(
                            {
                                "day": at.date(),
                                "article_id": story,
                                "variant_id": variant,
                                "step": step,
                                "slot": slot,
                                "number": rng.randint(0, most),
                            }
                        )
            at += 9 * DAY
    rows += [
        {"day": row["day"], "article_id": 0, "variant_id": 0, "step": "support_page",
         "slot": 2, "number": rng.randint(1, 9)}
        for row in {each["day"]: each for each in rows}.values()
    ]  # fmt: skip
    session.execute(insert(ReadingCount), rows)
