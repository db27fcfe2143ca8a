"""One patron's page: the story a page at a time, what was given, and acts that say what they do."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts import merging
from membership.accounts.models import Account, AuditEntry, Note
from membership.billing.models import Refund, Subscription
from membership.mail.models import OutboxEmail
from membership.reports import timeline
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.gifts.steps import gift
from tests.billing.newsroom import form_on
from tests.billing.reading import row, rows
from tests.conftest import SignedIn
from tests.factories import NOON
from tests.reports.giving import pays
from tests.reports.queries import number_of_queries

Give = Callable[..., str]
WHY = "They wrote to us."
DAY = timedelta(days=1)


@pytest.fixture
def finance(session: Session, signed_in: SignedIn) -> FlaskClient:
    return desk(session, signed_in)


def desk(session: Session, signed_in: SignedIn) -> FlaskClient:
    return signed_in(session, factories.staff(session, "finance", email="fin@courier.example"))


def audited(session: Session, action: str) -> list[AuditEntry]:
    return rows(session, AuditEntry, action=action)


def test_what_was_given_is_less_what_went_back(session: Session, finance: FlaskClient) -> None:
    """[D2] Each currency by itself; what a bank took back counts as gone."""
    giver = factories.account(session)
    factories.refund(session, pays(session, giver, amount_minor=1000), 300)
    pays(session, giver, amount_minor=500, disputed_at=NOON)
    pays(session, giver, amount_minor=9000, currency="UAH")
    page = finance.get(f"/staff/patrons/{giver.id}").text
    given, back = re.findall(r"<dt>(?:Given so far|Of it).*?</dt><dd>(.*?)</dd>", page, re.DOTALL)
    assert [" ".join(html.unescape(each).split()) for each in (given, back)] == [
        "€7, ₴90",
        "€8, ₴0",
    ]


def test_the_story_is_paged_and_filtered(
    session: Session, finance: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[L13] The link to the older page keeps the filter."""
    monkeypatch.setattr(timeline, "PAGE", 2)
    giver = factories.account(session)
    for number in range(3):
        session.add(Note(account_id=giver.id, text=f"Note {number}", created_at=NOON))
    pays(session, giver)
    session.flush()
    page = finance.get(f"/staff/patrons/{giver.id}?show=notes").text
    assert "Note 2" in page
    assert "Note 0" not in page
    assert 'aria-current="page">Notes and calls' in page
    (older,) = re.findall(r'rel="next" href="([^"#]+)', page)
    page = finance.get(html.unescape(older)).text
    assert "Note 0" in page
    assert "Note 2" not in page
    assert 'rel="next"' not in page
    assert "Nothing of this kind" in finance.get(f"/staff/patrons/{giver.id}?show=votes").text
    assert finance.get(f"/staff/patrons/{giver.id}?show=x&before=x").status_code == 200


def test_the_page_asks_the_same_number_of_queries_however_long_the_story(
    session: Session, finance: FlaskClient
) -> None:
    """[L13]"""
    giver = factories.patron(session)

    def look() -> object:
        return finance.get(f"/staff/patrons/{giver.id}")

    look()
    few = number_of_queries(session, look)
    for number in range(80):
        pays(session, giver)
        session.add(Note(account_id=giver.id, text=f"{number}"))
    session.flush()
    assert number_of_queries(session, look) == few


def test_a_call_is_kept_as_such(session: Session, finance: FlaskClient) -> None:
    giver = factories.account(session)
    finance.post(f"/staff/patrons/{giver.id}/notes", data={"text": "Hello", "kind": "call"})
    assert "Called by fin@courier.example" in finance.get(f"/staff/patrons/{giver.id}").text


def paying(session: Session, stripe: Stripe, give: Give) -> Subscription:
    stripe.pay(give())
    stripe.deliver_all()
    found: Subscription = row(session, Subscription)
    return found


def seen(page: str) -> str:
    return html.unescape(re.findall(r'name="seen"[^>]*value="([^"]+)"', page)[0])


