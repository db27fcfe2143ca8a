"""When a reader has another address: what we keep under the old one moves to the new one."""

from collections.abc import Collection

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from membership import clock
from membership.mail.models import MailPause, MailRefusal, OutboxEmail


def move(session: Session, account_id: int, old: str, new: str, staying: Collection[str]) -> None:
    """Let the mails, refusals and the pause of an account at `old` be those of `new`.

    All of its mails, not those alone that are to leave: the same fact is told once, whatever the
    address (rule M1), and an old mail's unsubscribe link ends the mail of today. Mails of the kinds
    called `staying` do not move, for they are about the address itself. Who has refused a kind or
    paused at either address has done so.
    """
    _move_refusals(session, old, new)
    _move_pause(session, old, new)
    _move_mails(session, account_id, old, new, staying)


def _move_refusals(session: Session, old: str, new: str) -> None:
    moved = delete(MailRefusal).where(MailRefusal.address == old).returning(MailRefusal.kind)
    for kind in session.scalars(moved).all():
        session.execute(insert(MailRefusal).values(address=new, kind=kind).on_conflict_do_nothing())


def _move_pause(session: Session, old: str, new: str) -> None:
    moved = session.execute(
        delete(MailPause).where(MailPause.address == old).returning(MailPause.until_at)
    ).one_or_none()
    if moved is None:
        return
    # greatest() leaves NULL out, and NULL is the longest pause.
    longer = func.greatest(MailPause.until_at, moved.until_at)
    session.execute(
        insert(MailPause)
        .values(address=new, until_at=moved.until_at)
        .on_conflict_do_update(
            index_elements=["address"],
            set_={"until_at": None if moved.until_at is None else longer},
            where=MailPause.until_at.is_not(None),
        )
    )


def _move_mails(
    session: Session, account_id: int, old: str, new: str, staying: Collection[str]
) -> None:
    """Those to an address alone, such as a letter of the week, too; a friend's gift is no such."""
    told = aliased(OutboxEmail)
    is_told = exists().where(
        told.recipient == new,
        told.kind == OutboxEmail.kind,
        told.subject == OutboxEmail.subject,
    )
    mine = (
        select(OutboxEmail.id)
        .where(
            OutboxEmail.recipient == old,
            or_(OutboxEmail.account_id == account_id, OutboxEmail.is_bulk),
            OutboxEmail.kind.not_in(staying),
        )
        # In the order in which workers take them.
        .order_by(OutboxEmail.id)
        .with_for_update()
    )
    ids = session.scalars(mine).all()
    unsynchronized = {"synchronize_session": False}
    session.execute(
        update(OutboxEmail)
        .where(OutboxEmail.id.in_(ids), ~is_told)
        .values(recipient=new)
        .execution_options(**unsynchronized)
    )
    # What the new address has as well goes there once.
    session.execute(
        update(OutboxEmail)
        .where(
            OutboxEmail.id.in_(ids), OutboxEmail.recipient == old, OutboxEmail.state == "pending"
        )
        .values(state="expired", settled_at=clock.now())
        .execution_options(**unsynchronized)
    )
