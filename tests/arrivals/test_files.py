"""Exports of other platforms, from a file to rows."""

import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.arrivals import commands, files
from membership.arrivals.models import Arrival
from membership.billing import forgetting, giving
from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.models import LedgerEntry
from membership.billing.standing import has_standing, is_paid_for
from membership.mail import refusals
from membership.mail.models import MailRefusal, OutboxEmail
from membership.newsletter import readers
from membership.newsletter.models import NewsletterReader
from membership.patrons.models import Patron
from membership.reports import timeline
from tests import factories
from tests.arrivals import exports
from tests.arrivals.exports import NOW
from tests.billing.reading import mails, row, rows
from tests.reports.queries import number_of_queries

Run = Callable[..., list[str]]
TABLES = (Account, PaidElsewhere, NewsletterReader, MailRefusal, OutboxEmail, AuditEntry, Arrival)


@pytest.fixture(autouse=True)
def today() -> Iterator[None]:
    with clock.fixed(NOW):
        yield


def all_rows(session: Session) -> dict[str, int]:
    session.expire_all()
    return {
        table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
        for table in TABLES
    }


def stands(session: Session, email: str, days: float = 0) -> tuple[bool, bool]:
    """Whether the account has standing and has paid, so many days after the import."""
    at = NOW + timedelta(days=days, seconds=1)
    account = row(session, Account, email=email)
    # The database wrote the row by its own clock.
    session.execute(text("UPDATE paid_elsewhere SET created_at = :at"), {"at": NOW})
    standing = session.scalar(select(has_standing(account.id, at)))
    return bool(standing), bool(session.scalar(select(is_paid_for(account.id, at))))


def test_the_list_of_patrons_has_them_at_once(session: Session, command: Run) -> None:
    """[L4] However long it took: no refresh of the list need look back so far."""
    known = factories.account(session, email="patron1@example.org")
    command("patreon", exports.patreon(exports.patron(1), exports.patron(2)), "--dry-run")
    assert session.scalars(select(Patron.account_id)).all() == []
    command("patreon", exports.patreon(exports.patron(1), exports.patron(2)))
    new = row(session, Account, email="patron2@example.org")
    assert set(session.scalars(select(Patron.account_id))) == {known.id, new.id}


def test_a_patron_of_patreon(session: Session, command: Run) -> None:
    """[V3] [L25] Is one here until the paid period ends, is mailed nothing, and is not in MRR."""
    said = command("patreon", exports.patreon(exports.patron()))
    account = row(session, Account, email="patron1@example.org")
    assert (account.verified_at, account.name) == (None, "Olena Koval")
    assert stands(session, account.email, 21) == (True, True)
    assert stands(session, account.email, 22) == (False, True)
    assert giving.of_account(session, account.id).is_patron
    assert mails(session) == []
    assert session.scalar(select(func.count()).select_from(LedgerEntry)) == 0
    assert "Email → address" in said
    assert "Discord → not looked at" in said
    taken = ["Taken as new: 1", "Patrons by this, who may vote in rounds that open from now on: 1"]
    assert said[-4:] == [*taken, commands.UNASKED, "Done."]
    done = row(session, AuditEntry, action="patrons.brought_in")
    assert (done.detail["counts"]["new"], done.detail["counts"]["entitled"]) == (1, 1)
    file = exports.patreon(exports.patron()).encode()
    assert done.detail["file"] == hashlib.sha256(file).hexdigest()


def test_twice_is_once(session: Session, command: Run) -> None:
    """Again, with the same file: the same rows."""
    export = exports.patreon(exports.patron(1), exports.patron(2))
    command("patreon", export, "--welcome")
    before = all_rows(session)
    assert before["outbox_email"] == 2
    said = command("patreon", export, "--welcome")
    assert "Known, and the same: 2" in said
    after = all_rows(session)
    assert after | {"audit_entry": 0, "arrival": 0} == before | {"audit_entry": 0, "arrival": 0}


@pytest.mark.parametrize("is_first", [True, False])
def test_who_left_there_and_came_back(session: Session, command: Run, is_first: bool) -> None:
    """[L25] What lasts counts, wherever the line of the support that is over stands."""
    over = exports.member(
        1, subscription_state="cancelled", subscribed_at="2024-01-01", expires_at="2024-06-01"
    )
    lasts = exports.member(1, email="Member1@Example.org")
    export = exports.steady(*([over, lasts] if is_first else [lasts, over]))
    assert {"Taken as new: 1", "Over before we knew of it: 1"} <= set(command("steady", export))
    said = command("steady", export)
    assert {"Known, and the same: 1", "Over before we knew of it: 1"} <= set(said)
    assert [each.state for each in rows(session, PaidElsewhere)] == ["active"]


