"""The pages on which finance brings patrons in."""

import itertools
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import html
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from membership import clock
from membership.accounts.models import AuditEntry
from membership.arrivals import runs
from membership.arrivals.models import Arrival, ArrivalProblem
from membership.arrivals.summary import Summary
from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.models import Subscription
from membership.db import transaction
from tests import factories
from tests.arrivals import exports
from tests.arrivals.test_stripe import begun
from tests.billing.conftest import Stripe
from tests.billing.newsroom import form_on
from tests.billing.reading import mails, row, rows
from tests.conftest import SignedIn

AHEAD = {"Last Charge Date": f"{clock.now():%Y-%m-%d}", "Next Charge Date": "2099-01-01"}


@pytest.fixture
def finance(session: Session, signed_in: SignedIn) -> FlaskClient:
    return signed_in(session, factories.staff(session, "finance"))


def hand_in(browser: FlaskClient, source: str, content: str | bytes | None) -> TestResponse:
    """The answer to the form; the file is looked at, if it was taken."""
    parts = [b'Content-Disposition: form-data; name="source"\r\n\r\n' + source.encode()]
    if content is not None:
        raw = content.encode() if isinstance(content, str) else content
        heading = b'Content-Disposition: form-data; name="file"; filename="export.csv"\r\n\r\n'
        parts.append(heading + raw)
    body = b"".join(b"--between\r\n" + each + b"\r\n" for each in parts) + b"--between--\r\n"
    shape = "multipart/form-data; boundary=between"
    answer = browser.post("/staff/arrivals", data=body, content_type=shape)
    runs.go_on()
    return answer


def sent(browser: FlaskClient, page: str, action: str, **changes: str) -> TestResponse:
    """A form of a page as it stands there, sent with changes."""
    fields = form_on(browser.get(page).text, f"{page}/{action}")
    assert fields is not None, action
    answer = browser.post(f"{page}/{action}", data=fields | changes)
    runs.go_on()
    return answer


def count_of(page: str, name: str) -> str | None:
    facts = {
        fact.find("dt").text_content(): fact.find("dd").text_content()
        for fact in html.fromstring(page).find_class("fact")
    }
    return facts.get(name)


def test_from_file_to_patrons(session: Session, finance: FlaskClient) -> None:
    """[S9] [S10] Looked at, shown without a name, confirmed with a reason, done, written down."""
    export = exports.patreon(exports.patron(1, **AHEAD), exports.patron(2, Email="=nobody"))
    page = hand_in(finance, "patreon", export).location
    shown = finance.get(page).text
    assert count_of(shown, "Taken as new") == "1"
    assert "Line 3" in shown
    assert "There is no mail address in it." in shown
    assert "not looked at, not kept" in shown
    assert "patron1@" not in shown
    assert rows(session, PaidElsewhere) == []
    assert sent(finance, page, "confirm", reason="We move.").status_code == 303
    assert row(session, PaidElsewhere).source_id == "70001"
    done = finance.get(page).text
    assert "What was taken" in done
    assert form_on(done, f"{page}/confirm") is None
    problems = finance.get(f"{page}/problems.csv")
    assert problems.text.splitlines()[1:] == ["3,There is no mail address in it."]
    assert mails(session) == []
    number = page.rpartition("/")[2]
    entries = [each.action for each in rows(session, AuditEntry, subject=f"arrival:{number}")]
    assert entries == ["arrival.asked", "arrival.confirmed", "patrons.brought_in"]
    assert row(session, AuditEntry, action="arrival.confirmed").detail["reason"] == "We move."
    # The file is full of names: it is gone.
    kept = row(session, Arrival)
    session.refresh(kept, ["content"])
    assert kept.content is None