def test_a_pause_and_its_end(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn
) -> None:
    """[B10] [S9] The page names the charges that come; who did it and why stays."""
    support = paying(session, stripe, give)
    finance = desk(session, signed_in)
    patron = f"/staff/patrons/{support.account_id}"
    path = f"{patron}/subscriptions/{support.id}"
    page = finance.get(f"{path}/pause").text
    assert page.count("next charge of €5 on") == 3
    missing = finance.post(f"{path}/pause", data={"seen": seen(page)})
    assert missing.status_code == 400
    assert "Please choose one, two or three months." in missing.text
    assert "Please say why" in missing.text
    assert row(session, Subscription).state == "active"
    form = {"seen": seen(page), "months": "2", "reason": WHY}
    answer = finance.post(f"{path}/pause", data=form, follow_redirects=True)
    assert "Paused. Next charge: €5 on" in answer.text
    assert row(session, Subscription).state == "paused"
    (entry,) = audited(session, "subscription.paused")
    assert entry.detail == {"subscription": support.id, "months": 2, "reason": WHY}
    assert WHY not in str(row(session, OutboxEmail, kind="support_paused").context)
    again = finance.post(f"{path}/pause", data=form, follow_redirects=True)
    assert "Nothing was done" in html.unescape(again.text)
    assert "The next charge is €5 on" in finance.get(f"{path}/resume").text
    answer = finance.post(f"{path}/resume", data={"reason": WHY}, follow_redirects=True)
    assert "It goes on. Next charge: €5 on" in answer.text
    assert row(session, Subscription).state == "active"
    assert len(audited(session, "subscription.resumed")) == 1
    # Nothing was paid since.
    assert "Nothing was paid since their last pause" in finance.get(f"{path}/pause").text
    assert "There is no pause to end" in finance.get(f"{path}/resume").text


def test_when_stripe_is_away_nothing_is_written_as_done(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn
) -> None:
    """[B9]"""
    support = paying(session, stripe, give)
    finance = desk(session, signed_in)
    path = f"/staff/patrons/{support.account_id}/subscriptions/{support.id}/pause"
    form = {"seen": seen(finance.get(path).text), "months": "1", "reason": WHY}
    stripe.sandbox("faults", api_error_rate=1)
    answer = finance.post(path, data=form, follow_redirects=True)
    assert "Stripe did not answer" in answer.text
    assert audited(session, "subscription.paused") == []
    assert row(session, Subscription).state == "active"


def test_all_that_is_wrong_with_a_refund_is_said_at_once(
    session: Session, finance: FlaskClient
) -> None:
    """[B7] Too much and no reason: both."""
    giver = factories.account(session)
    donation = pays(session, giver, amount_minor=500)
    path = f"/staff/patrons/{giver.id}/donations/{donation.id}/refund"
    (number,) = re.findall(r'name="refund"[^>]*value="([^"]+)"', finance.get(path).text)
    answer = finance.post(path, data={"amount": "5.01", "reason": " ", "refund": number})
    assert answer.status_code == 400
    assert "No more than €5 is left." in answer.text
    assert "Please say why" in answer.text
    assert rows(session, Refund) == []


def mail(session: Session, account: Account, kind: str) -> OutboxEmail:
    written: OutboxEmail = factories.add(
        session,
        OutboxEmail(
            kind=kind,
            recipient="before@example.org",
            subject="donation:1",
            account_id=account.id,
            language="en",
            context={"number": 1},
            state="sent",
        ),
    )
    return written


