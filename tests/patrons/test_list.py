"""The list of patrons: pages, filters alone and together, the same as plain Python finds."""

from datetime import date, timedelta
from itertools import combinations
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import merging
from membership.accounts.models import Account, AuditEntry
from membership.billing.elsewhere.models import SOURCES
from membership.billing.models import Checkout
from membership.money import Money
from membership.patrons import filters, roll, saved, tags
from membership.patrons.filters import Filters, Platform
from membership.patrons.models import PatronTag, Tagged
from membership.patrons.saved import ViewNameError
from membership.patrons.tags import TagNameError
from membership.reports import patrons
from membership.reports.patrons import Count, Place
from membership.voting.models import Turnout
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, pays
from tests.reports.queries import number_of_queries


def names(page: patrons.Page) -> list[str | None]:
    return [patron.account.name for patron in page.patrons]


def several(session: Session, count: int) -> None:
    for number in range(count):
        factories.patron(session, name=f"Patron {number}")
    roll.rebuild(session)


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
    assert (first.newer, third.older) == (None, third.older)
    assert names(patrons.page(session, Filters(), after=third.newer)) == names(second)
    assert patrons.page(session, Filters(), after=second.newer).newer is None


def test_a_place_is_read_as_it_is_written() -> None:
    place = Place(NOON + timedelta(microseconds=1), 12)
    assert Place.read(str(place)) == place
    for wrong in ("", "1", "-", "a-b", "1-2-3", "9" * 30 + "-1", "1-" + "9" * 60):
        assert Place.read(wrong) is None


def test_the_beginning_of_an_address_or_of_words_of_a_name_is_looked_for(session: Session) -> None:
    factories.patron(session, name="Ann O'Hara-Smith", email="ann@example.org")
    factories.patron(session, name="Олена Коваль", email="o.koval@example.org")
    factories.account(session, name="Ann who never gave", email="anna@example.org")
    roll.rebuild(session)

    def found(text: str) -> list[str | None]:
        return names(patrons.page(session, Filters(text=text)))

    for text in ("ann@", "ANN", "smi", "ann smi", "o'h", "Smith Ann"):
        assert found(text) == ["Ann O'Hara-Smith"], text
    for text in ("ОЛЕ", "кова", "оле кова", "o.koval@"):
        assert found(text) == ["Олена Коваль"], text
    for text in ("%", "nn", "ann koval", "\\", "'", "who"):
        assert found(text) == [], text


@pytest.mark.parametrize("kept", ["'", "’", "ʼ", "`"])
def test_a_name_is_found_however_its_apostrophe_or_accent_is_written(
    session: Session, kept: str
) -> None:
    """An accent may be a letter's own, or stand behind it."""
    factories.patron(session, name=f"Мар{kept}яна Rene\u0301e", email="one@example.org")
    factories.patron(session, name="Jos\u00e9e", email="other@example.org")
    roll.rebuild(session)
    for text in ("мар'я", "мар’я", "марʼя", "мар`я", "ren\u00e9", "rene\u0301"):
        assert len(patrons.page(session, Filters(text=text)).patrons) == 1, text
    for text in ("jos\u00e9", "jose\u0301"):
        assert names(patrons.page(session, Filters(text=text))) == ["Jos\u00e9e"], text


