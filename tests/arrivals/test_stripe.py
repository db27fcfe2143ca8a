"""Subscriptions that began elsewhere on our Stripe account are taken over, at the stand-in."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing import adopting, gateway, inbox, sync
from membership.billing.dunning import reminders
from membership.billing.dunning.models import Dunning
from membership.billing.models import Checkout, Donation, LedgerEntry, Refund, Subscription
from sandbox.stripe.billing_cycle import add_periods
from tests import factories
from tests.billing.agreement import moment
from tests.billing.comparison.planting import planted
from tests.billing.conftest import Stripe
from tests.billing.reading import mails, make_due, row, rows

Run = Callable[..., list[str]]
TABLES = (Account, Checkout, Subscription, Donation, LedgerEntry)


@pytest.fixture(autouse=True)
def stripes_time(stripe: Stripe) -> Iterator[None]:
    """A minute after what has happened there until now."""
    with clock.fixed(moment(stripe.server.world.now()) + timedelta(minutes=1)):
        yield


def begun(stripe: Stripe, email: str = "old@example.org", **price: str) -> str:
    """A subscription that some other program began, with a card that pays."""
    customer = stripe.api("customers", email=email, payment_method="pm_card_visa")
    methods = stripe.api(f"customers/{customer['id']}/payment_methods", "GET")["data"]
    default = {"invoice_settings[default_payment_method]": methods[0]["id"]}
    stripe.api(f"customers/{customer['id']}", **default)
    product = stripe.api("products", name="Supporters")
    terms = {
        "currency": "eur",
        "unit_amount": "700",
        "recurring[interval]": "month",
        "product": product["id"],
        **price,
    }
    data = {f"items[0][price_data][{name}]".replace("[recurring[", "[recurring]["): value
            for name, value in terms.items()}  # fmt: skip
    data = {name.replace("]]", "]"): value for name, value in data.items()}
    made = stripe.api("subscriptions", customer=customer["id"], **data)
    return str(made["id"])


def everything(session: Session) -> dict[str, Any]:
    """The rows that an import writes, without what each run has by chance."""
    session.expire_all()
    found: dict[str, Any] = {}
    for table in TABLES:
        names = [each.name for each in table.__table__.columns if each.name not in BY_CHANCE]
        found[table.__tablename__] = sorted(
            str({name: getattr(each, name) for name in names}) for each in rows(session, table)
        )
    return found


BY_CHANCE = {"id", "account_id", "subscription_id", "created_at", "synced_at", "taken_over_at"}


def test_what_was_paid_comes_too(session: Session, stripe: Stripe, command: Run) -> None:
    """[B5] [D7] The ledger begins with the subscription; of what was before, nobody is mailed."""
    stripe_id = begun(stripe)
    began = gateway.read_subscription(stripe_id).started_at
    stripe.move_clock(40)
    with clock.fixed(began + timedelta(days=41)):
        said = command("stripe", None)
    assert "1 × €7 a month, active" in said[0]
    assert said[-2:] == ["Taken as new: 1", "Done."]
    ours = row(session, Subscription)
    assert (ours.stripe_subscription_id, ours.state, ours.started_at) == (
        stripe_id, "active", began,
    )  # fmt: skip
    entry = row(session, LedgerEntry)
    assert (entry.movement, entry.amount_minor, entry.occurred_at) == ("new", 700, began)
    assert [each.amount_minor for each in rows(session, Donation)] == [700, 700]
    account = row(session, Account)
    assert (account.email, account.verified_at) == ("old@example.org", None)
    assert mails(session) == []
    # What Stripe tells of it now, and of the time before, changes and mails nothing.
    before = everything(session)
    stripe.deliver_all()
    assert everything(session) == before
    assert mails(session) == []


def test_from_then_on_it_is_ours(session: Session, stripe: Stripe, command: Run) -> None:
    """[B5] The next charge is a donation with its receipt."""
    begun(stripe)
    command("stripe", None)
    stripe.delivered |= {each["id"] for each in stripe.events()}
    stripe.move_clock(32)
    stripe.deliver_all()
    assert len(rows(session, Donation)) == 2
    assert mails(session) == [("receipt", "old@example.org")]


def test_cancelled_is_not_over(session: Session, stripe: Stripe, command: Run) -> None:
    """[L25] The end of the paid period is kept."""
    stripe_id = begun(stripe)
    stripe.api(f"subscriptions/{stripe_id}", cancel_at_period_end="true")
    command("stripe", None)
    ours = row(session, Subscription)
    said = gateway.read_subscription(stripe_id)
    assert (ours.state, ours.current_period_end_at) == (
        "cancel_scheduled", said.current_period_end_at,
    )  # fmt: skip
    assert mails(session) == []


def test_a_rehearsal_changes_nothing(session: Session, stripe: Stripe, command: Run) -> None:
    """Neither here nor at Stripe."""
    begun(stripe)
    before = stripe.all("subscription"), everything(session)
    said = command("stripe", None, "--dry-run", "--welcome")
    assert said[-1] == "This was a rehearsal: nothing was changed."
    assert (stripe.all("subscription"), everything(session)) == before


def test_only_some(session: Session, stripe: Stripe, command: Run) -> None:
    """By price or product; what others sell on the account stays theirs (lesson L17)."""
    first, second = begun(stripe, "a@example.org"), begun(stripe, "b@example.org")
    found = {each["id"]: each["items"]["data"][0]["price"] for each in stripe.all("subscription")}
    said = command("stripe", None, "--only", found[first]["id"], "--dry-run")
    assert {"Taken as new: 1", "Of other prices: 1"} <= set(said)
    command("stripe", None, "--only", found[second]["product"], "--welcome")
    assert row(session, Subscription).stripe_subscription_id == second
    assert mails(session) == [("arrived", "b@example.org")]


@pytest.mark.parametrize("breaks", ["mark_ours", "sync", "paid_invoices"])
def test_killed_in_the_middle(
    session: Session,
    stripe: Stripe,
    command: Run,
    monkeypatch: pytest.MonkeyPatch,
    breaks: str,
) -> None:
    """[B7] Before and after Stripe knows, and before the payments: run again, the same rows.

    What Stripe tells of it meanwhile is heard, and mails nothing either.
    """
    stripe_id = begun(stripe)
    stripe.delivered |= {each["id"] for each in stripe.events()}
    place, name = (sync, "sync_subscription") if breaks == "sync" else (gateway, breaks)

    def killed(*_arguments: Any, **_named: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(place, name, killed)
        with pytest.raises(KeyboardInterrupt):
            adopting.adopt(stripe_id, ("en",), ("EUR",))
    assert rows(session, Subscription) == []
    stripe.deliver_all()
    assert len(rows(session, Subscription)) == (0 if breaks == "mark_ours" else 1)
    assert command("stripe", None)[-2] == "Taken as new: 1"
    once = everything(session)
    assert [len(once[each.__tablename__]) for each in TABLES] == [1, 1, 1, 1, 1]
    assert "Known, and the same: 1" in command("stripe", None)
    stripe.deliver_all()
    assert everything(session) == once
    assert mails(session) == []


def test_who_gives_here_already(session: Session, stripe: Stripe, command: Run) -> None:
    """[B6] A second live one is left alone, and nothing is given back."""
    patron = factories.patron(session, email="old@example.org")
    here = row(session, Subscription)
    stripe_id = begun(stripe)
    said = command("stripe", None)
    assert f"{stripe_id}: The account with this address gives by another" in said[0]
    assert row(session, Subscription).id == here.id
    assert {each["status"] for each in stripe.all("subscription")} == {"active"}
    assert rows(session, Checkout) == []
    assert patron.email == "old@example.org"


def test_two_of_one_address(session: Session, stripe: Stripe, command: Run) -> None:
    """[B6] One of them is taken, and the other one named."""
    first, second = begun(stripe), begun(stripe)
    said = command("stripe", None, "--dry-run")
    assert f"{first}: The same address as {second}; one subscription a patron." in said
    command("stripe", None)
    assert row(session, Subscription).stripe_subscription_id == second
    assert {each["status"] for each in stripe.all("subscription")} == {"active"}


def test_an_address_that_nobody_proved(session: Session, stripe: Stripe, command: Run) -> None:
    """[B6] No customer is linked by it to an account that another customer gives by."""
    account = factories.account(session, email="old@example.org", verified_at=None)
    factories.subscription(session, account, state="ended", ended_at=clock.now())
    stripe_id = begun(stripe)
    said = command("stripe", None)
    assert f"{stripe_id}: An account with this address gives by another customer" in said[0]
    account.verified_at = clock.now()
    session.flush()
    assert command("stripe", None)[-2] == "Taken as new: 1"
    assert {each.account_id for each in rows(session, Subscription)} == {account.id}


def test_what_is_given_twice_goes_back_from_then_on(
    session: Session, stripe: Stripe, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[B6] Who begins here while theirs is taken over: that ends, and what was paid before stays
    paid."""
    stripe_id = begun(stripe)
    monkeypatch.setattr(adopting, "_insist", lambda *_: None)
    monkeypatch.setattr(adopting.one_live, "other_live", one_other(session, stripe_id))
    adopting.adopt(stripe_id, ("en",), ("EUR",))
    assert [each["status"] for each in stripe.all("subscription")] == ["canceled"]
    assert rows(session, Refund) == []
    assert row(session, Donation).refunded_minor == 0