def test_a_mail_goes_out_again_once_per_asking(session: Session, finance: FlaskClient) -> None:
    """[L16] [S9] To the address of today, with the words of then; no reminder and no sign-in."""
    giver = factories.account(session, email="now@example.org")
    lost, other = mail(session, giver, "welcome"), mail(session, giver, "payment_failed")
    page = finance.get(f"/staff/patrons/{giver.id}/mails").text
    path = f"/staff/patrons/{giver.id}/mails/{lost.id}/again"
    assert path in page
    assert f"/mails/{other.id}/again" not in page
    assert finance.get(f"/staff/patrons/{giver.id}/mails/{other.id}/again").status_code == 404
    (number,) = re.findall(r'name="again"[^>]*value="([^"]+)"', finance.get(path).text)
    assert finance.post(path, data={"again": number}).status_code == 400
    for _ in range(2):
        assert finance.post(path, data={"again": number, "reason": WHY}).status_code == 303
    sent = rows(session, OutboxEmail, kind="welcome", recipient="now@example.org")
    assert [(each.subject, each.context) for each in sent] == [
        (f"donation:1:{number}", {"number": 1})
    ]
    giver.deleted_at = NOON
    session.flush()
    assert finance.get(path).status_code == 404


def two(session: Session) -> tuple[Account, Account]:
    return (
        factories.patron(session, email="olena@example.org"),
        factories.account(session, email="olena@old.example"),
    )


def test_two_accounts_are_seen_side_by_side_and_merged(
    session: Session, finance: FlaskClient
) -> None:
    """[S9] The other is found by its address; nothing happens before both were seen."""
    kept, gone = two(session)
    pays(session, gone, amount_minor=900)
    path = f"/staff/patrons/{gone.id}/merge"
    assert "There is no account with this address." in finance.get(f"{path}?address=no@one").text
    path = f"{path}?address=OLENA@example.org"
    page = finance.get(path).text
    for shown in ("olena@example.org", "olena@old.example", "€4", "€9", "cannot be undone"):
        assert shown in page
    assert {each.subject for each in audited(session, "merge.previewed")} == {
        f"account:{kept.id}", f"account:{gone.id}",
    }  # fmt: skip
    missing = finance.post(path, data={"other": kept.id})
    assert missing.status_code == 400
    assert "Please choose the account that is kept." in missing.text
    assert "Please say why" in missing.text
    answer = finance.post(path, data={"other": kept.id, "keep": kept.id, "reason": WHY})
    assert answer.location == f"/staff/patrons/{kept.id}"
    page = finance.get(answer.location).text
    assert "Both addresses are told." in page
    assert "Merged with another account of theirs" in page
    assert "€13" in page
    assert finance.get(f"/staff/patrons/{gone.id}").location == f"/staff/patrons/{kept.id}"
    assert finance.get(f"/staff/patrons/{gone.id}/merge").location.endswith(str(kept.id))


def test_what_stands_in_the_way_is_one_sentence(session: Session, finance: FlaskClient) -> None:
    """[B6] Nothing is offered that would be refused; and it is refused if it is sent."""
    kept, gone = two(session)
    factories.subscription(session, gone)
    path = f"/staff/patrons/{kept.id}/merge?address={gone.email}"
    page = finance.get(path).text
    assert "Both give regularly. End one of the two first" in page
    assert 'name="keep"' not in page
    answer = finance.post(path, data={"other": gone.id, "keep": kept.id, "reason": WHY})
    assert answer.status_code == 400
    assert gone.email == "olena@old.example"
    same = finance.get(f"/staff/patrons/{kept.id}/merge?address={kept.email}").text
    assert "This is the same account." in same


def test_only_the_account_that_was_seen_is_merged(session: Session, finance: FlaskClient) -> None:
    """[L4] Its address may have become somebody else's since."""
    kept, gone = two(session)
    path = f"/staff/patrons/{kept.id}/merge?address={gone.email}"
    fields = form_on(finance.get(path).text, path)
    assert fields is not None
    gone.email = "moved@example.org"
    session.flush()
    stranger = factories.account(session, email="olena@old.example")
    for chosen in (kept, gone):
        answer = finance.post(path, data=fields | {"keep": chosen.id, "reason": WHY})
        assert answer.status_code == 400
        assert "Another account has this address by now." in answer.text
    session.expire_all()
    assert (gone.merged_into_id, stranger.merged_into_id) == (None, None)


