"""What staff do for a patron: each act says what will happen, asks why, and is written down."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from babel.dates import format_date
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import AuditEntry, Note
from membership.billing import giving_back
from membership.billing.manage import acts
from membership.billing.models import Donation, Refund, Subscription
from membership.mail.letters import compose
from membership.mail.models import OutboxEmail
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.reading import row, rows
from tests.conftest import SignedIn

Give = Callable[..., str]
WHY = "They wrote to us."


class Desk:
    """A member of staff before one patron who gives €5 a month."""

    def __init__(self, session: Session, stripe: Stripe, give: Give, signed_in: SignedIn) -> None:
        stripe.pay(give())
        stripe.deliver_all()
        self.session, self.stripe = session, stripe
        self.donation: Donation = row(session, Donation)
        self.support: Subscription = row(session, Subscription)
        self.patron = f"/staff/patrons/{self.donation.account_id}"
        self.end = f"{self.patron}/subscriptions/{self.support.id}/end"
        self.refund = f"{self.patron}/donations/{self.donation.id}/refund"
        self.receipt = f"{self.patron}/donations/{self.donation.id}/receipt"
        self.notes = f"{self.patron}/notes"
        self.me = factories.staff(session, "finance", email="fin@courier.example")
        self.browser = signed_in(session, self.me)

    def filled(self, path: str, **typed: str) -> dict[str, str]:
        """The form as the page shows it, with what was typed."""
        page = self.browser.get(path).text
        hidden = dict(re.findall(r'name="(refund|again)"[^>]*value="([^"]+)"', page))
        return {**hidden, "reason": WHY, **typed}

    def audited(self, action: str) -> list[dict[str, Any]]:
        query = select(AuditEntry).where(AuditEntry.action == action)
        found = self.session.scalars(query).all()
        assert {each.actor_id for each in found} <= {self.me.id}
        assert {each.subject for each in found} <= {f"account:{self.donation.account_id}"}
        return [each.detail for each in found]

    def answer(self, path: str, **form: str) -> str:
        """The patron's page after the act."""
        answer = self.browser.post(path, data=form)
        assert answer.status_code == 303, answer.text
        return str(self.browser.get(answer.location).text)


@pytest.fixture
def desk(session: Session, stripe: Stripe, give: Give, signed_in: SignedIn) -> Desk:
    return Desk(session, stripe, give, signed_in)


def test_the_support_ends_with_the_paid_period(desk: Desk) -> None:
    """[B10] [S9] The patron is told without the reason; it ends by us, and says so."""
    assert "€5 monthly" in desk.browser.get(desk.end).text
    page = desk.answer(desk.end, when="period_end", reason=WHY)
    assert "ends with the paid period" in page
    assert row(desk.session, Subscription).state == "cancel_scheduled"
    (detail,) = desk.audited("subscription.ended")
    assert (detail["when"], detail["reason"]) == ("period_end", WHY)
    mail = row(desk.session, OutboxEmail, kind="support_cancelled")
    assert WHY not in str(mail.context)
    assert "We have set this end for you" in str(compose(mail).get_body(("plain",)))
    mail.context = {name: said for name, said in mail.context.items() if name != "by_staff"}
    assert "tell us why" in str(compose(mail).get_body(("plain",))), "of a former version"
    desk.stripe.move_clock(32)
    desk.stripe.deliver_all()
    ended = row(desk.session, Subscription)
    assert (ended.state, ended.end_reason) == ("ended", "staff")
    assert len(rows(desk.session, Donation)) == 1


def test_the_support_ends_at_once(desk: Desk) -> None:
    """[B10] [S9] Also when it was to end later; another reading of Stripe gives the same reason."""
    desk.answer(desk.end, when="period_end", reason=WHY)
    assert "nothing more is charged" in desk.answer(desk.end, when="now", reason=WHY)
    assert desk.stripe.all("subscription")[0]["status"] == "canceled"
    ended = row(desk.session, Subscription)
    assert (ended.state, ended.end_reason) == ("ended", "staff")
    ended.end_reason = None
    desk.session.flush()
    desk.stripe.deliver_all()
    assert row(desk.session, Subscription).end_reason == "staff"
    assert "nothing to end" in desk.answer(desk.end, when="now", reason=WHY)
    assert len(desk.audited("subscription.ended")) == 2