def one_other(session: Session, stripe_id: str) -> Callable[..., Subscription | None]:
    """Nobody at first, then another live one of the same patron."""
    answers: list[Subscription | None] = [None]

    def answer(asked: Session, account_id: int, _stripe_id: str) -> Subscription | None:
        if answers:
            return answers.pop()
        return Subscription(id=1, started_at=clock.now(), account_id=account_id)

    return answer


def test_failed_before_it_was_ours(session: Session, stripe: Stripe, command: Run) -> None:
    """[B12] Nobody is reminded of a failure of before; it is known, and counted."""
    began = stripe.server.world.now() - 40 * 86_400
    times = {"started_at": began, "current_period_end_at": add_periods(began, "month", 2)}
    planted(stripe, 1, status="past_due", email="old@example.org", **times)
    command("stripe", None)
    assert row(session, Subscription).state == "past_due"
    assert row(session, Dunning).next_letter_at is None
    reminders.remind_due()
    make_due(session)
    stripe.deliver_all()
    inbox.process_due()
    reminders.remind_due()
    assert mails(session) == []


ODD: tuple[tuple[dict[str, str], dict[str, Any], str], ...] = (
    ({"recurring[interval_count]": "3"}, {}, "It is charged neither every month nor every"),
    ({"currency": "sek"}, {}, "It is paid in SEK, which is no currency of ours."),
    ({}, {"discounts": ["di_1"]}, "It has a discount"),
    ({}, {"collection_method": "send_invoice"}, "It is paid by invoice"),
    ({}, {"schedule": "sub_sched_1"}, "It follows a schedule"),
    ({}, {"status": "incomplete"}, "Its first payment has not come yet."),
    ({}, {"status": "asleep"}, "It has a shape that we do not know."),
)