def test_many_who_want_no_letters(session: Session) -> None:
    """However many they are, it takes as many statements: a task has minutes for it."""

    def brought_in(number: int) -> int:
        lines = (exports.reader(each, subscribed_to_emails="false") for each in range(number))
        file = io.BytesIO(exports.ghost(*lines).encode())
        return number_of_queries(session, lambda: files.bring_in(session, "ghost", file, ["en"]))

    assert brought_in(40) == brought_in(2)
    refused = session.execute(select(MailRefusal.address, MailRefusal.kind)).all()
    assert len(refused) == 40 * len({kind for _address, kind in refused}) > 40


def test_a_newer_export(session: Session, command: Run) -> None:
    """[L25] Goes on, leaves, has left: each is told by the newer one; the account stays."""
    command("patreon", exports.patreon(*(exports.patron(each) for each in (1, 2, 3))))
    newer = exports.patreon(
        exports.patron(1, **{"Next Charge Date": "2026-04-02", "Email": "new@example.org"}),
        exports.patron(2, **{"Patron Status": "Former patron", "Next Charge Date": ""}),
        exports.patron(3, **{"Last Charge Status": "Refunded"}),
    )
    said = command("patreon", newer)
    assert {"Known, told otherwise now: 2", "Known, and over now: 1"} <= set(said)
    first, second, third = rows(session, PaidElsewhere)
    assert (first.state, f"{first.paid_until_at:%m-%d}") == ("active", "04-02")
    assert session.get_one(Account, first.account_id).email == "patron1@example.org"
    assert (second.state, f"{second.paid_until_at:%m-%d}") == ("cancelled", "04-01")
    assert (third.state, third.paid_until_at) == ("ended", NOW)
    assert stands(session, "patron2@example.org", 20)[0]
    assert not stands(session, "patron3@example.org")[0]
    with clock.fixed(NOW + timedelta(days=1)):
        assert "Known, and the same: 3" in command("patreon", newer)
    session.refresh(third)
    # What is over stays over since then.
    assert (third.state, third.paid_until_at) == ("ended", NOW)


@pytest.mark.parametrize(("days", "is_anew"), [(20, False), (60, True)])
def test_who_comes_again(session: Session, command: Run, days: int, is_anew: bool) -> None:
    """[V3] After a long break they are brought in anew: no vote in a round that is open by then."""
    command("patreon", exports.patreon(exports.patron()))
    known = row(session, PaidElsewhere)
    known.created_at, known.paid_until_at = NOW, NOW + timedelta(days=1)
    session.commit()
    later = NOW + timedelta(days=days)
    with clock.fixed(later):
        again = exports.patron(**{"Last Charge Date": f"{later:%Y-%m-%d}", "Next Charge Date": ""})
        command("patreon", exports.patreon(again))
    session.refresh(known)
    assert known.created_at == (later if is_anew else NOW)


def test_a_rehearsal_changes_nothing(session: Session, command: Run) -> None:
    """And says what the import would."""
    export = exports.patreon(exports.patron(1), exports.patron(2, Email="nobody"))
    before = all_rows(session)
    said = command("patreon", export, "--dry-run", "--welcome")
    assert all_rows(session) == before
    assert said[-1] == "This was a rehearsal: nothing was changed."
    assert command("patreon", export, "--welcome")[:-1] == said[:-1]


@pytest.mark.parametrize(
    ("source", "content", "sentence"),
    [
        ("patreon", "", "it has no column “email”, “patron status”, “pledge amount”."),
        ("steady", "email,name\na@example.org,A\n", "it has no column “subscription state”"),
        ("patreon", exports.ghost(exports.reader()), "This is not the export that was chosen"),
        ("ghost", b"email,subscribed_to_emails\n\xe9\xe9@example.org,true\n", "not written in U"),
        ("ghost", b"\x89PNG\r\n\x1a\n\0\0\0\0", "not written in UTF-8"),
        ("ghost", "email,subscribed_to_emails\na@example.org,true\n" + "b" * 200_000, "Line 3"),
    ],
    ids=["empty", "columns", "another", "latin", "picture", "endless"],
)  # fmt: skip
def test_broken_files(
    session: Session, command: Run, source: str, content: str | bytes, sentence: str
) -> None:
    """One clear sentence, exit status 2, and nothing changed, whatever came before the break."""
    before = all_rows(session)
    said = command(source, content, status=2)
    assert sentence in said[-1]
    assert said[-1].endswith("Nothing was changed.")
    assert all_rows(session) == before