def test_while_a_vote_is_under_way_only_who_could_not_vote_goes(
    session: Session, finance: FlaskClient
) -> None:
    """[V4] The other way round it is refused, whoever has voted."""
    kept, gone = two(session)
    factories.round_(session)
    path = f"/staff/patrons/{kept.id}/merge?address={gone.email}"
    assert "A vote is under way." in finance.get(path).text
    sent = {"other": gone.id, "reason": WHY}
    assert finance.post(path, data=sent | {"keep": gone.id}).status_code == 400
    assert finance.post(path, data=sent | {"keep": kept.id}).status_code == 303
    session.expire_all()
    assert gone.merged_into_id == kept.id


def test_each_look_is_written_down(session: Session, finance: FlaskClient) -> None:
    """[S9] Also at pages that ask before an act: they show a name, an address or an amount."""
    giver = factories.patron(session)
    support = row(session, Subscription)
    mail = factories.add(
        session,
        OutboxEmail(
            kind="receipt",
            recipient=giver.email,
            subject="donation:1",
            language="en",
            context={},
            account_id=giver.id,
        ),
    )
    looks = {
        "/merge": "merge.previewed",
        f"/mails/{mail.id}/again": "patron.viewed",
        f"/subscriptions/{support.id}/pause": "patron.viewed",
        f"/subscriptions/{support.id}/resume": "patron.viewed",
    }
    for path, action in looks.items():
        before = len(audited(session, action))
        assert finance.get(f"/staff/patrons/{giver.id}{path}").status_code == 200
        entries = audited(session, action)
        assert len(entries) == before + 1, path
        assert entries[-1].subject == f"account:{giver.id}"


@pytest.mark.parametrize("role", ["reporter", "editor", None])
def test_only_finance_sees_and_acts(session: Session, signed_in: SignedIn, role: str) -> None:
    """[S8]"""
    giver = factories.patron(session)
    support = session.scalars(select(Subscription)).one()
    browser = signed_in(session, factories.account(session, role=role))
    for path in (
        "",
        "/merge",
        "/mails",
        "/mails/1/again",
        f"/subscriptions/{support.id}/pause",
        f"/subscriptions/{support.id}/resume",
    ):
        assert browser.get(f"/staff/patrons/{giver.id}{path}").status_code == 403


def test_a_note_about_a_merged_account_is_refused(session: Session, finance: FlaskClient) -> None:
    """It would stand where nobody looks."""
    kept, gone = two(session)
    merging.merge(session, kept.id, gone.id, actor_id=kept.id, reason=WHY)
    session.expire_all()
    answer = finance.post(f"/staff/patrons/{gone.id}/notes", data={"text": "x", "kind": "note"})
    assert answer.status_code == 409
    assert rows(session, Note) == []


def test_who_lives_on_a_gift(session: Session, finance: FlaskClient) -> None:
    """It is their support while it lasts, or stands beside what they give themselves."""
    lasts, over = (factories.account(session) for _ in range(2))
    for reader, ends_at in ((lasts, datetime(2099, 12, 1, tzinfo=UTC)), (over, NOON)):
        days = {"redeemed_at": NOON - DAY, "begins_at": NOON - DAY, "ends_at": ends_at}
        gift(session, state="redeemed", account_id=reader.id, **days)

    def facts(reader: Account) -> list[str]:
        page = finance.get(f"/staff/patrons/{reader.id}").text
        found = re.findall(r"<dt>(?:Support|Paid until).*?</dt><dd>(.*?)</dd>", page, re.DOTALL)
        return [" ".join(re.sub("<[^>]*>", "", each).split()) for each in found]

    assert facts(lasts) == ["by a gift", "1 December 2099"]
    assert facts(over) == ["none", "–"]
    factories.subscription(session, lasts)
    assert facts(lasts) == ["running", "2 April 2026"]
    page = finance.get(f"/staff/patrons/{lasts.id}").text
    assert re.search(r"by a gift</span>\s*paid until <time[^>]*>1 December 2099", page)
