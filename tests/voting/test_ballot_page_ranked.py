"""The ballot of instant-runoff, as it is filled in without scripts and with them (rule V2)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.voting import rounds
from membership.voting.models import Round
from membership.voting.preferences import NotAPlaceError, SamePlaceError, by_place
from tests import factories
from tests.conftest import SignedIn
from tests.voting.pages import places_in, text_of, topic_ids


def ranked(session: Session, **values) -> tuple[Round, list[int], Account]:
    topics = [factories.topic(session, state="on_ballot") for _ in range(5)]
    held = factories.round_(session, topics, method="instant_runoff", **values)
    return held, topic_ids(session, held), factories.patron(session)


@settings(deadline=None)
@given(st.lists(st.integers(1, 10**6), unique=True), st.sets(st.integers(1, 99_999)))
def test_places_give_an_order_and_gaps_are_closed(topics: list[int], gaps: set[int]) -> None:
    """[V2]"""
    places = dict(zip(topics, sorted(gaps), strict=False))
    entered = {topic: f" {place} " for topic, place in sorted(places.items())}
    empty = {-number: "" for number in range(1, 4)}
    assert by_place(entered | empty) == list(places)


@pytest.mark.parametrize("entered", ["x", "0", "-1", "1.5", "٣", "²", "100000", "9" * 5000])
def test_what_is_no_place(entered: str) -> None:
    with pytest.raises(NotAPlaceError):
        by_place({7: entered})


def test_one_place_for_two() -> None:
    with pytest.raises(SamePlaceError) as raised:
        by_place({7: "2", 8: "1", 9: "02"})
    assert raised.value.args == (2,)


def test_numbers_put_topics_in_order(session: Session, signed_in: SignedIn) -> None:
    """[V2] Without a script: a select for each topic; what it says comes back as it counts."""
    held, (one, two, three, *others), voter = ranked(session)
    browser = signed_in(session, voter)
    page = f"/rounds/{held.id}"
    assert places_in(browser.get(page)) == {}
    form = {f"place-{one}": "3", f"place-{two}": "", f"place-{three}": "1"}
    form |= {f"place-{topic}": "" for topic in others}
    answer = browser.post(page, data=form)
    assert answer.status_code == 303
    assert rounds.own_choices(session, held.id, voter.id) == [three, one]
    answer = browser.get(page)
    assert "You have voted" in text_of(answer)
    assert places_in(answer) == {three: 1, one: 2}


def test_one_place_twice_is_refused_and_nothing_is_lost(
    session: Session, signed_in: SignedIn
) -> None:
    """[V2]"""
    held, (one, two, three, *_others), voter = ranked(session)
    browser = signed_in(session, voter)
    rounds.cast(session, held.id, voter.id, [two])
    form = {f"place-{one}": "2", f"place-{two}": "2", f"place-{three}": "1", "follow": "yes"}
    answer = browser.post(f"/rounds/{held.id}", data=form)
    assert answer.status_code == 422
    assert "Two topics have place 2: give each a place of its own." in text_of(answer)
    assert places_in(answer) == {one: 2, two: 2, three: 1}
    assert answer.text.count('aria-invalid="true" aria-describedby="ballot-problem"') == 2
    assert rounds.own_choices(session, held.id, voter.id) == [two]


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (["", "", ""], "Choose at least one and at most 2 of the topics"),
        (["1", "2", "3"], "Choose at least one and at most 2 of the topics"),
        (["first", "", ""], "A place is a whole number"),
        (["0", "1", ""], "A place is a whole number"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    session: Session, signed_in: SignedIn, places: list[str], said: str
) -> None:
    """[V2]"""
    held, ids, voter = ranked(session, max_choices=2)
    form = {f"place-{topic}": place for topic, place in zip(ids, places, strict=False)}
    answer = signed_in(session, voter).post(f"/rounds/{held.id}", data=form)
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert rounds.own_choices(session, held.id, voter.id) == []


def test_names_of_no_topic_are_refused(session: Session, signed_in: SignedIn) -> None:
    held, _ids, voter = ranked(session)
    browser = signed_in(session, voter)
    for form in ({"place-x": "1"}, {"place-": "1"}, {"place-99999999": "1"}):
        assert browser.post(f"/rounds/{held.id}", data=form).status_code == 422


def test_choices_in_their_order_are_a_ranking(session: Session, signed_in: SignedIn) -> None:
    """[V2]"""
    held, (one, two, three, *_others), voter = ranked(session)
    browser = signed_in(session, voter)
    assert browser.post(f"/rounds/{held.id}", data={"choice": [three, one, two]}).status_code == 303
    assert rounds.own_choices(session, held.id, voter.id) == [three, one, two]
    answer = browser.post(f"/rounds/{held.id}", data={"choice": [three, three]})
    assert answer.status_code == 422


def test_no_more_places_are_offered_than_topics_stand(
    session: Session, signed_in: SignedIn
) -> None:
    held, _ids, voter = ranked(session, max_choices=9)
    page = signed_in(session, voter).get(f"/rounds/{held.id}").text
    assert page.count('<option value="5"') == 5
    assert '<option value="6"' not in page