def test_each_line_has_its_reason(session: Session, command: Run) -> None:
    """Lines that are not taken keep none of the others from it."""
    leaving = factories.account(session, delete_after_at=NOW)
    export = exports.patreon(
        exports.patron(1),
        exports.patron(2, Email="patron1@example.org"),
        exports.patron(3, Email="not an address"),
        exports.patron(4, Email=leaving.email),
        exports.patron(5, **{"Pledge Amount": "1,234.56"}),
        exports.patron(6, **{"Patron Status": ""}),
    )
    shifted = export + "A,B,C" + "," * 40 + "D\n"
    said = command("patreon", shifted)
    assert [each for each in said if each.startswith("Line ")] == [
        "Line 3: The same person as in line 2.",
        "Line 4: There is no mail address in it.",
        "Line 5: The account with this address is being deleted.",
        "Line 6: The amount cannot be read.",
        "Line 8: This line has more cells than the file has columns.",
    ]
    assert "Give nothing there: 1" in said
    assert len(rows(session, PaidElsewhere)) == 1


def test_who_has_an_account(session: Session, command: Run) -> None:
    """It is theirs, with its language and name; what they give here stays beside it."""
    here = factories.patron(session, email="Member1@Example.org", language="uk", name="P. B.")
    command("steady", exports.steady(exports.member()), "--welcome")
    assert row(session, PaidElsewhere).account_id == here.id
    session.refresh(here)
    assert (here.language, here.name) == ("uk", "P. B.")
    assert mails(session) == [("arrived", here.email)]


def test_letters_from_ghost(session: Session, command: Run) -> None:
    """[M8] Yes and no as they were said there; who said no here stays without."""
    refusals.refuse(session, "ghost3@example.org", readers.NEWSLETTER)
    export = exports.ghost(
        exports.reader(1),
        exports.reader(2, subscribed_to_emails="false"),
        exports.reader(3),
        exports.reader(4, stripe_customer_id="cus_4"),
        exports.reader(5, complimentary_plan="true", subscribed_to_emails="false"),
        exports.reader(6, subscribed_to_emails="maybe"),
    )
    said = command("ghost", export)
    assert said[-8:] == [
        "Line 4: Gets no letters here: has unsubscribed here.",
        "Line 5: Pays through Stripe: comes with the import from Stripe. cus_4",
        "Line 6: Nobody pays for this; you can grant months from the pool.",
        "Line 7: Whether they want letters says neither yes nor no: nothing changes for them.",
        "Remarks on lines: 4",
        "Get the week’s stories from now on: 2",
        "Want no letters: 2",
        "Done.",
    ]
    assert readers.is_subscribed(session, "ghost1@example.org")
    assert readers.is_subscribed(session, "ghost4@example.org")
    for number in (2, 3, 5, 6):
        assert not readers.is_subscribed(session, f"ghost{number}@example.org")
    assert "digest" in refusals.refused(session, "ghost2@example.org")
    assert mails(session) == []
    assert command("ghost", export)[-4:-1] == [
        "Remarks on lines: 4",
        "Get the week’s stories already: 2",
        "Want no letters: 2",
    ]


def test_what_its_patron_and_staff_see(
    session: Session, command: Run, signed_in: Callable[..., FlaskClient]
) -> None:
    """[V3] Who pays elsewhere reads so on their page, and may take part here."""
    command("steady", exports.steady(exports.member()))
    account = row(session, Account, email="member1@example.org")
    browser = signed_in(session, account)
    page = browser.get("/account").text
    assert "You support us through Steady" in page
    assert "31 March 2026" in page
    assert "You have not given yet" not in page
    told = [each.title for each in timeline.page(session, account).entries]
    assert "Supports us through Steady" in told


def test_who_is_forgotten(session: Session, command: Run) -> None:
    """[S11] With the account goes who somebody is elsewhere."""
    command("patreon", exports.patreon(exports.patron()))
    account = row(session, Account, email="patron1@example.org")
    forgetting.forget(session, account)
    assert rows(session, PaidElsewhere) == []


def test_what_cannot_be_asked_for(command: Run) -> None:
    """A file without a source that has files, and the other way round."""
    assert "from Stripe, there is none" in command("patreon", None, status=2)[-1]
    assert "from Stripe, there is none" in command("stripe", "email\n", status=2)[-1]
    ghost = exports.ghost(exports.reader())
    assert "--welcome is for patrons" in command("ghost", ghost, "--welcome", status=2)[-1]
    only = ("--only", "price_1")
    assert "--only is for" in command("ghost", "email\n", *only, status=2)[-1]