def test_an_end_that_the_patron_took_back_and_set_again_is_theirs(desk: Desk) -> None:
    """[B10] What staff had planned is forgotten with it."""
    desk.answer(desk.end, when="period_end", reason=WHY)
    acts.keep(desk.support.id)
    acts.cancel(desk.support.id)
    mails = rows(desk.session, OutboxEmail, kind="support_cancelled")
    assert [each.context["by_staff"] for each in mails] == [True, False]
    desk.stripe.move_clock(32)
    desk.stripe.deliver_all()
    assert row(desk.session, Subscription).end_reason == "voluntary"


def test_when_stripe_is_away_nothing_ends(desk: Desk) -> None:
    """[B9] Said in a sentence; nothing is written as done."""
    desk.stripe.sandbox("faults", api_error_rate=1)
    assert "Stripe did not answer" in desk.answer(desk.end, when="now", reason=WHY)
    assert row(desk.session, Subscription).state == "active"
    assert desk.audited("subscription.ended") == []


def test_a_part_and_then_the_rest_goes_back(desk: Desk) -> None:
    """[B7] [S9] Each time the page says what is left, and who gave it back and why stays."""
    assert 'value="5.00"' in desk.browser.get(desk.refund).text
    page = desk.answer(desk.refund, **desk.filled(desk.refund, amount="2"))
    assert "€2 is on its way back" in page
    assert 'value="3.00"' in desk.browser.get(desk.refund).text
    desk.answer(desk.refund, **desk.filled(desk.refund, amount="3,00"))
    assert sorted(each["amount"] for each in desk.stripe.all("refund")) == [200, 300]
    assert row(desk.session, Donation).refunded_minor == 500
    assert {(each.actor_id, each.reason) for each in rows(desk.session, Refund)} == {
        (desk.me.id, WHY)
    }
    assert [each["amount_minor"] for each in desk.audited("donation.refunded")] == [200, 300]
    page = desk.browser.get(desk.patron).text
    assert "Refund of €3: given back" in page
    assert f"{WHY} – fin@courier.example" in page
    assert desk.refund not in page
    assert "Nothing is left to give back" in desk.browser.get(desk.refund).text
    # The support goes on.
    assert row(desk.session, Subscription).state == "active"


def test_a_form_sent_again_with_another_amount_says_so(desk: Desk) -> None:
    """[B7] It never says that what nobody wrote down is on its way."""
    form = desk.filled(desk.refund, amount="2")
    desk.answer(desk.refund, **form)
    answer = desk.browser.post(desk.refund, data=form | {"amount": "3"})
    assert answer.status_code == 409
    assert "This form gave back €2 already" in answer.text
    assert [each["amount"] for each in desk.stripe.all("refund")] == [200]


def test_a_form_sent_twice_is_one_refund(desk: Desk) -> None:
    """[B7]"""
    form = desk.filled(desk.refund, amount="5")
    desk.answer(desk.refund, **form)
    desk.answer(desk.refund, **form)
    assert [each["amount"] for each in desk.stripe.all("refund")] == [500]
    assert len(desk.audited("donation.refunded")) == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"amount": "5.01"}, "No more than €5 is left."),
        ({"amount": "0"}, "Please write more than nothing"),
        ({"amount": "0,00"}, "Please write more than nothing"),
        ({"amount": "-1"}, "Please write more than nothing"),
        ({"amount": "1.999"}, "no more than two decimals"),
        ({"amount": "1,234"}, "thousands without a point or comma"),
        ({"amount": "five"}, "Please write the amount as a number"),
        ({"amount": "1,234.50"}, "Please write the amount as a number"),
        ({"amount": ""}, "Please write an amount."),
        ({"amount": "1", "reason": "   "}, "Please say why"),
        ({"amount": "1", "refund": "not a number"}, "Please open this page anew."),
    ],
)
def test_what_cannot_go_back_is_refused_in_a_sentence(
    desk: Desk, typed: dict[str, str], said: str
) -> None:
    """[B7] What was typed stays; nothing is written."""
    answer = desk.browser.post(desk.refund, data=desk.filled(desk.refund, **typed))
    assert answer.status_code == 400
    assert said in answer.text
    assert rows(desk.session, Refund) == []
    assert desk.stripe.all("refund") == []


