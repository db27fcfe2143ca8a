"""What time brings: renewals, cards that fail, an end; and money that goes back."""

from collections import Counter
from typing import Any

from tests.faults.steps import (
    FAILS_LATER,
    Reader,
    at_stripe,
    donations,
    ledger,
    mails_about,
    personal_mails,
    renew,
    settle,
    stripe_customers,
    subscriptions,
    wait_for_gift,
)
from tests.faults.test_rounds import a_round, choices_of, vote
from tests.system import System, wait_until

DAY = 86400


def test_a_renewal_is_one_more_donation_and_receipt(system: System) -> None:
    """[L16] The second month: one donation, one receipt, no second welcome, no movement."""
    with Reader(system, "renews@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        (before,) = subscriptions(system, reader.email)
        system.sandbox("faults", webhooks="duplicate")
        renew(system, reader.email)
        wanted = [("receipt", "sent"), ("receipt", "sent"), ("welcome", "sent")]
        wait_until(lambda: mails_about(system, reader.email) == wanted, "the second receipt")
        settle(system)
        assert [each["amount_minor"] for each in donations(system, reader.email)] == [500, 500]
        (after,) = subscriptions(system, reader.email)
        assert after["state"] == "active"
        assert after["current_period_end_at"] > before["current_period_end_at"]
        assert ledger(system, reader.email) == [("new", 500)]
        assert len(personal_mails(system, reader.email)) == 3


def test_a_failing_card_keeps_the_vote_and_ends_after_the_retries(system: System) -> None:
    """[B11] [L16] Past due may vote; given up is involuntary churn, told in one letter."""
    with Reader(system, "failing@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        reader.sign_in()
        (customer,) = stripe_customers(system, reader.email)

        def state() -> str:
            return str(subscriptions(system, reader.email)[0]["state"])

        system.sandbox("faults", webhooks="duplicate")
        system.sandbox("cards", customer=customer, number=FAILS_LATER)
        renew(system, reader.email)
        wait_until(lambda: state() == "past_due", lambda: f"past due ({state()})")
        settle(system)
        assert len(donations(system, reader.email)) == 1
        assert ledger(system, reader.email) == [("new", 500)]
        wait_until(lambda: letters(system, reader.email)["payment_failed"] == 1, "the first letter")
        round_id = a_round(system, "While a card fails")
        assert vote(reader, round_id, choices_of(system, round_id)[:1]) == 303

        for _ in range(4):
            system.sandbox("clock", advance=8 * DAY)
        wait_until(lambda: state() == "ended", lambda: f"the end ({state()})")
        settle(system)
        assert subscriptions(system, reader.email)[0]["end_reason"] == "payment_failed"
        assert ledger(system, reader.email) == [("new", 500), ("churn_involuntary", -500)]
        assert len(donations(system, reader.email)) == 1
        assert vote(reader, round_id, choices_of(system, round_id)[1:2]) == 403
        assert letters(system, reader.email) == {
            "welcome": 1,
            "receipt": 1,
            "sign_in": 1,
            "payment_failed": 1,
            "support_ended_unpaid": 1,
        }


def test_a_new_card_in_time_recovers(system: System) -> None:
    """[B11] [L2] Past due, then paid: active, one donation for the month, one subscription."""
    with Reader(system, "recovers@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        (customer,) = stripe_customers(system, reader.email)
        system.sandbox("cards", customer=customer, number=FAILS_LATER)
        renew(system, reader.email)
        wait_until(
            lambda: subscriptions(system, reader.email)[0]["state"] == "past_due", "past due"
        )
        reader.sign_in()
        assert reader.post("/support", reader.wish()).status_code == 409
        system.sandbox("cards", customer=customer, number="4242424242424242")
        system.sandbox("clock", advance=4 * DAY)
        wait_until(lambda: len(donations(system, reader.email)) == 2, "the late payment")
        settle(system)
        assert [s["state"] for s in subscriptions(system, reader.email)] == ["active"]
        assert ledger(system, reader.email) == [("new", 500)]


def test_the_last_retry_brings_the_money(system: System) -> None:
    """[B11] [B12] Three attempts fail, the fourth succeeds: a patron and a voter all along."""
    with Reader(system, "lastretry@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        reader.sign_in()
        (customer,) = stripe_customers(system, reader.email)
        round_id = a_round(system, "While three retries fail")
        choices = choices_of(system, round_id)

        def counts_as(state: str, votes_for: int, attempts: int) -> None:
            (invoice,) = due_invoices(system, reader.email)
            assert invoice["attempt_count"] == attempts
            wait_until(lambda: subscriptions(system, reader.email)[0]["state"] == state, state)
            settle(system)
            if state == "past_due":
                wait_for_letter(system, reader.email, attempts)
            assert vote(reader, round_id, [votes_for]) == 303
            assert ledger(system, reader.email) == [("new", 500)]

        system.sandbox("cards", customer=customer, number=FAILS_LATER)
        renew(system, reader.email)
        counts_as("past_due", choices[0], 1)
        for retry, days in ((1, 3), (2, 5)):
            system.sandbox("clock", advance=days * DAY)
            counts_as("past_due", choices[retry], retry + 1)
        (agreement,) = at_stripe(system, reader.email, "subscriptions")
        card = agreement["default_payment_method"]
        system.sandbox("card_behaviours", payment_method=card, number="4242424242424242")
        system.sandbox("clock", advance=7 * DAY)
        counts_as("active", choices[0], 4)
        assert [each["amount_minor"] for each in donations(system, reader.email)] == [500, 500]
        history = "SELECT to_state FROM subscription_change WHERE subscription_id = :id ORDER BY id"
        (given,) = subscriptions(system, reader.email)
        states = [row["to_state"] for row in system.rows(history, id=given["id"])]
        assert states == ["active", "past_due", "active"]
        told = letters(system, reader.email)
        assert (told["payment_failed"], told["payment_recovered"]) == (3, 1)
        assert told["support_ended_unpaid"] == 0


def wait_for_letter(system: System, email: str, number: int) -> None:
    """The first leaves at once; the others as if their day had come by our clock too."""
    if number > 1:
        (given,) = subscriptions(system, email)
        due = "UPDATE dunning SET next_letter_at = now() WHERE subscription_id = :id"
        system.rows(due, id=given["id"])
        system.wake("billing.remind", times=2)
    wait_until(lambda: letters(system, email)["payment_failed"] == number, f"letter {number}")


def letters(system: System, email: str) -> Counter[str]:
    return Counter(kind for kind, _ in mails_about(system, email))


def due_invoices(system: System, email: str) -> list[dict[str, Any]]:
    """What was asked for after the first month."""
    invoices = at_stripe(system, email, "invoices")
    return [each for each in invoices if each["billing_reason"] == "subscription_cycle"]


def test_refunds_in_two_parts_show_on_the_donation(system: System) -> None:
    """[B3] A part, then the rest; told twice each time."""
    with Reader(system, "refunded@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        (charge,) = at_stripe(system, reader.email, "charges")
        system.sandbox("faults", webhooks="duplicate")
        for part, total in ((200, 200), (300, 500)):
            intent = charge["payment_intent"]
            system.stripe_api("POST", "refunds", payment_intent=intent, amount=str(part))
            wait_until(
                lambda total=total: donations(system, reader.email)[0]["refunded_minor"] == total,
                f"a refund of {total}",
            )
        settle(system)
        (donation,) = donations(system, reader.email)
        assert (donation["amount_minor"], donation["refunded_minor"]) == (500, 500)
        # The money is back; the agreement goes on until somebody ends it.
        assert ledger(system, reader.email) == [("new", 500)]


def test_disputes_show_until_they_are_won(system: System) -> None:
    """[B3] Opened, then won or lost."""
    for outcome in ("won", "lost"):
        with Reader(system, f"dispute-{outcome}@reader.example") as reader:
            reader.give()
            wait_for_gift(system, reader.email)
            (charge,) = at_stripe(system, reader.email, "charges")

            def disputed(email: str = reader.email) -> bool:
                return donations(system, email)[0]["disputed_at"] is not None

            dispute = system.sandbox("disputes", charge=charge["id"])
            wait_until(disputed, "the dispute")
            system.sandbox("disputes", dispute=dispute["id"], outcome=outcome)
            settle(system)
            assert disputed() is (outcome == "lost")
