"""Taking a gift: once, by whoever holds its link, and what it gives."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import merging
from membership.accounts.models import Account
from membership.billing import links
from membership.billing.gifts import redeeming
from membership.billing.gifts.lifecycle import months_later, state_of
from membership.billing.gifts.models import Gift
from membership.billing.gifts.reference import account_id_in, reference
from membership.billing.models import Donation
from membership.billing.standing import has_gift
from membership.db import transaction
from membership.mail.models import OutboxEmail
from membership.voting.eligibility import is_eligible
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.gifts.steps import gift, sent, text_of
from tests.billing.reading import row, rows
from tests.conftest import SignedIn

KYIV = ZoneInfo("Europe/Kyiv")


def path_of(present: Gift) -> str:
    return f"/gift/{links.token('gift', present.id)}"


def test_looking_changes_nothing_and_tells_nobody_else(
    session: Session, client: FlaskClient
) -> None:
    """[L12] [S7] Mail scanners follow links."""
    present = gift(session, sender_name="Olena", message="For you!\nYours")
    for _look in range(2):
        assert client.head(path_of(present)).status_code == 200
        answer = client.get(path_of(present))
        assert answer.status_code == 200
    assert "A gift from Olena" in answer.text
    assert "For you!" in answer.text
    assert 'content="noindex"' in answer.text
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "friend@example.org" not in answer.text
    assert row(session, Gift).state == "sent"
    assert not rows(session, OutboxEmail)


def test_a_gift_without_a_name_names_nobody(session: Session, client: FlaskClient) -> None:
    """[S10] [L14]"""
    giver = factories.account(session, email="secret@example.org", name="Secret Giver")
    page = client.get(path_of(gift(session, giver=giver))).text
    assert "someone who thought of you" in page
    assert "ecret" not in page


def test_whoever_holds_the_link_proves_an_address_and_takes_it(
    stripe: Stripe, session: Session, client: FlaskClient
) -> None:
    """[S2] Not only the address that the letter went to; the sign-in mail leads back."""
    path = sent(stripe, client, session)
    reader = client.application.test_client()
    asked = reader.post(path, data={"email": "Another@example.org"})
    assert asked.status_code == 303
    assert asked.location == "/sign-in/code"
    mail = row(session, OutboxEmail, kind="sign_in")
    assert mail.recipient == "Another@example.org"
    found = re.search(r"http://localhost(/sign-in/\S+)", text_of(mail))
    assert found is not None
    back = reader.post(found[1])
    assert (back.status_code, back.location) == (303, path)
    assert "You take it as Another@example.org" in reader.get(path).text
    assert row(session, Gift).state == "sent"
    taken = reader.post(path)
    assert (taken.status_code, taken.location) == (303, "/account/gifts")
    assert "patron=1" in taken.headers["Set-Cookie"]
    present = row(session, Gift)
    account = row(session, Account, email="another@example.org")
    assert (present.state, present.account_id) == ("redeemed", account.id)
    assert is_eligible(session, account.id)
    assert not is_eligible(session, row(session, Donation).account_id), "giving a gift is no vote"
    page = reader.get("/account/gifts").text
    assert "Grandma Olena" in page
    assert "Welcome among our patrons" in page


@pytest.mark.parametrize("email", ["", "me", "a@b"])
def test_a_wrong_address_is_said_beside_the_field(
    session: Session, client: FlaskClient, email: str
) -> None:
    answer = client.post(path_of(gift(session)), data={"email": email})
    assert answer.status_code == 422
    assert "field-error" in answer.text
    assert not rows(session, OutboxEmail)


def test_pressed_twice_it_is_taken_once(session: Session, signed_in: SignedIn) -> None:
    present, reader = gift(session), factories.account(session)
    browser = signed_in(session, reader)
    first = browser.post(path_of(present))
    ends_at = row(session, Gift).ends_at
    second = browser.post(path_of(present))
    assert first.location == second.location == "/account/gifts"
    assert row(session, Gift).ends_at == ends_at
    assert browser.get(path_of(present)).location == "/account/gifts"


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        ("redeemed", 410, "This gift has been taken"),
        ("taken_back", 410, "no longer there"),
        ("ready", 404, "still on its way"),
        ("ordered", 404, "still on its way"),
    ],
)
def test_a_gift_that_cannot_be_taken_says_why(
    session: Session, signed_in: SignedIn, state: str, status: int, said: str
) -> None:
    other = factories.account(session)
    noon = factories.NOON
    taken = {"account_id": other.id, "redeemed_at": noon, "begins_at": noon, "ends_at": noon}
    values = taken if state == "redeemed" else {}
    present = gift(session, state=state, sender_name="Olena", message="Yours", **values)
    browser = signed_in(session, factories.account(session))
    for answer in (browser.get(path_of(present)), browser.post(path_of(present))):
        assert answer.status_code == status
        assert said in answer.text
        assert "Olena" not in answer.text
        assert "Yours" not in answer.text
    assert row(session, Gift).state == state


@pytest.mark.parametrize("token", ["x", "MQ.abc.def", "{other}"])
def test_a_link_that_is_not_ours_opens_nothing(
    session: Session, client: FlaskClient, token: str
) -> None:
    """A link made for another purpose neither."""
    there = token.format(other=links.token("manage", gift(session).id))
    assert client.get(f"/gift/{there}").status_code == 404
    assert client.post(f"/gift/{there}").status_code == 404


def test_two_people_take_one_gift_at_once_and_one_gets_it(committed: Engine) -> None:
    with transaction() as session:
        present = gift(session).id
        people = [factories.account(session).id for _ in range(6)]

    def take(account_id: int) -> bool:
        with transaction() as session:
            try:
                redeeming.take(session, present, account_id)
            except redeeming.NotToBeTakenError:
                return False
        return True

    taken = at_once(committed, take, people)
    assert sum(taken) == 1
    with transaction() as session:
        found = session.get_one(Gift, present)
        assert found.account_id == people[taken.index(True)]


def test_two_gifts_taken_at_once_follow_one_another(committed: Engine) -> None:
    with transaction() as session:
        presents = [gift(session).id for _ in range(2)]
        reader = factories.account(session).id

    def take(gift_id: int) -> datetime:
        with transaction() as session:
            ends_at = redeeming.take(session, gift_id, reader).ends_at
        assert ends_at is not None
        return ends_at

    first, second = sorted(at_once(committed, take, presents))
    assert second == months_later(first, 12, KYIV)


def at_once(engine: Engine, act: Callable[[int], object], values: list[int]) -> list:
    """`act` on each value, in threads with the application's context."""
    from flask import current_app

    app: Flask = current_app._get_current_object()

    def one(value: int) -> object:
        with app.app_context():
            return act(value)

    with ThreadPoolExecutor(len(values)) as pool:
        return list(pool.map(one, values))