def test_readers_from_ghost(session: Session, finance: FlaskClient) -> None:
    """[M8] [S10] No box that does nothing, and nothing is "not taken" that is taken."""
    export = exports.ghost(
        exports.reader(1, stripe_customer_id="cus_1"),
        exports.reader(2, subscribed_to_emails="maybe"),
    )
    page = hand_in(finance, "ghost", export).location
    shown = finance.get(page).text
    fields = form_on(shown, f"{page}/confirm")
    assert fields is not None
    assert "with_welcome" not in shown
    assert "gets the week’s stories from the next letter on" in shown
    assert "Not taken" not in shown
    assert count_of(shown, "Remarks on lines") == "2"
    assert count_of(shown, "Get the week’s stories from now on") == "1"
    assert "says neither yes nor no" in shown
    sent(finance, page, "confirm", reason="We move.", with_welcome="y")
    done = row(session, Arrival)
    assert (done.state, done.with_welcome, mails(session)) == ("done", False, [])
    assert row(session, AuditEntry, action="arrival.confirmed").detail["with_welcome"] is False
    assert finance.get(f"{page}/problems.csv").text.splitlines()[0].endswith("Place,Remark")
    assert count_of(finance.get(page).text, "Taken as new") is None


@pytest.mark.parametrize("source", ["patreon", "stripe"])
def test_what_the_box_does(finance: FlaskClient, stripe: Stripe, source: str) -> None:
    """Who came from Stripe gives here already, and is mailed as everybody who does."""
    export = exports.patreon(exports.patron(**AHEAD)) if source == "patreon" else None
    shown = finance.get(hand_in(finance, source, export).location).text
    assert "with_welcome" in shown
    assert ("no mail at all" in shown) is (source == "patreon")
    assert ("what everybody gets who gives here" in shown) is (source == "stripe")


def test_how_far_it_is(session: Session, finance: FlaskClient) -> None:
    """The page asks again as long as there is something to wait for; a link does, too."""
    actor = factories.staff(session, "finance")
    asked = runs.ask(session, "ghost", exports.ghost(exports.reader()).encode(), actor.id)
    page = f"/staff/arrivals/{asked.id}"
    whole = finance.get(page).text
    assert f'id="progress" data-url="{page}/progress"' in whole
    assert "js/campaign" in whole
    waiting = html.fromstring(finance.get(f"{page}/progress").text)
    assert (waiting.get("data-live"), waiting.get("data-state")) == ("", "asked")
    assert waiting.xpath("//a/@href") == [page]
    runs.go_on()
    shown = html.fromstring(finance.get(f"{page}/progress").text)
    assert (shown.get("data-live"), shown.get("data-state")) == (None, "shown")
    assert finance.get("/staff/arrivals/99999999/progress").status_code == 404


def test_the_form_says_where_the_files_are(finance: FlaskClient) -> None:
    page = finance.get("/staff/arrivals").text
    assert "optional" not in page
    assert "Relationship manager" in page
    for columns in ("“email”, “patron status”, “pledge amount”", "“email”, “subscribed to emails”"):
        assert f"The columns {columns} must be in it." in page


def test_money_that_is_not_ours(session: Session, finance: FlaskClient) -> None:
    """It stays there, so its currency need not be one that we take."""
    line = exports.patron(**AHEAD | {"Currency": "JPY", "Pledge Amount": "800"})
    sent(finance, hand_in(finance, "patreon", exports.patreon(line)).location, "confirm",
         reason="We move.")  # fmt: skip
    paid = row(session, PaidElsewhere)
    assert (paid.amount_minor, paid.currency) == (800, "JPY")
    assert "¥800 monthly" in finance.get("/staff/patrons").text
    for path in ("/staff/patrons?currency=JPY", f"/staff/patrons/{paid.account_id}", "/staff/"):
        assert finance.get(path).status_code == 200, path
    assert finance.post("/staff/patrons/export").status_code == 303


def test_sent_twice(session: Session, finance: FlaskClient) -> None:
    """A double click takes them once, and mails them once."""
    page = hand_in(finance, "patreon", exports.patreon(exports.patron(**AHEAD))).location
    fields = form_on(finance.get(page).text, f"{page}/confirm")
    assert fields is not None
    fields |= {"reason": "We move.", "with_welcome": "y"}
    answers = [finance.post(f"{page}/confirm", data=fields) for _ in range(2)]
    assert [each.status_code for each in answers] == [303, 303]
    runs.go_on()
    runs.go_on()
    assert len(rows(session, PaidElsewhere)) == 1
    assert mails(session) == [("arrived", "patron1@example.org")]
    assert len(rows(session, AuditEntry, action="arrival.confirmed")) == 1


