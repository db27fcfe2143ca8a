"""The list of patrons."""

import pytest
from sqlalchemy.orm import Session

from membership.money import Money
from membership.reports import patrons
from membership.reports.patrons import Filters
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