def test_a_second_gift_begins_when_the_first_ends(session: Session, signed_in: SignedIn) -> None:
    reader = factories.account(session)
    browser = signed_in(session, reader)
    with clock.fixed(datetime(2026, 3, 2, 12, tzinfo=UTC)):
        first = redeeming.take(session, gift(session).id, reader.id)
        second = redeeming.take(session, gift(session).id, reader.id)
    assert first.ends_at == datetime(2027, 3, 2, 12, tzinfo=UTC)
    assert second.ends_at == datetime(2028, 3, 2, 12, tzinfo=UTC)
    third = gift(session)
    page = re.sub(r"<[^>]*>", "", browser.get(path_of(third)).text)
    assert "until 2 March 2028; this one begins when that one ends" in page


def test_beside_own_support_it_runs_from_today_and_says_so(
    session: Session, signed_in: SignedIn
) -> None:
    reader = factories.patron(session)
    page = signed_in(session, reader).get(path_of(gift(session))).text
    assert "The gift runs beside that, from today" in page


@pytest.mark.parametrize(
    ("at", "months", "until"),
    [
        ("2026-01-31T12:00+02:00", 1, "2026-02-28T12:00+02:00"),
        ("2024-02-29T12:00+02:00", 12, "2025-02-28T12:00+02:00"),
        ("2026-03-29T02:59+02:00", 12, "2027-03-29T02:59+03:00"),
        ("2026-12-31T23:30+02:00", 12, "2027-12-31T23:30+02:00"),
        # The first of November in Kyiv.
        ("2026-10-31T23:30+00:00", 4, "2027-02-28T23:30+00:00"),
    ],
)
def test_months_go_by_the_newsrooms_calendar(at: str, months: int, until: str) -> None:
    """[L8] Month ends clamp; the hour of the day stays through summer time."""
    found = months_later(datetime.fromisoformat(at), months, KYIV)
    assert found == datetime.fromisoformat(until)


def test_a_gift_gives_standing_and_a_vote_while_it_lasts(
    session: Session, signed_in: SignedIn
) -> None:
    """[V3]"""
    reader = factories.account(session)
    present = gift(session)
    assert not is_eligible(session, reader.id)
    redeeming.take(session, present.id, reader.id)
    assert is_eligible(session, reader.id)
    page = signed_in(session, reader).get("/account")
    assert "You have a gift until" in page.text
    assert "patron=1" in page.headers["Set-Cookie"]
    present.ends_at = clock.now() - timedelta(seconds=1)
    session.flush()
    assert not is_eligible(session, reader.id)


@pytest.mark.parametrize(
    "lost",
    [
        {"refunded_minor": 6000, "refunded_at": factories.NOON},
        {"disputed_at": factories.NOON},
    ],
)
def test_a_gift_whose_money_went_back_gives_nothing(
    session: Session, signed_in: SignedIn, lost: dict
) -> None:
    """[V3] It stays taken; the page says that it was withdrawn."""
    reader = factories.account(session)
    present = gift(session)
    redeeming.take(session, present.id, reader.id)
    donation = session.get_one(Donation, present.donation_id)
    for name, value in lost.items():
        setattr(donation, name, value)
    session.flush()
    assert not is_eligible(session, reader.id)
    assert redeeming.lasts_until(session, reader.id) is None
    assert "withdrawn" in signed_in(session, reader).get("/account/gifts").text


