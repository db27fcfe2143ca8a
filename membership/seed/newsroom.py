"""The people of the demo newsroom, and one patron to sign in as."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import accounts
from membership.accounts.models import Account, SignIn
from membership.money import Money
from membership.seed.books import Books
from membership.seed.calendar import Span
from membership.seed.people import Person

STAFF = (
    ("staff@kava.example", "Vira Shulha", "admin"),
    ("finance@kava.example", "Petro Rudenko", "finance"),
    ("editor@kava.example", "Hanna Marchenko", "editor"),
    ("reporter@kava.example", "Daryna Holub", "reporter"),
)
PATRON = Person("Marta Lysenko", "patron@kava.example", "en")
DAY = timedelta(days=1)


def staff(session: Session) -> dict[str, Account]:
    """The newsroom's accounts by role."""
    found = {}
    for email, name, role in STAFF:
        account, _is_new = accounts.make_staff(session, email, role, "en")
        account.name, account.verified_at = name, clock.now()
        found[role] = account
    session.flush()
    return found


def patron(books: Books, span: Span, coffee: Money) -> None:
    """Somebody to sign in as: gives monthly since the beginning, gave more half-way."""
    giver = books.giver(0, PATRON, span.start)
    agreement = books.begin(giver, coffee, "month", span.start)
    number, half_way = 0, span.start + (span.now - span.start) / 2
    while (due_at := agreement.renewal(number)) <= span.now:
        if agreement.amount == coffee.minor and due_at > half_way:
            books.turn(agreement, due_at - 3 * DAY, "active", amount=coffee.minor * 3)
        books.pay(agreement, due_at)
        number += 1
    books.give_once(giver, coffee * 5, span.start + (span.now - span.start) / 3)
    books.close(agreement, due_at)


def sign_ins(session: Session, account: Account, span: Span) -> None:
    """That the demo patron was here before; those sign-ins have run out."""
    for share in (3, 2):
        at = span.now - (span.now - span.start) / share
        session.add(
            SignIn(
                id=UUID(int=share),
                token_hash=f"seed-{share}".encode(),
                account_id=account.id,
                created_at=at,
                seen_at=at + DAY,
                expires_at=at + 30 * DAY,
            )
        )
    account.verified_at = span.start
    session.flush()
