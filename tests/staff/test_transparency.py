"""What staff do to the public page, what they want by mail, and the page of participation."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.reports import rollups, summary, transparency_page
from tests import factories
from tests.conftest import SignedIn
from tests.reports.participating import count, patrons, settled

PAGE = "/staff/transparency"


def deeds(session: Session, actor: Account) -> list[tuple[str, dict]]:
    asked = select(AuditEntry.action, AuditEntry.detail).where(AuditEntry.actor_id == actor.id)
    return [tuple(row) for row in session.execute(asked.order_by(AuditEntry.id))]


@pytest.mark.parametrize(
    ("address", "role", "status"),
    [
        (PAGE, "finance", 200),
        (PAGE, "admin", 200),
        (PAGE, "editor", 403),
        (PAGE, "reporter", 403),
        ("/staff/participation", "reporter", 200),
        ("/staff/participation", "finance", 200),
        ("/staff/my-mail", "reporter", 200),
    ],
)
def test_each_room_opens_for_its_roles(
    session: Session, signed_in: SignedIn, address: str, role: str, status: int
) -> None:
    """[S8]"""
    assert signed_in(session, factories.staff(session, role)).get(address).status_code == status


def test_it_is_switched_with_a_reason(session: Session, signed_in: SignedIn) -> None:
    """[S9] Without one nothing is done; each change is in the audit log once."""
    finance = factories.staff(session, "finance")
    browser = signed_in(session, finance)
    assert browser.post(f"{PAGE}/on", data={"reason": " "}).status_code == 422
    assert not transparency_page.find(session).is_on
    for switch in ("on", "on", "off"):
        answer = browser.post(f"{PAGE}/{switch}", data={"reason": "Readers asked."})
        assert (answer.status_code, answer.location) == (303, PAGE)
        session.expire_all()
        assert transparency_page.find(session).is_on is (switch == "on")
    assert deeds(session, finance) == [
        ("transparency.shown", {"reason": "Readers asked."}),
        ("transparency.hidden", {"reason": "Readers asked."}),
    ]
    reporter = signed_in(session, factories.staff(session, "reporter"))
    assert reporter.post(f"{PAGE}/on", data={"reason": "Now."}).status_code == 403


def test_its_words_are_written_and_previewed(session: Session, signed_in: SignedIn) -> None:
    """[S9] [S10] Seen by staff before it is switched on; it takes no pictures."""
    finance = factories.staff(session, "finance")
    browser = signed_in(session, finance)
    words = {"en": "We are **few**.", "uk": "Нас **мало**.", "reason": "First words."}
    assert browser.post(PAGE, data=words).status_code == 303
    assert "We are <strong>few</strong>." in browser.get(PAGE).text
    assert "Нас <strong>мало</strong>." in browser.get(f"/uk{PAGE}").text
    assert browser.get("/transparency").status_code == 404
    ((action, detail),) = deeds(session, finance)
    assert action == "transparency.written"
    assert detail["after"] == {"en": "We are **few**.", "uk": "Нас **мало**."}
    picture = words | {"en": "![us](https://example.org/us.jpg)"}
    refused = browser.post(PAGE, data=picture)
    assert refused.status_code == 422
    assert "The page takes no pictures." in refused.text
    assert "![us]" in refused.text, "what was typed is kept"


def test_my_mail_is_ticked_and_unticked(session: Session, signed_in: SignedIn) -> None:
    """[M8]"""
    me = factories.staff(session, "reporter")
    browser = signed_in(session, me)
    assert "checked" not in browser.get("/staff/my-mail").text
    assert browser.post("/staff/my-mail", data={"summary": "y"}).status_code == 303
    assert summary.is_reader(session, me)
    assert "checked" in browser.get("/staff/my-mail").text
    browser.post("/staff/my-mail", data={"csrf_token": ""})
    session.expire_all()
    assert not summary.is_reader(session, me)


def test_participation_is_shown_with_its_csv(session: Session, signed_in: SignedIn) -> None:
    """[D5] The table, its CSV and its way to the result say the same."""
    given = patrons(session, 10)
    held = settled(session, given[:5], title="What next?")
    count(session)
    rollups.rebuild(session)
    browser = signed_in(session, factories.staff(session, "reporter"))
    days = "?from=2026-01-01&to=2026-12-31"
    page = browser.get(f"/staff/participation{days}").text
    assert "5 of 10" in page
    assert f"/rounds/{held.id}/result" in page
    csv = browser.get(f"/staff/participation/turnout_of_rounds.csv{days}").text
    assert csv.splitlines()[1:] == ["What next?,2026-04-01,5,10,0.5"]
