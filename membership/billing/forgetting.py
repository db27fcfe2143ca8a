"""Making an account nobody's (rule S11): what names a person goes, what the books need stays.

Donations, refunds, the ledger and issued papers stay, since accounting law wants them; a paper
bears the name that its giver wanted on it. Ballots stay as they are (rule V9). Stripe's events are
stored without names. A suppressed address stays on that list, by itself: whoever complained is
never written to again.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import belongings, sign_in
from membership.accounts.accounts import nobody
from membership.accounts.models import Account, Note, SignInRequest
from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.gifts import letters
from membership.billing.gifts.models import Gift
from membership.billing.models import Checkout, Leaving, Subscription
from membership.mail import moving
from membership.mail.models import MailPause, MailRefusal, MailReport, OutboxEmail, Suppression


def forget(session: Session, account: Account) -> None:
    """Take all that names a person off our rows. The account's row must be locked."""
    _forget_checkouts(session, account)
    _forget_mail(session, account)
    _forget_words(session, account.id)
    belongings.forget(session, account.email)
    sign_in.revoke_all(session, account.id)
    session.execute(delete(SignInRequest).where(SignInRequest.account_id == account.id))
    account.email = nobody(account.id)
    account.name = None
    account.verified_at = None
    account.deleted_at = clock.now()
    session.flush()


def _forget_checkouts(session: Session, account: Account) -> None:
    """Those of the account, and those for which its address was typed by who was not signed in."""
    typed = Checkout.account_id.is_(None) & (Checkout.email == account.email)
    session.execute(
        update(Checkout)
        .where(or_(Checkout.account_id == account.id, typed))
        .values(email=nobody(account.id), name=None, message=None)
    )


def _forget_mail(session: Session, account: Account) -> None:
    """The rows stay and count; to whom and what goes."""
    session.execute(
        insert(Suppression)
        .values(address=nobody(account.id), reason="account deleted")
        .on_conflict_do_nothing()
    )
    theirs = or_(OutboxEmail.account_id == account.id, OutboxEmail.recipient == account.email)
    mails = _forget_letters(session, account.id, theirs)
    for table in (MailRefusal, MailPause):
        session.execute(delete(table).where(table.address == account.email))
    session.execute(
        update(MailReport)
        .where(or_(MailReport.address == account.email, MailReport.outbox_id.in_(mails)))
        .values(address=nobody(account.id), detail="")
    )


def _forget_letters(
    session: Session, account_id: int, theirs: ColumnElement[bool]
) -> Sequence[int]:
    """Mails that were not sent yet never will be. Gives back the ids of all."""
    mails = moving.readdress(session, theirs, nobody(account_id))
    is_unsent = OutboxEmail.state == "pending"
    session.execute(
        update(OutboxEmail)
        .where(OutboxEmail.id.in_(mails))
        .values(
            context={},
            state=case((is_unsent, "suppressed"), else_=OutboxEmail.state),
            settled_at=case((is_unsent, clock.now()), else_=OutboxEmail.settled_at),
            last_error=case(
                (is_unsent, "suppressed: account deleted"),
                # What a mail server said may name the address.
                (OutboxEmail.state == "failed", None),
                else_=OutboxEmail.last_error,
            ),
        )
        .execution_options(synchronize_session=False)
    )
    return mails


def _forget_words(session: Session, account_id: int) -> None:
    """What was written by or about the person, and the marks of their cards."""
    _forget_gifts(session, account_id)
    mine = select(Subscription.id).where(Subscription.account_id == account_id)
    session.execute(update(Leaving).where(Leaving.subscription_id.in_(mine)).values(comment=None))
    session.execute(
        update(Subscription)
        .where(Subscription.account_id == account_id)
        .values(card_brand=None, card_last4=None, card_expires_on=None)
    )
    session.execute(delete(Note).where(Note.account_id == account_id))
    # No books of ours: it names who they are on another platform.
    session.execute(delete(PaidElsewhere).where(PaidElsewhere.account_id == account_id))


def _forget_gifts(session: Session, account_id: int) -> None:
    """Those they gave still arrive, without name and words; those they took stay theirs."""
    given = Gift.checkout_id.in_(select(Checkout.id).where(Checkout.email == nobody(account_id)))
    taken = Gift.account_id == account_id
    session.execute(
        update(OutboxEmail)
        .where(_is_letter_of(given))
        .values(context=OutboxEmail.context.concat({"sender_name": None, "message": None}))
        .execution_options(synchronize_session=False)
    )
    _forget_letters(session, account_id, _is_letter_of(taken))
    session.execute(update(Gift).where(given).values(sender_name=None, message=None))
    session.execute(
        update(Gift).where(taken).values(recipient_email=nobody(account_id), recipient_name=None)
    )


def _is_letter_of(wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    """Letters of the gifts that are `wanted`: to friends' addresses, which need no account."""
    subjects = select(func.concat("gift:", Gift.id)).where(wanted)
    return and_(OutboxEmail.kind == letters.GIFT, OutboxEmail.subject.in_(subjects))