def test_of_some_currencies_only_whole_amounts_go_back(desk: Desk) -> None:
    """[B15] A decimal that nobody can pay out is named as what is wrong."""
    desk.donation.currency = "HUF"
    desk.session.flush()
    answer = desk.browser.post(desk.refund, data=desk.filled(desk.refund, amount="1.5"))
    assert "Please write a whole amount, such as 5: HUF" in answer.text


def test_a_refund_waits_while_stripe_is_away(desk: Desk) -> None:
    """[B7] [L6] It is written down; the worker asks again until it is done."""
    desk.stripe.sandbox("faults", api_error_rate=1)
    page = desk.answer(desk.refund, **desk.filled(desk.refund, amount="5"))
    assert "asked again every minute" in page
    assert "Stripe is being asked" in page
    desk.stripe.sandbox("faults", api_error_rate=0)
    desk.stripe.move_clock(1.1)
    giving_back.finish_due()
    assert "given back" in desk.browser.get(desk.patron).text
    assert len(desk.stripe.all("refund")) == 1


def test_stripes_refusal_is_shown(desk: Desk) -> None:
    """[B7] In our words where we have some."""
    form = desk.filled(desk.refund, amount="5")
    desk.stripe.sandbox("disputes", charge=desk.stripe.all("charge")[0]["id"])
    page = desk.answer(desk.refund, **form)
    assert "Stripe refused to give €5 back" in page
    assert "bank has taken this payment back already" in page


def test_a_payment_that_stripe_does_not_know_is_said_at_once(desk: Desk) -> None:
    """[B7] As any other refusal; another refund may be asked for."""
    desk.donation.stripe_payment_intent_id = "pi_of_another_account"
    desk.session.flush()
    page = desk.answer(desk.refund, **desk.filled(desk.refund, amount="5"))
    assert "Stripe refused to give €5 back" in page
    assert "Stripe does not know this payment." in page
    assert "Stripe is being asked" not in page
    assert desk.refund in page


def test_a_receipt_goes_out_again_once_per_asking(desk: Desk) -> None:
    """[B18] [L16] Another mail of the same donation; the same form twice is one."""
    form = desk.filled(desk.receipt)
    assert "goes out again" in desk.answer(desk.receipt, **form)
    desk.answer(desk.receipt, **form)
    assert len(rows(desk.session, OutboxEmail, kind="receipt")) == 2
    desk.answer(desk.receipt, **desk.filled(desk.receipt))
    mails = rows(desk.session, OutboxEmail, kind="receipt")
    assert len({each.subject for each in mails}) == len(mails) == 3
    assert mails[0].context == mails[1].context
    assert {each["reason"] for each in desk.audited("receipt.sent_again")} == {WHY}


def test_a_receipt_says_what_went_back_of_the_gift(desk: Desk) -> None:
    """[B18] As its paper does: on the page that asks, and in the mail; the first was before."""
    assert "Given back on" not in desk.browser.get(desk.receipt).text
    desk.answer(desk.refund, **desk.filled(desk.refund, amount="2"))
    desk.answer(desk.refund, **desk.filled(desk.refund, amount="1.50"))
    page = desk.browser.get(desk.receipt).text
    day = format_date(clock.newsroom_day(), "d MMMM y", locale="en")
    for amount in ("−€2", "−€1.50"):
        assert re.search(rf"Given back on {day}</dt><dd>{amount}<", page)
    desk.answer(desk.receipt, **desk.filled(desk.receipt))
    first, again = (parts(each) for each in rows(desk.session, OutboxEmail, kind="receipt"))
    assert all("Amount" in part and "Given back" not in part for part in first)
    for part in again:
        words = " ".join(re.sub(r"<[^>]+>", " ", part).split())
        assert re.search(r"Given:? €5 ", words)
        assert re.search(rf"Given back on {day}:? −€2 ", words)
        assert re.search(r"−€1\.50 Remains:? €1\.50 ", words)


def parts(mail: OutboxEmail) -> list[str]:
    """A letter as text and as HTML."""
    letter = compose(mail)
    found = [letter.get_body((part,)) for part in ("plain", "html")]
    return [unescape(str(part.get_content())) for part in found if part is not None]


