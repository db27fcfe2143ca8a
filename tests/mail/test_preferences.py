"""The page of preferences: what comes, what does not, and a pause for all of it."""

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from membership import clock
from membership.mail import kinds, preferences, refusals, suppression
from tests import factories

ADDRESS = "reader1@example.org"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LENGTHS = {"30": NOW + timedelta(days=30), "90": NOW + timedelta(days=90), "always": None}


@pytest.fixture
def reader(session: Session, signed_in) -> FlaskClient:  # type: ignore[no-untyped-def]
    """The browser of ADDRESS."""
    browser: FlaskClient = signed_in(session, factories.account(session, email=ADDRESS))
    return browser


def ticked(page: str) -> set[str]:
    return {
        str(found["value"])
        for box in re.findall(r"<input[^>]*name=\"kind\"[^>]*>", page)
        if " checked" in box and (found := re.search(r'value="(?P<value>[^"]*)"', box))
    }


def form(page: str, wanted: Collection[str]) -> dict[str, list[str]]:
    """What a browser sends that shows `page` when `wanted` is ticked there."""
    shown = re.findall(r'<input type="hidden" name="(on|off)" value="([^"]*)"', page)
    sent = {side: [name for found, name in shown if found == side] for side in ("on", "off")}
    return sent | {"kind": list(wanted)}


def save(reader: FlaskClient, *wanted: str, path: str = "/account/mail") -> TestResponse:
    """Look at the page, tick `wanted` and no other, and press the button that leads to `path`."""
    return reader.post(path, data=form(reader.get("/account/mail").text, wanted))


def test_preferences_are_kept_per_kind(session: Session, reader: FlaskClient) -> None:
    """[M8] What is ticked comes, what is not does not; whoever said nothing gets all."""
    everything = {each.name for each in kinds.bulk_kinds() if each.opt_in is None}
    assert ticked(reader.get("/account/mail").text) == everything
    answer = save(reader, "news", "nonsense")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/mail")
    assert ticked(reader.get("/account/mail").text) == {"news"}
    assert refusals.refused(session, ADDRESS) >= everything - {"news"}
    save(reader)
    assert ticked(reader.get("/account/mail").text) == set()


def test_an_old_page_undoes_nothing_that_was_said_since(
    session: Session, reader: FlaskClient
) -> None:
    """[M8] Another tab or a link said no; here something else is ticked. Only that is done."""
    refusals.refuse(session, ADDRESS, "news")
    old = reader.get("/account/mail").text
    refusals.refuse(session, ADDRESS, "round_opened")
    refusals.accept(session, ADDRESS, "news")
    reader.post("/account/mail", data=form(old, ticked(old) - {"digest"}))
    assert refusals.refused(session, ADDRESS) == {"round_opened", "digest"}


def test_what_the_page_did_not_show_is_not_refused(
    session: Session, reader: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M8] A kind that came with a release while the page was open."""
    old = reader.get("/account/mail").text
    monkeypatch.setitem(kinds._kinds, "fresh", kinds.Kind("fresh", "A fresh kind", "At times."))
    reader.post("/account/mail", data=form(old, {"news"}))
    assert "fresh" not in refusals.refused(session, ADDRESS)
    assert ticked(reader.get("/account/mail").text) == {"news", "fresh"}


def test_each_kind_has_its_heading(session: Session) -> None:
    """[M8] In the order of the page; nothing is missing."""
    found = preferences.choices(session, ADDRESS)
    assert list(found) == [group for group in ("votes", "letters", "support") if group in found]
    names = [each.kind.name for under in found.values() for each in under]
    assert sorted(names) == sorted(kind.name for kind in kinds.bulk_kinds())
    assert "round_opened" in [each.kind.name for each in found["votes"]]
    assert "invitation" in [each.kind.name for each in found["support"]]


def test_what_comes_only_to_who_asked_can_be_asked_for_here(
    session: Session, reader: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M8] A signed-in reader's address is proven, so that a tick suffices; asked for once."""
    joined: list[tuple[str, str]] = []
    opt_in = kinds.OptIn(
        is_in=lambda _session, address: any(address == each for each, _ in joined),
        join=lambda _session, address, language: joined.append((address, language)),
    )
    weekly = kinds.Kind("weekly", "The weekly letter", "Once a week.", opt_in=opt_in)
    monkeypatch.setitem(kinds._kinds, "weekly", weekly)
    assert "weekly" not in ticked(reader.get("/account/mail").text)
    save(reader)
    assert joined == []
    for _ in range(2):
        save(reader, "weekly", path="/uk/account/mail")
    assert joined == [(ADDRESS, "uk")]
    assert ticked(reader.get("/account/mail").text) == {"weekly"}
    save(reader)
    assert ticked(reader.get("/account/mail").text) == set()


@pytest.mark.parametrize("length", LENGTHS)
def test_everything_can_be_paused(session: Session, reader: FlaskClient, length: str) -> None:
    """[M8] For a month, for three, until further notice; what was chosen stays chosen, even if
    it was ticked and not saved."""
    with clock.fixed(NOW):
        chosen = form(reader.get("/account/mail").text, {"news"})
        answer = reader.post("/account/mail/pause", data=chosen | {"length": length})
        assert answer.status_code == 303
        paused = refusals.find_pause(session, ADDRESS)
        assert paused is not None
        assert paused.until_at == LENGTHS[length]
        page = reader.get("/account/mail").text
        shown = {"30": "1 April 2026", "90": "31 May 2026", "always": "Until you say otherwise"}
        assert shown[length] in page
        assert ticked(page) == {"news"}
        reader.post("/account/mail/resume")
        assert refusals.find_pause(session, ADDRESS) is None
        assert "Until" not in reader.get("/account/mail").text.partition("For how long")[0]


def test_a_pause_of_no_such_length_is_refused(session: Session, reader: FlaskClient) -> None:
    for sent in ({}, {"length": "-1"}, {"length": "31"}):
        assert reader.post("/account/mail/pause", data=sent).status_code == 400
    assert refusals.find_pause(session, ADDRESS) is None


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("hard_bounce", "takes no mail for it"),
        ("complaint", "marked as unwanted"),
        ("staff", "We stopped writing to it"),
    ],
)
def test_who_is_suppressed_reads_why_and_what_to_do(
    session: Session, reader: FlaskClient, reason: str, said: str
) -> None:
    """[M4] Nothing comes, and no preference explains that."""
    suppression.suppress(session, ADDRESS, reason, "550 5.1.1 no such user")
    page = reader.get("/account/mail").text
    assert said in page
    assert "mailto:post@courier.example" in page
    assert "/account/address" in page


def test_what_always_comes_is_said_and_cannot_be_refused(reader: FlaskClient) -> None:
    """[M4] Sign-in mails and receipts."""
    page = reader.get("/account/mail").text
    assert "What always comes" in page
    assert 'value="sign_in"' not in page
    assert 'value="receipt"' not in page


def test_preferences_are_for_whoever_is_signed_in(client: FlaskClient) -> None:
    """[S7] Others are sent to sign in; nobody keeps a copy of the page."""
    answer = client.get("/account/mail")
    assert answer.headers["Location"] == "/sign-in?next=/account/mail"
    for act in ("pause", "resume"):
        assert "/sign-in" in client.post(f"/account/mail/{act}").headers["Location"]


def test_the_page_is_personal(reader: FlaskClient) -> None:
    """[S7] No cache keeps it."""
    assert "no-store" in reader.get("/account/mail").headers["Cache-Control"]
