"""What the list of patrons is asked for: conditions kept as data, and the SQL that they make.

All given conditions must hold. Days are those of UTC. Of votes only settled rounds' turnout rolls
are looked at (rules V4 and V8).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    any_,
    bindparam,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import REGCONFIG
from sqlalchemy.orm import Session

from config.settings import settings
from membership.accounts.models import Account, address, name_words, spelled
from membership.billing.revenue import MONTHS
from membership.billing.standing import PATRON_STATES
from membership.db import LARGEST_ID
from membership.money import from_major
from membership.patrons.models import Patron, Tagged

Standing = Literal["current", "grace", "lapsed", "once"]
# As in config.settings.
Tier = Literal["coffee", "lunch", "dinner"]
# As in membership.billing.elsewhere.models.
Platform = Literal["patreon", "steady"]
State = Literal["incomplete", "active", "past_due", "paused", "cancel_scheduled", "ended"]
# Any state in which a patron's support is not over.
RUNS = "runs"
# As the database keeps them.
Key = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
LONGEST_TEXT = 200
# So many accounts that begin with a text are many; fewer are looked up one by one.
MANY = 3_000
SIMPLE = cast(literal("simple"), REGCONFIG)


@dataclass(frozen=True)
class Called:
    """SQL, beside a Patron and its Account: the text is the beginning of its name or address."""

    condition: ColumnElement[bool]
    # More accounts than are looked up one by one; how many of them are patrons is not known.
    are_many: bool


class Filters(BaseModel):
    """Conditions on a patron; what is left out holds for everyone. As JSON in `patron_view`.

    `text` is the beginning of an address, or of words of a name. Support is what runs, or else
    what ran last, and its state may be RUNS; a tier reaches from its amount up to the next one's,
    in every currency. A platform is the one through which they pay or paid last, if no support of
    theirs runs here. `since` and `until` are days, both included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = ""
    standing: Standing | None = None
    state: State | Literal["runs"] | None = None
    tier: Tier | None = None
    interval: Literal["month", "year"] | None = None
    currency: Currency | None = None
    platform: Platform | None = None
    since: date | None = None
    until: date | None = None
    article_id: Key | None = None
    votes: Literal["ever", "never"] | None = None
    tag_id: Key | None = None

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_defaults=True)

    def nameless(self) -> Self:
        """As it may be kept: that a name or address was looked for, and not which (rule S10)."""
        return self.model_copy(update={"text": "…"}) if self.text else self


def conditions(wanted: Filters, called: Called | None = None) -> Iterator[ColumnElement[bool]]:
    """SQL, beside a Patron: all that must hold, with what joins the tables it is asked of.

    `called` is what is to be asked for the text, where who_is_called() was asked before.
    """
    for column, value in (
        (Patron.standing, wanted.standing),
        (Patron.interval, wanted.interval),
        (Patron.currency, wanted.currency),
        (Patron.platform, wanted.platform),
    ):
        if value is not None:
            yield column == _plain(value)
    if wanted.state == RUNS:
        yield Patron.state.in_(PATRON_STATES)
    elif wanted.state is not None:
        yield Patron.state == _plain(wanted.state)
    if wanted.article_id is not None:
        yield Patron.article_id == _plain(wanted.article_id)
    if wanted.tier is not None:
        yield in_tier(Patron, wanted.tier, wanted.interval)
    if wanted.votes is not None:
        # Not "IS TRUE", for which PostgreSQL does not see its index.
        yield and_(Patron.has_voted) if wanted.votes == "ever" else not_(Patron.has_voted)
    yield from _within(Patron, wanted)
    if wanted.tag_id is not None:
        yield Tagged.account_id == Patron.account_id
        yield Tagged.tag_id == _plain(wanted.tag_id)
        yield from _within(Tagged, wanted)
    if wanted.text:
        yield called.condition if called else Patron.account_id.in_(_named(wanted.text))


