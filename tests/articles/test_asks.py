"""The ask in several wordings: one page for everyone, and nothing that identifies (rule R5)."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.articles import experiments
from membership.articles.experiments import Way, Wording
from tests import factories
from tests.articles.asking import LUNCH, running, written
from tests.articles.reading import page, select, text

SIGNED_IN = Callable[[Session, Any], FlaskClient]


def words(client: FlaskClient, address: str = "/articles/bridge") -> tuple[str, str]:
    """What stands in the ask without JavaScript."""
    (ask,) = select(page(client, address), ".ask")
    (title,), (said,) = select(ask, ".ask-title"), select(ask, ".ask-text")
    return text(title), text(said)


def test_the_page_carries_every_wording_and_is_the_same_for_everyone(
    client: FlaskClient, session: Session, signed_in: SIGNED_IN
) -> None:
    """[R1] [R2] [R5]"""
    factories.article(session, slug="bridge")
    experiment = running(session)
    stranger = client.get("/articles/bridge")
    patron = signed_in(session, factories.patron(session)).get("/articles/bridge")
    assert (stranger.data, stranger.headers["ETag"]) == (patron.data, patron.headers["ETag"])
    (place,) = select(page(client, "/articles/bridge"), ".ask-place")
    assert place.get("data-experiment") == str(experiment.id)
    found = select(place, "template")
    assert [(each.get("data-variant"), each.get("data-weight")) for each in found] == [
        (str(each.id), str(each.weight)) for each in experiment.variants
    ]
    assert [each.get("data-control") is not None for each in found] == [False, False, True]
    assert [text(title) for title in select(place, "template .ask-title")] == [
        "A coffee a month keeps this free for everyone",
        "A lunch a month",
    ]


def test_without_javascript_the_first_wording_stands_there(
    client: FlaskClient, session: Session
) -> None:
    """[R1] The price in it, and what staff typed as text; other languages read as always."""
    factories.article(session, slug="bridge")
    factories.article(session, slug="mist", language="uk")
    always = words(client)
    control = Way("Without an ask", 1, {}, is_control=True)
    experiment = running(session, [control, Way("Lunch", 1, {"en": LUNCH})])
    assert words(client) == ("A lunch a month", "€4 is a start, <b>more</b> is lunch.")
    assert "A lunch" not in client.get("/uk/articles/mist").text
    experiments.end(session, experiment, factories.staff(session).id, "Enough.")
    assert words(client) == always
    assert not select(page(client, "/articles/bridge"), "template")


def test_a_draft_is_seen_by_nobody(client: FlaskClient, session: Session) -> None:
    factories.article(session, slug="bridge")
    before = client.get("/articles/bridge").data
    written(session)
    assert client.get("/articles/bridge").data == before


def test_a_wording_of_which_only_the_title_was_written(
    client: FlaskClient, session: Session
) -> None:
    factories.article(session, slug="bridge")
    always = words(client)
    running(session, [Way("Title", 1, {"en": Wording("Another")}), Way("As always", 1, {})])
    assert words(client) == ("Another", always[1])


def test_only_one_experiment_runs_and_none_runs_twice(session: Session) -> None:
    running(session)
    second, editor = written(session), factories.staff(session)
    with pytest.raises(experiments.AnotherRunsError):
        experiments.start(session, second, editor.id, "Me, too.")
    session.refresh(second)
    assert second.started_at is None
    with pytest.raises(experiments.NotThatStepError):
        experiments.end(session, second, editor.id, "Never began.")


def test_what_has_begun_is_not_rewritten(session: Session) -> None:
    experiment, editor = running(session), factories.staff(session)
    for act in (experiments.start, experiments.end, experiments.end):
        if act is experiments.end and experiment.ended_at is None:
            act(session, experiment, editor.id, "Enough.")
            continue
        with pytest.raises(experiments.NotThatStepError):
            act(session, experiment, editor.id, "Again.")
    with pytest.raises(experiments.NotThatStepError):
        experiments.write(session, "Other", [], editor.id, experiment)


def test_the_ask_can_be_dismissed_and_shown_again_only_with_a_script(
    client: FlaskClient, session: Session
) -> None:
    """[R5] Without one, there is no button that does nothing."""
    factories.article(session, slug="bridge")
    tree = page(client, "/articles/bridge")
    for kind in (".ask-dismiss", ".ask-quiet"):
        (found,) = select(tree, kind)
        assert found.get("hidden") is not None