def test_a_note_is_for_staff_alone(desk: Desk) -> None:
    """[S9] With its author on the patron's page; its text is not in the audit log."""
    page = desk.answer(desk.notes, text="Prefers  letters.")
    assert "Prefers  letters." in page
    assert "Note by fin@courier.example" in page
    assert row(desk.session, Note).author_id == desk.me.id
    assert desk.audited("note.written") == [{"note": row(desk.session, Note).id}]
    refused = desk.browser.post(desk.notes, data={"text": "x" * 2001})
    assert refused.status_code == 400
    assert "under 2,000 characters" in refused.text
    assert "x" * 2001 in refused.text
    assert "The note is empty." in desk.browser.post(desk.notes, data={"text": "  "}).text
    assert len(rows(desk.session, Note)) == 1


@pytest.mark.parametrize("name", ["end", "receipt"])
def test_a_reason_is_asked_for(desk: Desk, name: str) -> None:
    """[S9]"""
    path = getattr(desk, name)
    answer = desk.browser.post(path, data=desk.filled(path, reason=" "))
    assert answer.status_code == 400
    assert "Please say why" in answer.text
    assert row(desk.session, Subscription).state == "active"


@pytest.mark.parametrize("role", ["reporter", "editor", None])
def test_only_finance_acts(desk: Desk, session: Session, signed_in: SignedIn, role: str) -> None:
    """[S8] Nor does a patron, nor anyone who is not signed in."""
    account = factories.staff(session, role) if role else factories.account(session)
    browser = signed_in(session, account)
    for path in (desk.end, desk.refund, desk.receipt):
        assert browser.get(path).status_code == 403
        assert browser.post(path, data={"reason": WHY}).status_code == 403
    assert browser.post(desk.notes, data={"text": "x"}).status_code == 403
    with browser.session_transaction() as cookie:
        cookie.clear()
    for path in (desk.end, desk.refund, desk.receipt):
        assert browser.get(path).status_code == 302
    assert browser.post(desk.notes, data={"text": "x"}).status_code == 302


def test_what_is_anothers_is_not_found(desk: Desk, session: Session) -> None:
    """[S8] A donation stands under its own patron alone."""
    other = factories.account(session)
    gift = factories.donation(session, other)
    for path in (
        f"{desk.patron}/donations/{gift.id}/refund",
        f"{desk.patron}/donations/{gift.id}/receipt",
        f"/staff/patrons/{other.id}/subscriptions/{desk.support.id}/end",
        "/staff/patrons/99999999/donations/1/refund",
    ):
        assert desk.browser.get(path).status_code == 404
        assert desk.browser.post(path, data={"reason": WHY}).status_code == 404
    assert desk.browser.post("/staff/patrons/99999999/notes", data={"text": "x"}).status_code == 404


def test_looking_changes_nothing(desk: Desk) -> None:
    """[L23] GET and HEAD."""
    for path in (desk.end, desk.refund, desk.receipt):
        assert desk.browser.head(path).status_code == 200
        assert desk.browser.get(path).headers["Cache-Control"] == "no-store"
    assert desk.browser.get(desk.notes).status_code == 405
    assert row(desk.session, Subscription).state == "active"
    assert rows(desk.session, Refund) == []


def test_a_deleted_accounts_receipt_goes_nowhere(desk: Desk, session: Session) -> None:
    """[S11]"""
    account = session.get(type(desk.me), desk.donation.account_id)
    account.deleted_at = clock.now()
    session.flush()
    assert desk.receipt not in desk.browser.get(desk.patron).text
    assert desk.browser.get(desk.receipt).status_code == 404


def test_what_a_bank_took_back_has_no_receipt(desk: Desk) -> None:
    """[B18] No paper is issued of it, and no letter either."""
    form = desk.filled(desk.receipt)
    desk.donation.disputed_at = clock.now()
    desk.session.flush()
    assert desk.receipt not in desk.browser.get(desk.patron).text
    assert "only of what is with us" in desk.answer(desk.receipt, **form)
    assert len(rows(desk.session, OutboxEmail, kind="receipt")) == 1
