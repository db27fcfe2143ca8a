"""The list of patrons in the back office: filters, views, tags, files."""

from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import html
from lxml.html import HtmlElement
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.campaigns import audience
from membership.campaigns.audience import Audience
from membership.campaigns.models import Campaign
from membership.exports import jobs
from membership.exports.models import Export
from membership.patrons import roll, saved
from membership.patrons.filters import Filters
from membership.patrons.models import PatronTag, PatronView, Tagged
from membership.reports import rollups
from tests import factories
from tests.conftest import SignedIn


@pytest.fixture
def patrons(session: Session) -> list[Account]:
    several = [factories.patron(session, name=f"Giver {n}") for n in range(3)]
    rollups.rebuild(session)
    return several


def test_filters_stand_in_the_address_and_what_makes_no_sense_is_left_out(
    session: Session, signed_in: SignedIn, patrons: list[Account]
) -> None:
    client = signed_in(session, factories.staff(session, "finance"))
    page = client.get("/staff/patrons?standing=current&currency=EUR&state=nonsense&since=soon")
    assert "3 patrons." in page.text
    assert "As of" in page.text
    assert page.text.count("Giver ") == 3
    assert "Nobody matches" in client.get("/staff/patrons?q=zzz").text
    odd = "/staff/patrons?tag=99999999999999999999&source=x&until=9999-12-31&before=1-x&q=%00"
    assert client.get(odd).text.count("Giver ") == 3
    session.commit()
    assert session.scalars(select(AuditEntry.action)).all() == ["patrons.listed"] * 3


def test_a_view_is_kept_found_again_and_removed(
    session: Session, signed_in: SignedIn, patrons: list[Account]
) -> None:
    client = signed_in(session, factories.staff(session, "finance"))
    answer = client.post("/staff/patrons/views?standing=current", data={"name": "All who give"})
    assert (answer.status_code, answer.location) == (303, "/staff/patrons?standing=current")
    page = client.get(answer.location)
    assert (
        'href="/staff/patrons?standing=current" aria-current="true">All who give</a>' in page.text
    )
    view = session.scalars(select(PatronView)).one()
    assert (view.filters, view.is_shared) == ({"standing": "current"}, False)
    client.post("/staff/patrons/views", data={"name": ""})
    assert "Give the view a name" in client.get("/staff/patrons").text
    other = factories.staff(session, "finance")
    path = f"/staff/patrons/views/{view.id}/remove"
    assert signed_in(session, other).post(path).status_code == 403
    owner = session.get_one(Account, view.owner_id)
    assert signed_in(session, owner).post(path).status_code == 303
    assert signed_in(session, owner).post(path).status_code == 404
    assert session.scalars(select(PatronView)).all() == []


def test_a_tag_is_given_to_a_view_and_to_one_patron_and_taken_away(
    session: Session, signed_in: SignedIn, patrons: list[Account]
) -> None:
    client = signed_in(session, factories.staff(session, "finance"))
    client.post("/staff/patrons/tags?q=giver", data={"name": "press", "act": "add"})
    tag = session.scalars(select(PatronTag)).one()
    page = client.get(f"/staff/patrons?tag={tag.id}").text
    assert "3 more patrons bear “press” now." in page
    assert "3 patrons." in page
    one = patrons[0].id
    client.post(f"/staff/patrons/{one}/tags/{tag.id}/remove")
    client.post(f"/staff/patrons/{one}/tags", data={"name": "friend"})
    assert "friend" in client.get(f"/staff/patrons/{one}").text
    client.post("/staff/patrons/tags", data={"name": "press", "act": "remove"})
    borne = session.execute(select(Tagged.account_id, PatronTag.name).join(PatronTag)).all()
    assert [tuple(each) for each in borne] == [(one, "friend")]
    for act in (f"/staff/patrons/{one}/tags", "/staff/patrons/tags"):
        client.post(act, data={"name": " "})
        assert "Write the tag" in client.get("/staff/patrons").text
    assert client.post("/staff/patrons/999999/tags", data={"name": "x"}).status_code == 404


