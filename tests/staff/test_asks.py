"""Staff try wordings of the ask, and see what becomes of who saw them (rule R5)."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import html
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import AuditEntry
from membership.articles.models import AskExperiment
from membership.reports import rollups
from tests import factories
from tests.articles.asking import running, written
from tests.reports.coming import checkout, comes, seen

Browser = Callable[[Session, Any], FlaskClient]
FORM = {
    "name": "Coffee or lunch",
    "name_1": "As always",
    "weight_1": "1",
    "weight_2": "2",
    "title_2_en": "A lunch a month",
    "text_2_en": "{price} is a start.",
    "control": "1",
}


@pytest.fixture
def editor(session: Session, signed_in: Browser) -> FlaskClient:
    return signed_in(session, factories.staff(session))


def deeds(session: Session) -> list[tuple[str, Any]]:
    found = session.scalars(select(AuditEntry).where(AuditEntry.action.startswith("ask.")))
    return [(each.action, each.detail.get("reason")) for each in found]


def test_an_experiment_from_its_words_to_its_end(session: Session, editor: FlaskClient) -> None:
    """[R5] [S9]"""
    assert editor.post("/staff/asks/new", data=FORM).status_code == 303
    (experiment,) = session.scalars(select(AskExperiment))
    assert [(each.name, each.weight, each.is_control) for each in experiment.variants] == [
        ("As always", 1, False),
        ("Wording 2", 2, False),
        ("Without an ask", 1, True),
    ]
    assert experiment.variants[1].wording == {
        "en": {"title": "A lunch a month", "text": "{price} is a start."}
    }
    page = f"/staff/asks/{experiment.id}"
    assert "A lunch a month" in editor.get(page).text
    assert editor.post(page, data=FORM | {"weight_2": "3", "control": "0"}).status_code == 303
    session.refresh(experiment)
    assert [each.weight for each in experiment.variants] == [1, 3]
    assert editor.post(f"{page}/start", data={"reason": " "}).status_code == 422
    assert editor.post(f"{page}/end", data={"reason": "Enough."}).status_code == 409
    assert editor.post(f"{page}/start", data={"reason": "To learn."}).status_code == 303
    assert editor.post(f"{page}/start", data={"reason": "Again."}).status_code == 409
    assert editor.post(page, data=FORM).status_code == 409
    assert editor.post(f"{page}/end", data={"reason": "Learned."}).status_code == 303
    session.refresh(experiment)
    assert experiment.ended_at is not None
    assert deeds(session) == [
        ("ask.written", None),
        ("ask.changed", None),
        ("ask.started", "To learn."),
        ("ask.ended", "Learned."),
    ]


def test_a_second_one_does_not_start_beside_the_first(
    session: Session, editor: FlaskClient
) -> None:
    running(session)
    second = written(session)
    answer = editor.post(f"/staff/asks/{second.id}/start", data={"reason": "Me, too."})
    assert answer.status_code == 409
    assert "Another experiment runs" in answer.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "Give it a name."),
        ({"weight_2": "100"}, "From 0 to 99."),
        ({"weight_2": "0", "control": "0"}, "Two groups are needed"),
        ({"weight_1": "0", "weight_2": ""}, "Two groups are needed"),
        ({"text_2_en": "{coffee} a month"}, "Only {price} may stand in braces."),
        ({"title_1_en": "x" * 101}, "Please keep the title under 100 letters."),
        ({"text_1_uk": "x" * 401}, "Please keep the text under 400 letters."),
    ],
)
def test_what_cannot_be_tried_is_said_beside_the_field(
    session: Session, editor: FlaskClient, change: dict[str, str], sentence: str
) -> None:
    answer = editor.post("/staff/asks/new", data=FORM | change)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert not session.scalars(select(AskExperiment)).all()


def test_who_may_try_wordings(session: Session, signed_in: Browser) -> None:
    """[S8]"""
    experiment = written(session)
    browser = signed_in(session, factories.staff(session, "finance"))
    assert browser.get("/staff/asks").status_code == 403
    step = f"/staff/asks/{experiment.id}/start"
    assert browser.post(step, data={"reason": "Money."}).status_code == 403
    assert browser.get("/staff/acquisition").status_code == 200


def test_how_each_wording_does(session: Session, editor: FlaskClient) -> None:
    """[D4] No winner of a few: what differs may be chance."""
    always, lunch, control = running(session).variants
    for variant, shown in ((always, 500), (lunch, 500), (control, 2)):
        seen(session, "ask_seen", shown, variant_id=variant.id)
    for _ in range(3):
        checkout(session, ask_variant_id=lunch.id)
    rollups.rebuild(session)
    page = editor.get("/staff/asks").text
    rows = [
        [" ".join(cell.text_content().split()) for cell in row]
        for row in html.fromstring(page).xpath("//tbody/tr")
    ]
    assert rows[1] == ["Lunch", "500", "0", "3", "3", "6", "2", "17.5"]
    assert rows[2] == ["Without an ask", "2", "0", "0", "0", "0 of 2", "–", "–"]
    assert "what differs may be chance" in page
    for _ in range(40):
        checkout(session, ask_variant_id=lunch.id)
    rollups.rebuild(session)
    assert "their ranges do not overlap: As always – Lunch" in editor.get("/staff/asks").text


def test_the_page_its_table_and_its_csv_say_the_same(session: Session, signed_in: Browser) -> None:
    """[D4] Finance also gets to the patrons whom a story brought."""
    story = factories.article(session, title="The bridge")
    seen(session, "read", 2000, story.id)
    for _ in range(5):
        comes(session, article_id=story.id, country="UA")
    rollups.rebuild(session)
    days = "?from=2026-03-01&to=2026-03-31&currency=EUR"
    finance = signed_in(session, factories.staff(session, "finance"))
    page = html.fromstring(finance.get(f"/staff/acquisition{days}").text)
    assert "without it is not counted" in page.text_content()
    (row,) = page.xpath("//*[@data-table='stories']//tbody/tr[1]")
    said = [" ".join(cell.text_content().split()) for cell in row]
    assert said == ["The bridge", "2,000", "0", "5", "5", "2.5", "2.5", "€20"]
    (link,) = row.xpath(".//a/@href")
    assert link.startswith(f"/staff/patrons?source={story.id}&")
    assert finance.get(link).status_code == 200
    csv = finance.get(f"/staff/acquisition/stories.csv{days}").text.splitlines()
    assert csv[1] == "The bridge,2000,0,5,5,2.5,2.5,20.00,EUR"
    editor = signed_in(session, factories.staff(session))
    csv = editor.get(f"/staff/acquisition/stories.csv{days}").text.splitlines()
    assert csv[1] == "The bridge,2000,0,5,5,2.5,2.5"
    assert f"source={story.id}" not in editor.get(f"/staff/acquisition{days}").text