def test_the_loss_of_the_first_leaves_the_second_its_own_time(
    session: Session, signed_in: SignedIn
) -> None:
    """[V3] One payment that is left gives one year; a dispute that is won gives both back."""
    reader = factories.account(session)
    noon = factories.NOON
    with clock.fixed(noon):
        first = redeeming.take(session, gift(session).id, reader.id)
        second = redeeming.take(session, gift(session).id, reader.id)
    donation = session.get_one(Donation, first.donation_id)

    def lasts(*days: int) -> list[bool]:
        times = [noon + timedelta(days=each) for each in days]
        return [bool(session.scalar(select(has_gift(reader.id, at)))) for at in times]

    assert lasts(1, 364, 366, 729, 732) == [True, True, True, True, False]
    donation.disputed_at = noon
    session.flush()
    assert lasts(1, 364, 366, 729, 732) == [False, False, True, True, False]
    with clock.fixed(noon + timedelta(days=1)):
        assert redeeming.runs_until(session, reader.id) is None
        assert redeeming.lasts_until(session, reader.id) == second.ends_at
        assert "2 March 2027</time> – <" in signed_in(session, reader).get("/account/gifts").text
    with clock.fixed(noon + timedelta(days=366)):
        assert redeeming.runs_until(session, reader.id) == second.ends_at
    donation.disputed_at = None
    session.flush()
    assert lasts(1, 364, 366, 729, 732) == [True, True, True, True, False]


def test_a_refund_before_it_is_taken_takes_it_back_and_after_it_leaves_it_taken(
    stripe: Stripe, session: Session, client: FlaskClient, signed_in: SignedIn
) -> None:
    path = sent(stripe, client, session)
    payment = row(session, Donation).stripe_payment_intent_id
    stripe.api("refunds", payment_intent=payment)
    stripe.deliver_all()
    assert row(session, Gift).state == "taken_back"
    assert client.get(path).status_code == 410
    assert (
        "given back"
        in signed_in(session, row(session, Account, email="giver@example.org"))
        .get("/account/gifts")
        .text
    )


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ((False, False, False, False), "ordered"),
        ((True, False, False, False), "ready"),
        ((True, False, True, False), "sent"),
        ((True, True, False, False), "taken_back"),
        ((True, True, True, False), "taken_back"),
        ((True, False, True, True), "redeemed"),
        ((True, True, True, True), "redeemed"),
    ],
)
def test_a_gifts_state_follows_from_its_facts(facts: tuple[bool, ...], state: str) -> None:
    names = ("is_paid", "is_taken_back", "is_sent", "is_redeemed")
    assert state_of(**dict(zip(names, facts, strict=True))) == state


@pytest.mark.parametrize("number", [1, 7, 97, 970, 1042, 10**12 + 3])
def test_a_slip_of_the_pen_names_nobody(number: int) -> None:
    written = reference(number)
    assert account_id_in(f"For you: {written.lower()}, thanks") == number
    digits = written.removeprefix("KAVA-")
    for place, digit in enumerate(digits):
        if digit.isdigit():
            wrong = digits[:place] + str((int(digit) + 1) % 10) + digits[place + 1 :]
            assert account_id_in(f"KAVA-{wrong}") != number
            assert account_id_in(f"KAVA-{wrong}") is None


def test_the_own_page_shows_only_what_is_ones_own(session: Session, signed_in: SignedIn) -> None:
    """[S10]"""
    other = factories.account(session)
    present = gift(session, giver=other, recipient_name="Somebody", sender_name="Olena")
    redeeming.take(session, present.id, factories.account(session).id)
    me = factories.account(session)
    page = signed_in(session, me).get("/account/gifts").text
    assert "Somebody" not in page
    assert "Olena" not in page
    assert reference(me.id) in page
    assert session.scalar(select(Gift.id)) == present.id


def test_the_own_page_is_for_who_is_signed_in(session: Session, client: FlaskClient) -> None:
    answer = client.get("/account/gifts")
    assert answer.status_code == 302
    assert "/sign-in" in answer.location


def test_gifts_of_two_accounts_that_become_one_follow_one_another(session: Session) -> None:
    """As if one person had taken both: no month is given twice at once."""
    kept, gone = factories.account(session), factories.account(session)
    first, second = gift(session), gift(session, recipient_email="other@example.org")
    now = datetime(2026, 3, 31, 9, tzinfo=UTC)
    with clock.fixed(now):
        redeeming.take(session, first.id, gone.id)
    with clock.fixed(now + timedelta(days=30)):
        redeeming.take(session, second.id, kept.id)
        staff = factories.staff(session, "admin")
        merging.merge(session, kept.id, gone.id, actor_id=staff.id, reason="One person.")
        assert redeeming.lasts_until(session, kept.id) == months_later(now, 24, KYIV)
    session.refresh(first)
    session.refresh(second)
    assert (first.begins_at, first.ends_at) == (now, months_later(now, 12, KYIV))
    assert second.begins_at == first.ends_at