@pytest.mark.parametrize("many", [2, 5, 100])
def test_few_and_many_who_are_called_so_are_found_alike(
    session: Session, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """[L13] Few by their names, many on the way through the list, those far down it by both."""
    monkeypatch.setattr(filters, "MANY", many)
    monkeypatch.setattr(patrons, "ON_THE_WAY", many)
    monkeypatch.setattr(patrons, "PAGE", 2)
    for number in range(12):
        called = "Ann" if number % 2 or number < 5 else "Eva"
        giver = factories.account(
            session, name=f"{called} {number}", email=f"r{number}@example.org"
        )
        pays(session, giver, NOON + number * DAY)
    roll.rebuild(session)
    for asked, expected in (
        (Filters(text="ann"), [11, 9, 7, 5, 4, 3, 2, 1, 0]),
        (Filters(text="ann", until=(NOON + 3 * DAY).date()), [3, 2, 1, 0]),
        (Filters(text="eva"), [10, 8, 6]),
        (Filters(text="r1"), [11, 10, 1]),
        (Filters(text="eva", standing="grace"), []),
    ):
        found, before = [], None
        while True:
            page = patrons.page(session, asked, before)
            found += [str(name).split()[1] for name in names(page)]
            if (before := page.older) is None or not page.patrons:
                break
        assert found == [str(number) for number in expected], asked
        assert page.count.number <= len(expected)
        assert page.count.has_more or page.count.number == len(expected)


@pytest.fixture
def crowd(session: Session) -> list[dict[str, Any]]:
    """Patrons of every kind, and what a filter must know of each."""
    stories = [factories.article(session).id for _ in range(2)]
    tag = tags.find_or_create(session, "press")
    settled = factories.round_(session, state="settled")
    found = []
    kinds = [
        ("active", "month", 400, "EUR", "coffee"),
        ("active", "year", 14400, "EUR", "lunch"),
        ("past_due", "month", 32000, "UAH", None),
        ("ended", "month", 400, "EUR", "coffee"),
        ("ended", "year", 4800, "USD", None),
        ("paused", "month", 3200, "EUR", "dinner"),
    ]
    standing = {"active": "current", "past_due": "grace", "paused": "grace", "ended": "lapsed"}
    for number, (state, interval, amount, currency, tier) in enumerate(kinds * 2):
        giver = factories.account(session, name=f"Giver {number}")
        story = stories[number % 2] if number % 3 else None
        checkout = Checkout(
            email=giver.email, language="en", interval=interval, amount_minor=amount,
            currency=currency, article_id=story, state="completed",
        )  # fmt: skip
        factories.add(session, checkout)
        at = NOON + number * DAY
        given = factories.subscription(
            session, giver, state=state, interval=interval, amount_minor=amount,
            currency=currency, started_at=at, checkout_id=checkout.id,
        )  # fmt: skip
        pays(session, giver, at, subscription_id=given.id, stripe_invoice_id=f"in_{given.id}")
        if number % 4 == 1:
            session.add(Turnout(round_id=settled.id, account_id=giver.id))
        platform = ("patreon", "steady")[number % 2] if number % 3 < 2 else None
        if platform is not None:
            factories.paid_elsewhere(session, giver, source=platform, since_at=at, paid_until_at=at)
        if number % 5 < 2:
            session.add(Tagged(tag_id=tag.id, account_id=giver.id, since_at=at))
        found.append(
            {
                "name": giver.name, "standing": standing[state], "state": state,
                "interval": interval, "currency": currency, "tier": tier, "day": at.date(),
                "platform": platform if state == "ended" else None,
                "article_id": story, "votes": "ever" if number % 4 == 1 else "never",
                "tag_id": tag.id if number % 5 < 2 else None,
            }
        )  # fmt: skip
    session.flush()
    roll.rebuild(session)
    return found[::-1]


def test_any_filters_together_find_what_plain_python_finds(
    session: Session, crowd: list[dict[str, Any]]
) -> None:
    first, middle = date(2026, 3, 4), date(2026, 3, 9)
    wanted: dict[str, Any] = {
        "standing": "grace", "state": "ended", "interval": "month", "currency": "EUR",
        "tier": "coffee", "since": first, "until": middle, "votes": "never",
        "platform": "patreon",
        "tag_id": next(each["tag_id"] for each in crowd if each["tag_id"]),
        "article_id": next(each["article_id"] for each in crowd if each["article_id"]),
    }  # fmt: skip

    def holds(each: dict[str, Any], name: str) -> bool:
        if name == "since":
            return bool(each["day"] >= first)
        if name == "until":
            return bool(each["day"] <= middle)
        return bool(each[name] == wanted[name])

    for some in (*combinations(wanted, 1), *combinations(wanted, 2), tuple(wanted)):
        asked = Filters(**{name: wanted[name] for name in some})
        expected = [each["name"] for each in crowd if all(holds(each, name) for name in some)]
        assert names(patrons.page(session, asked)) == expected, some
        assert patrons.page(session, asked).count == Count(len(expected), has_more=False)
        assert len(session.scalars(filters.ids(asked)).all()) == len(expected)


def test_who_came_back_is_not_found_among_those_who_left(session: Session) -> None:
    giver = factories.patron(session)
    factories.subscription(session, giver, state="ended", started_at=NOON - 9 * DAY)
    roll.rebuild(session)
    assert names(patrons.page(session, Filters(state="ended"))) == []
    assert len(patrons.page(session, Filters(state="active")).patrons) == 1


def test_a_line_says_what_was_given_in_each_currency(session: Session) -> None:
    giver = factories.patron(session)
    pays(session, giver, NOON + DAY, amount_minor=1000, refunded_minor=300)
    pays(session, giver, amount_minor=9000, currency="UAH")
    pays(session, giver, amount_minor=500, currency="USD", refunded_minor=500)
    roll.rebuild(session)
    line = patrons.page(session, Filters()).patrons[0]
    assert line.given == (Money(1100, "EUR"), Money(9000, "UAH"))
    assert line.last_gift_at == NOON + DAY
    assert line.subscription is not None
    assert line.subscription.state == "active"


def test_the_list_takes_as_many_queries_whatever_its_length(session: Session) -> None:
    """[L13]"""
    several(session, 1)
    few = number_of_queries(session, lambda: patrons.page(session, Filters()))
    several(session, 40)
    assert number_of_queries(session, lambda: patrons.page(session, Filters())) == few == 6


def test_more_than_a_thousand_are_not_counted(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patrons, "COUNTED", 2)
    several(session, 2)
    assert patrons.page(session, Filters()).count == Count(2, has_more=False)
    several(session, 1)
    assert patrons.page(session, Filters()).count == Count(2, has_more=True)


def test_every_platform_can_be_asked_for() -> None:
    assert get_args(Platform) == SOURCES


def test_what_no_filter_is_called_is_refused() -> None:
    for wrong in ({"state": "gone"}, {"currency": "euro"}, {"tag_id": 0}, {"article_id": 2**63}):
        with pytest.raises(ValidationError):
            Filters(**wrong)


def test_tags_of_one_and_of_all_in_a_view_are_written_down(session: Session) -> None:
    """[S9]"""
    actor = factories.staff(session, "finance")
    one, other = factories.patron(session, name="One"), factories.patron(session, name="Other")
    roll.rebuild(session)
    tag = tags.find_or_create(session, " The  press ")
    assert tags.find_or_create(session, "the PRESS").id == tag.id
    tags.add(session, actor, tag, one)
    tags.add(session, actor, tag, one)
    assert tags.add_to_all(session, actor, tag, Filters()) == 1
    other_tag = tags.find_or_create(session, "b")
    assert tags.add_to_all(session, actor, other_tag, Filters(tag_id=tag.id)) == 2
    assert tags.remove_from_all(session, actor, tag, Filters(tag_id=other_tag.id)) == 2
    tags.remove(session, actor, other_tag, other)
    assert tags.of(session, [one.id, other.id]) == {one.id: [other_tag]}
    assert names(patrons.page(session, Filters(tag_id=other_tag.id))) == ["One"]
    for name in (" ", "x" * 41):
        with pytest.raises(TagNameError):
            tags.find_or_create(session, name)
    session.commit()
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.action, entry.detail.get("patrons")) for entry in entries] == [
        ("patron.tagged", None),
        ("patrons.tagged", 1),
        ("patrons.tagged", 2),
        ("patrons.untagged", 2),
        ("patron.untagged", None),
    ]
    assert len(session.scalars(select(PatronTag)).all()) == 2


