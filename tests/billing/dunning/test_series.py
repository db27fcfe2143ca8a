"""A renewal fails: the letters, the retries, and how it ends."""

import pytest

from membership.billing import sync
from membership.billing.dunning import reminders
from membership.billing.dunning.models import Dunning
from membership.billing.models import Donation, SubscriptionChange
from membership.billing.standing import standing
from membership.mail.models import OutboxEmail
from tests.billing.dunning.conftest import ASKS_ALWAYS, LOST, NO_MONEY, PAYS, Life
from tests.billing.reading import row, rows


def letters(*steps: int, kind: str = "payment_failed", number: int = 1) -> list[tuple[str, str]]:
    return [(kind, f"dunning:{number}:{step}") for step in steps]


def test_the_first_failure_is_told_at_once(life: Life) -> None:
    """[B12]"""
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    told = life.dunning
    assert (told.kind, told.decline_code, told.attempts) == ("soft", "insufficient_funds", 1)
    assert (told.amount_minor, told.currency, told.letters) == (500, "EUR", 1)
    assert told.stripe_payment_method_id == life.card()
    assert told.next_attempt_at is not None
    assert told.next_letter_at is not None
    assert (told.next_attempt_at - told.failed_at).days == 3
    assert life.mails() == letters(1, number=told.id)
    assert life.subscription.state == "past_due"
    context = life.contexts("payment_failed")[0]
    assert (context["step"], context["is_hard"], context["card_last4"]) == (1, False, "4242")


def test_letters_come_on_four_days_and_the_end_is_told_once(life: Life) -> None:
    """[B12] [L16] Standing is grace until the last retry; then ended, with one notice."""
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    seen = {0: life.mails()}
    for day in range(1, 30):
        if life.subscription.state == "past_due":
            assert standing(life.subscription.state) == "grace"
        life.live_days(1)
        seen[day] = life.mails()
    number = life.dunning.id
    news = {day: seen[day][len(seen[day - 1]) :] for day in range(1, 30)}
    told = {day: found for day, found in news.items() if found}
    ended = [("support_ended_unpaid", f"subscription:{life.subscription.id}")]
    assert told == {
        3: letters(2, number=number),
        7: letters(3, number=number),
        14: letters(4, number=number),
        15: ended,
    }
    assert (life.subscription.state, life.subscription.end_reason) == ("ended", "payment_failed")
    assert life.dunning.given_up_at == life.subscription.ended_at
    assert (life.dunning.recovered_at, life.dunning.next_letter_at) == (None, None)


def test_a_retry_that_goes_through_never_cost_standing(life: Life) -> None:
    """[B12] [B11] The third retry pays; the patron is thanked once and never was lapsed."""
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    life.live_days(9)
    life.let_card(PAYS)
    life.live_days(8)
    done = life.dunning
    assert done.recovered_by == "retry"
    assert done.attempts == 4
    assert done.recovered_at is not None
    assert life.mails()[-1] == ("payment_recovered", f"dunning:{done.id}")
    assert [kind for kind, _ in life.mails()] == ["payment_failed"] * 4 + ["payment_recovered"]
    states = [each.to_state for each in rows(life.session, SubscriptionChange)]
    assert states == ["active", "past_due", "active"]
    assert "lapsed" not in {standing(each) for each in states}
    assert len(rows(life.session, Donation)) == 2
    life.live_days(10)
    assert len(life.mails()) == 5


def test_a_letter_is_not_written_when_the_payment_has_come_and_nobody_told(life: Life) -> None:
    """[B12] [B4] Stripe is asked again when a letter is due: events may be lost or late."""
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    life.let_card(PAYS)
    life.pass_days(3.1)
    assert reminders.remind_due() == 1
    assert life.dunning.recovered_by == "retry"
    assert [kind for kind, _ in life.mails()] == ["payment_failed", "payment_recovered"]