def who_is_called(session: Session, wanted: Filters) -> Called | None:
    """How to ask for the text; None without one.

    Few are found first and then asked for all the rest. Many are met soon enough on the way
    through the list, where none has to be sorted.
    """
    if not wanted.text:
        return None
    # A plan that is kept for any text is one without its index. Until the transaction ends.
    session.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    found = _named(wanted.text, MANY).subquery()
    ids = session.scalar(select(func.array_agg(found.c.id))) or []
    if len(ids) < MANY:
        return Called(Patron.account_id == any_(literal(ids, ARRAY(BigInteger))), False)
    # Within coalesce() PostgreSQL looks for no index, and goes the way of the list.
    either = or_(_begins(wanted.text), _has_words(wanted.text))
    return Called(func.coalesce(either, false()), True)


def _named(text: str, most: int | None = None) -> CompoundSelect[int]:
    """SQL: accounts, some twice. Asked for in one, PostgreSQL would take every name apart again."""
    ways = [select(Account.id).where(way).limit(most) for way in (_begins(text), _has_words(text))]
    return union_all(*ways)


def _within(table: type[Patron] | type[Tagged], wanted: Filters) -> Iterator[ColumnElement[bool]]:
    if wanted.since is not None:
        yield table.since_at >= _begin(wanted.since)
    if wanted.until is not None and wanted.until < date.max:
        yield table.since_at < _begin(wanted.until + timedelta(days=1))


def order(wanted: Filters) -> tuple[Any, Any]:
    """SQL: the columns that the list stands in the order of: of the table with fewer to look at.

    PostgreSQL would choose by how many there are, and knows nothing of when they came: those of a
    tag may all have come long ago, and everybody since then would be looked at in vain.
    """
    by_tag = wanted.tag_id is not None and wanted.article_id is None
    table = Tagged if by_tag else Patron
    return table.since_at, table.account_id


def ids(wanted: Filters) -> Select[int]:
    """SQL: the accounts that all of it holds for, whatever statement it stands in."""
    return select(Patron.account_id).where(*conditions(wanted)).correlate(None)


def in_tier(support: Any, name: str, asked: str | None = None) -> ColumnElement[bool]:
    """SQL: `support` (with columns currency, interval, amount_minor) lies in the tier.

    A yearly amount is compared whole: nothing is rounded. With an interval that is `asked` for as
    well, PostgreSQL need not guess how many of the others there are.
    """
    return or_(*_amounts(support, name, [asked] if asked else list(MONTHS)))


def _amounts(support: Any, name: str, intervals: list[str]) -> Iterator[ColumnElement[bool]]:
    for code, tiers in settings().tiers.items():
        place = [tier.name for tier in tiers].index(name)
        for interval in intervals:
            months = MONTHS[interval]
            least = from_major(tiers[place].amount, code).minor * months
            within = [
                support.currency == _plain(code),
                support.interval == _plain(interval),
                support.amount_minor >= _plain(least),
            ]
            for above in tiers[place + 1 : place + 2]:
                most = from_major(above.amount, code).minor * months
                within.append(support.amount_minor < _plain(most))
            yield and_(*within)


def _begins(text: str) -> ColumnElement[bool]:
    # autoescape: a % or _ that is typed is looked for.
    return address.startswith(text.strip().lower(), autoescape=True)


def _has_words(text: str) -> ColumnElement[bool]:
    return name_words.bool_op("@@")(func.to_tsquery(SIMPLE, literal(_words(text))))


def _words(text: str) -> str:
    """Text as a query for words that begin like each of its own."""
    words = (word.replace("\\", "\\\\").replace("'", "''") for word in spelled(text).split())
    return " & ".join(f"'{word}':*" for word in words)


def _plain(value: Any) -> BindParameter[Any]:
    """A value that PostgreSQL plans for: some have few patrons, others most."""
    return bindparam(None, value, literal_execute=True)


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