def test_only_what_was_shown_is_confirmed(session: Session, finance: FlaskClient) -> None:
    page = hand_in(finance, "patreon", exports.patreon(exports.patron(**AHEAD))).location
    assert sent(finance, page, "confirm", reason="We move.", digest="0" * 64).status_code == 409
    assert sent(finance, page, "confirm", reason="").status_code == 422
    assert rows(session, PaidElsewhere) == []


def test_broken_files(session: Session, finance: FlaskClient) -> None:
    """One sentence, and nothing is taken; the file is forgotten."""
    page = hand_in(finance, "steady", b"\xff\xfe\0\0").location
    assert "This file is not written in UTF-8." in finance.get(page).text
    assert "Цей файл" in finance.get(f"/uk{page}").text
    assert row(session, Arrival).state == "failed"
    assert sent(finance, page, "drop").status_code == 303
    assert rows(session, Arrival) == []


def test_what_the_form_refuses(session: Session, finance: FlaskClient) -> None:
    assert hand_in(finance, "patreon", None).status_code == 422
    assert hand_in(finance, "stripe", "email\n").status_code == 422
    assert hand_in(finance, "elsewhere", "email\n").status_code == 422
    large = hand_in(finance, "ghost", b"x" * (runs.LARGEST + 128 * 1024))
    assert large.status_code == 413
    assert hand_in(finance, "ghost", b"x" * (2 * 1024 * 1024)).status_code == 303
    assert len(rows(session, Arrival)) == 1


def test_what_nobody_confirmed_is_forgotten(session: Session, finance: FlaskClient) -> None:
    """[S10] After a week, with its file and its problems."""
    hand_in(finance, "patreon", exports.patreon(exports.patron(Email="nobody")))
    waiting = row(session, Arrival)
    runs.forget_old()
    assert len(rows(session, ArrivalProblem)) == 1
    waiting.asked_at -= runs.KEPT
    session.flush()
    runs.forget_old()
    assert rows(session, Arrival) == []
    assert rows(session, ArrivalProblem) == []


def test_from_stripe(session: Session, stripe: Stripe, finance: FlaskClient) -> None:
    """[B5] Of the prices that were chosen; the others stay whose they are."""
    first, second = begun(stripe, "a@example.org"), begun(stripe, "b@example.org")
    prices = {each["id"]: each["items"]["data"][0]["price"] for each in stripe.all("subscription")}
    page = hand_in(finance, "stripe", None).location
    assert count_of(finance.get(page).text, "Taken as new") == "2"
    sent(finance, page, "look-again", only=prices[second]["id"])
    shown = finance.get(page).text
    assert (count_of(shown, "Taken as new"), count_of(shown, "Of other prices")) == ("1", "1")
    sent(finance, page, "confirm", reason="We move.", with_welcome="y")
    assert row(session, Subscription).stripe_subscription_id == second
    assert mails(session) == [("arrived", "b@example.org")]
    done = row(session, Arrival)
    assert (done.state, done.done["counts"]["new"]) == ("done", 1)
    assert {each["id"]: bool(each["metadata"]) for each in stripe.all("subscription")} == {
        first: False,
        second: True,
    }