def test_a_letter_that_did_not_leave_in_time_never_leaves(life: Life) -> None:
    """[B12] [M5] Where the mail server was away until the payment came, nobody is thanked."""
    life.let_card(NO_MONEY)
    life.renew()
    life.stripe.deliver_all()
    reminders.remind_due()
    life.let_card(PAYS)
    life.pass_days(3.1)
    life.work()
    assert life.dunning.recovered_by == "retry"
    assert [kind for kind, _ in life.mails()] == ["payment_failed"]
    assert row(life.session, OutboxEmail, kind="payment_failed").state == "expired"


def test_a_lost_card_is_said_to_be_over(life: Life) -> None:
    """[B12]"""
    life.let_card(LOST)
    life.renew()
    life.work()
    assert (life.dunning.kind, life.dunning.decline_code) == ("hard", "lost_card")
    assert life.contexts("payment_failed")[0]["is_hard"] is True


def test_a_bank_that_asks_leads_to_its_question(life: Life) -> None:
    """[B12]"""
    life.let_card(ASKS_ALWAYS)
    life.renew()
    life.work()
    assert life.dunning.kind == "action"
    assert life.dunning.action_url == life.stripe.all("invoice")[-1]["hosted_invoice_url"]
    assert life.mails() == letters(1, kind="payment_action", number=life.dunning.id)


def test_a_failed_first_payment_is_no_dunning(life: Life) -> None:
    """[B12] Whoever pays first is on the payment page and sees it there."""
    assert rows(life.session, Dunning) == []
    assert reminders.remind_due() == 0


def test_late_letters_keep_their_distance(life: Life) -> None:
    """[L16] After workers stood still for ten days, there is one letter, not three."""
    life.let_card(NO_MONEY)
    life.renew()
    life.pass_days(10)
    life.work()
    life.work()
    assert life.mails() == letters(1, number=life.dunning.id)
    life.live_days(3)
    assert life.mails() == letters(1, 2, number=life.dunning.id)


@pytest.mark.parametrize("fault", [500, 429, "timeout"])
def test_a_letter_waits_while_stripe_is_away(life: Life, fault: int | str) -> None:
    """[B12] [L6]"""
    life.let_card(NO_MONEY)
    life.renew()
    life.stripe.deliver_all()
    life.stripe.sandbox("faults", api_errors=[fault] * 3)
    reminders.remind_due()
    assert life.mails() == []
    life.stripe.sandbox("faults", api_errors=[])
    life.pass_days(0.01)
    reminders.remind_due()
    assert life.mails() == letters(1, number=life.dunning.id)


def test_who_leaves_meanwhile_hears_no_more_of_it(life: Life) -> None:
    """[B12] [B10] Leaving closes the payment; it was meant, so nothing is said of an unpaid end."""
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    subscription = life.subscription.stripe_subscription_id
    life.stripe.api(f"subscriptions/{subscription}", method="DELETE")
    life.live_days(8)
    assert (life.subscription.state, life.subscription.end_reason) == ("ended", "voluntary")
    assert life.dunning.given_up_at is not None
    kinds = [kind for kind, _ in life.mails()]
    assert kinds.count("payment_failed") == 1
    assert not {"support_ended_unpaid", "payment_recovered"} & set(kinds)


@pytest.mark.parametrize("left", [True, False])
def test_what_was_given_up_can_be_paid_nowhere(life: Life, left: bool) -> None:
    """[B12] Stripe's own page of the invoice would take money for a support that is over."""
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    subscription = life.subscription.stripe_subscription_id
    if left:
        life.stripe.api(f"subscriptions/{subscription}", method="DELETE")
    life.live_days(40)
    assert life.subscription.state == "ended"
    assert life.dunning.given_up_at is not None
    assert life.stripe.all("invoice")[-1]["status"] == "void"


def test_an_invoice_that_staff_wrote_off_is_theirs(life: Life) -> None:
    """[B12] Given up, and the support goes on: nothing of it is touched."""
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    invoice = life.stripe.all("invoice")[-1]["id"]
    life.stripe.change(invoice, status="uncollectible", next_payment_attempt=None)
    sync.sync_subscription(life.session, life.subscription.stripe_subscription_id, life.now())
    assert life.dunning.given_up_at is not None
    assert life.stripe.all("invoice")[-1]["status"] == "uncollectible"