def test_what_is_not_taken(session: Session, stripe: Stripe, command: Run) -> None:
    """Each with its reason; the others are taken, and nothing is written at Stripe."""
    reasons = {}
    for number, (price, changes, sentence) in enumerate(ODD):
        odd = begun(stripe, f"odd{number}@example.org", **price)
        stripe.change(odd, **changes)
        reasons[odd] = sentence
    taken = begun(stripe)
    said = command("stripe", None)
    for odd, sentence in reasons.items():
        assert any(each.startswith(f"{odd}: {sentence}") for each in said), (sentence, said)
    assert row(session, Subscription).stripe_subscription_id == taken
    marked = {each["id"] for each in stripe.all("subscription") if each["metadata"]}
    assert marked == {taken}


def test_stripe_is_away(session: Session, stripe: Stripe, command: Run) -> None:
    """What was taken over until then stays, and the rest comes the next time."""
    begun(stripe, "a@example.org")
    stripe.sandbox("faults", api_error_rate=1)
    assert "run it again" in command("stripe", None, status=1)[-1]
    stripe.sandbox("faults", api_error_rate=0)
    assert command("stripe", None)[-2] == "Taken as new: 1"
    assert session.scalar(select(func.count()).select_from(Subscription)) == 1


def test_ours_are_known(
    session: Session, stripe: Stripe, give: Callable[..., str], client: FlaskClient, command: Run
) -> None:
    """What began here is ours, also before its webhook has come."""
    stripe.pay(give())
    assert "Known, and the same: 1" in command("stripe", None)
    stripe.deliver_all()
    assert "Known, and the same: 1" in command("stripe", None)
    assert row(session, Subscription).state == "active"