def test_views_are_ones_own_or_shared(session: Session) -> None:
    mine, theirs = (factories.staff(session, "finance") for _ in range(2))
    own = saved.keep(session, mine, "Mine", Filters(state="ended"), is_shared=False)
    shared = saved.keep(session, theirs, "Shared", Filters(), is_shared=True)
    assert saved.seen_by(session, mine) == [own, shared]
    assert saved.seen_by(session, theirs) == [shared]
    again = saved.keep(session, mine, "Mine", Filters(state="active"), is_shared=True)
    assert (again.id, again.filters) == (own.id, {"state": "active"})
    assert not saved.may_remove(shared, mine)
    saved.remove(session, mine, own)
    assert saved.seen_by(session, theirs) == [shared]
    with pytest.raises(ViewNameError):
        saved.keep(session, mine, "", Filters(), is_shared=False)


def test_who_is_deleted_is_found_no_more(session: Session) -> None:
    """[L14] The list keeps no name of its own."""
    giver: Account = factories.patron(session, name="Ann", email="ann@example.org")
    roll.rebuild(session)
    giver.name, giver.email = None, "deleted-1@invalid"
    session.flush()
    assert names(patrons.page(session, Filters(text="ann"))) == []


def test_tags_follow_a_merge_of_accounts(session: Session) -> None:
    """One that both bear is borne once, and stands where the patron who was kept stands."""
    actor = factories.staff(session, "finance")
    kept, gone = factories.account(session), factories.account(session)
    pays(session, kept, NOON + 3 * DAY)
    pays(session, gone, NOON)
    roll.rebuild(session)
    both, one = (tags.find_or_create(session, name) for name in ("both", "one"))
    for tag, account in ((both, kept), (both, gone), (one, gone)):
        tags.add(session, actor, tag, account)
    began = clock.now()
    merging.merge(session, kept.id, gone.id, actor_id=actor.id, reason="The same person.")
    assert tags.of(session, [kept.id, gone.id]) == {kept.id: [both, one]}
    roll.refresh(session, began - DAY)
    for tag in (both, one):
        asked = Filters(tag_id=tag.id, until=NOON.date())
        (line,) = patrons.page(session, asked).patrons
        assert line.account.id == kept.id