def test_before_a_view_is_tagged_it_is_said_how_many_that_are(
    session: Session, signed_in: SignedIn, patrons: list[Account]
) -> None:
    """Looking changes nothing; the form that it shows does, and says the same number."""
    client = signed_in(session, factories.staff(session, "finance"))
    listed = client.get("/staff/patrons?standing=current").text
    assert 'method="get" action="/staff/patrons/tags"' in listed
    assert '<input type="hidden" name="standing" value="current">' in listed
    path = "/staff/patrons/tags?standing=current&name=Press&act="
    page = client.get(f"{path}add").text
    assert "There are 3 patrons in this view. 3 do not bear the tag yet" in " ".join(page.split())
    assert session.scalars(select(PatronTag)).all() == []
    assert client.get(f"{path}remove").location == "/staff/patrons?standing=current"
    assert "There is no tag “Press”." in client.get("/staff/patrons").text
    assert client.get("/staff/patrons/tags?name=+").status_code == 303
    client.post(f"/staff/patrons/{patrons[0].id}/tags", data={"name": "press"})
    assert "2 do not bear the tag yet" in client.get(f"{path}add").text
    assert "1 bears the tag, and no longer will" in client.get(f"{path}remove").text
    form = {"name": "press", "act": "add"}
    answer = client.post("/staff/patrons/tags?standing=current", data=form)
    assert (answer.status_code, answer.location) == (303, "/staff/patrons?standing=current")
    assert "2 more patrons bear “press” now." in client.get(answer.location).text
    page = client.get(f"{path}add").text
    assert "All of them bear the tag already." in page
    assert 'method="post" action="/staff/patrons/tags' not in page


def test_a_tag_that_does_not_exist_cannot_be_taken_away(
    session: Session, signed_in: SignedIn, patrons: list[Account]
) -> None:
    """Nor does it exist from then on."""
    client = signed_in(session, factories.staff(session, "finance"))
    client.post("/staff/patrons/tags", data={"name": "pres", "act": "remove"})
    assert "There is no tag “pres”." in client.get("/staff/patrons").text
    assert session.scalars(select(PatronTag)).all() == []


def test_a_view_that_looks_for_somebody_is_not_kept(
    session: Session, signed_in: SignedIn, patrons: list[Account]
) -> None:
    """[S10] [S11] It would hold an address that nobody deletes."""
    client = signed_in(session, factories.staff(session, "finance"))
    page = client.get("/staff/patrons?q=giver").text
    assert 'name="shared"' not in page
    client.post("/staff/patrons/views?q=giver", data={"name": "Olena"})
    assert "cannot be kept" in client.get("/staff/patrons").text
    assert session.scalars(select(PatronView)).all() == []


def test_a_letter_goes_to_a_view_as_it_was_when_it_was_chosen(
    session: Session, signed_in: SignedIn, patrons: list[Account]
) -> None:
    patrons[0].name = "Somebody Else"
    session.flush()
    admin = factories.staff(session, "admin")
    view = saved.keep(session, admin, "Givers in euros", Filters(currency="EUR"), is_shared=True)
    client = signed_in(session, admin)
    listed = client.get("/staff/patrons?currency=EUR").text
    assert f'href="/staff/campaigns/new?view={view.id}"' in listed
    form = client.get(f"/staff/campaigns/new?view={view.id}").text
    assert f'<option selected value="{view.id}">Givers in euros</option>' in form
    letter = {"title": "Hello", "subject_en": "Hello", "body_en": "Text", "view": str(view.id)}
    page = client.get(client.post("/staff/campaigns/new", data=letter).location).text
    assert "In the view “Givers in euros”" in page
    assert "3 people" in page
    saved.keep(session, admin, "Givers in euros", Filters(currency="USD"), is_shared=True)
    written = session.scalars(select(Campaign)).one()
    kept = Audience.model_validate(written.audience)
    assert kept.view == Filters(currency="EUR")
    assert audience.count(session, kept, "campaign").people == 3
    edit = client.get(f"/staff/campaigns/{written.id}/edit").text
    assert '<option selected value="own">Givers in euros</option>' in edit