def test_stripe_is_away_midway(
    session: Session, stripe: Stripe, finance: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done stays, and the next run goes on behind it."""
    ids = [begun(stripe, f"{each}@example.org") for each in "ab"]
    page = hand_in(finance, "stripe", None).location
    fields = form_on(finance.get(page).text, f"{page}/confirm")
    assert fields is not None
    finance.post(f"{page}/confirm", data=fields | {"reason": "We move."})
    order = list(row(session, Arrival).seen["ids"])
    asked = []
    adopt = runs.adopted.adopt

    def away(stripe_id: str, *arguments: Any) -> Any:
        asked.append(stripe_id)
        if asked == order:
            raise runs.gateway.StripeAwayError("away")
        return adopt(stripe_id, *arguments)

    monkeypatch.setattr(runs.adopted, "adopt", away)
    runs.go_on()
    assert row(session, Arrival).done["place"] == 1
    assert len(rows(session, Subscription)) == 1
    row(session, Arrival).leased_until_at = None
    session.flush()
    runs.go_on()
    assert asked == [*order, order[1]]
    assert sorted(each.stripe_subscription_id for each in rows(session, Subscription)) == sorted(
        ids
    )
    assert row(session, Arrival).done["counts"]["new"] == 2


def test_done_by_another_meanwhile(session: Session, finance: FlaskClient) -> None:
    """[M9] Who held it for too long finds it done, and leaves what is told of it."""
    page = hand_in(finance, "ghost", exports.ghost(exports.reader())).location
    arrival_id = row(session, Arrival).id
    with transaction() as own:
        held = runs._with_content(own, arrival_id)
    assert held.state == "shown"
    held.state = "confirmed"
    sent(finance, page, "confirm", reason="We move.")
    assert row(session, Arrival).done["counts"]["letters_begun"] == 1
    runs._take_file(held)
    assert row(session, Arrival).done["counts"]["letters_begun"] == 1


def test_time_is_up_midway(
    session: Session, stripe: Stripe, finance: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is taken by the next run, which need not wait."""
    for each in "ab":
        begun(stripe, f"{each}@example.org")
    page = hand_in(finance, "stripe", None).location
    fields = form_on(finance.get(page).text, f"{page}/confirm")
    assert fields is not None
    finance.post(f"{page}/confirm", data=fields | {"reason": "We move."})
    ticks = itertools.count()
    with monkeypatch.context() as short:
        short.setattr(runs, "monotonic", lambda: next(ticks))
        short.setattr(runs, "RUN_SECONDS", 2)
        runs.go_on()
    assert (row(session, Arrival).state, len(rows(session, Subscription))) == ("confirmed", 1)
    runs.go_on()
    assert (row(session, Arrival).state, len(rows(session, Subscription))) == ("done", 2)


def test_dropped_while_stripe_is_looked_at(
    session: Session, stripe: Stripe, finance: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[L7] It is gone, and the others go on."""
    asked = runs.ask(session, "stripe", None, factories.staff(session, "finance").id)

    def dropped(*_: Any) -> Any:
        with transaction() as own:
            own.delete(own.get_one(Arrival, asked.id))
        return Summary()

    monkeypatch.setattr(runs.adopted, "look", dropped)
    runs.go_on()
    session.expire_all()
    assert rows(session, Arrival) == []


class _KilledError(BaseException):
    """As when the process dies: nobody is there to catch it."""


def test_what_is_always_cut_off_is_given_up(
    session: Session, finance: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M9] After five times its page says what to do, and the file is forgotten."""
    page = hand_in(finance, "ghost", exports.ghost(exports.reader())).location
    fields = form_on(finance.get(page).text, f"{page}/confirm")
    assert fields is not None
    finance.post(f"{page}/confirm", data=fields | {"reason": "We move."})
    begun: list[str] = []

    def killed(*_: Any, **__: Any) -> Any:
        begun.append("again")
        raise _KilledError

    monkeypatch.setattr(runs.files, "bring_in", killed)
    for _ in range(runs.MOST_ATTEMPTS):
        with pytest.raises(_KilledError):
            runs.go_on()
        row(session, Arrival).leased_until_at = None
        session.flush()
    runs.go_on()
    assert len(begun) == 5
    given_up = row(session, Arrival)
    session.refresh(given_up, ["content"])
    assert (given_up.state, given_up.content) == ("failed", None)
    assert (
        "begun several times and cut off each time: please run “flask patrons import ghost FILE”"
        in (finance.get(page).text)
    )


def test_who_waits_for_stripe_is_never_given_up(
    session: Session, finance: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long Stripe is away."""
    runs.ask(session, "stripe", None, factories.staff(session, "finance").id)

    def away(*_: Any) -> Any:
        raise runs.gateway.StripeAwayError("away")

    monkeypatch.setattr(runs.adopted, "look", away)
    for _ in range(runs.MOST_ATTEMPTS + 2):
        runs.go_on()
        row(session, Arrival).leased_until_at = None
        session.flush()
    assert row(session, Arrival).state == "asked"


@pytest.mark.parametrize("role", ["reporter", "editor"])
def test_others_see_none_of_it(session: Session, signed_in: SignedIn, role: str) -> None:
    """[S8] Only finance and admins."""
    browser = signed_in(session, factories.staff(session, role))
    row_of = runs.ask(session, "stripe", None, factories.staff(session, "finance").id)
    for path in ("", f"/{row_of.id}", f"/{row_of.id}/progress", f"/{row_of.id}/problems.csv"):
        assert browser.get(f"/staff/arrivals{path}").status_code == 403