def test_a_file_of_a_view_is_asked_for_made_and_taken(
    session: Session, signed_in: SignedIn, patrons: list[Account]
) -> None:
    """[S9]"""
    finance = factories.staff(session, "finance")
    client = signed_in(session, finance)
    answer = client.post("/staff/patrons/export?q=giver")
    asked = session.scalars(select(Export)).one()
    assert (answer.status_code, answer.location) == (303, f"/staff/exports/{asked.id}")
    waiting = client.get(answer.location)
    assert "data-live" in waiting.text
    assert waiting.headers["Cache-Control"] == "no-store"
    assert client.get(f"{answer.location}/file").status_code == 404
    jobs.take_turns()
    session.expire_all()
    assert "Take it along" in client.get(answer.location).text
    assert "data-live" not in client.get(f"{answer.location}/progress").text
    file = client.get(f"{answer.location}/file")
    assert file.mimetype == "text/csv"
    assert len(file.data) == asked.size == file.content_length
    assert file.text.count("Giver") == 3
    assert "ready" in client.get("/staff/exports").text
    session.commit()
    actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions == ["export.asked", "export.taken"]


def test_everything_is_for_admins_alone(session: Session, signed_in: SignedIn) -> None:
    """[S8]"""
    admin, finance = (factories.staff(session, role) for role in ("admin", "finance"))
    path = "/staff/exports/everything/csv"
    assert signed_in(session, finance).post(path).status_code == 403
    made = signed_in(session, admin).post(path).location
    assert signed_in(session, admin).get(made).status_code == 200
    listed = signed_in(session, finance).get("/staff/exports").text
    assert "Everything" not in listed
    for page in (made, f"{made}/file", f"{made}/progress"):
        assert signed_in(session, finance).get(page).status_code == 403
    assert signed_in(session, admin).get("/staff/exports/999999").status_code == 404
    editor = factories.staff(session, "editor")
    assert signed_in(session, editor).get("/staff/exports").status_code == 403


def words_of(element: HtmlElement) -> str:
    return " ".join(" ".join(element.itertext()).split())


@pytest.mark.parametrize(
    ("changes", "support", "amount"),
    [
        ({}, "through Patreon paid until 1 December 2099", "$5 monthly"),
        ({"state": "cancelled", "currency": "JPY", "interval": "year"},
         "through Patreon, cancelled there paid until 1 December 2099", "¥500 yearly"),
        ({"paid_until_at": datetime(2025, 11, 1, tzinfo=UTC)},
         "through Patreon, over paid until 1 November 2025", "$5 monthly"),
    ],
    ids=["runs", "cancelled", "over"],
)  # fmt: skip
def test_who_pays_on_another_platform(
    session: Session,
    signed_in: SignedIn,
    changes: dict[str, Any],
    support: str,
    amount: str,
) -> None:
    """[L25] What we know of it stands in the list and on their page, beside what they give here."""
    giver = factories.account(session, name="Olena Koval")
    factories.paid_elsewhere(session, giver, **changes)
    roll.rebuild(session)
    client = signed_in(session, factories.staff(session, "finance"))
    listed = html.fromstring(client.get("/staff/patrons").text)
    page = html.fromstring(client.get(f"/staff/patrons/{giver.id}").text)
    assert "1 patron." in client.get("/staff/patrons?platform=patreon").text
    assert "Nobody matches" in client.get("/staff/patrons?platform=steady").text
    factories.subscription(session, giver, state="active", amount_minor=700)
    roll.rebuild(session)
    both = client.get("/staff/patrons").text
    found = client.get("/staff/patrons?platform=patreon").text
    beside = words_of(html.fromstring(client.get(f"/staff/patrons/{giver.id}").text))
    assert "Nobody matches" in found, "who gives here left it"
    cells = [words_of(each) for each in listed.xpath("//tbody/tr/td")]
    assert cells[:2] == [support, amount]
    facts = {words_of(each[0]): words_of(each[1]) for each in page.find_class("fact")}
    state, _, day = support.partition(" paid until ")
    assert [facts[each] for each in ("Support", "Amount", "Paid until")] == [state, amount, day]
    said = f"{amount}, paid until {day}"
    assert said in words_of(page)
    assert f"{state} {said}" in beside
    assert ("through Patreon" in both) is not support.endswith("2025")
    assert "€7 monthly" in both


def test_shared_is_no_part_of_a_views_name(
    session: Session, signed_in: SignedIn, patrons: list[Account]
) -> None:
    mine, theirs = (factories.staff(session, "finance") for _ in range(2))
    saved.keep(session, theirs, "About to leave", Filters(standing="grace"), is_shared=True)
    page = html.fromstring(signed_in(session, mine).get("/staff/patrons").text)
    [view] = page.xpath("//ul[@class='views-list']/li")
    assert words_of(view.find("a")) == "About to leave"
    assert [words_of(each) for each in view.find_class("state")] == ["shared"]
