"""When a reader has another address: what we keep under the old one moves to the new one."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, or_, select, update
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
    mine = and_(
        OutboxEmail.recipient == old,
        or_(OutboxEmail.account_id == account_id, OutboxEmail.is_bulk),
        OutboxEmail.kind.not_in(staying),
    )
    readdress(session, mine, new)


def readdress(session: Session, mine: ColumnElement[bool], new: str) -> Sequence[int]:
    """Let the mails that are `mine` be those of `new`; gives back their ids.

    Of several that tell the same, one does so from now on: each of the others gets a subject of its
    own, and does not leave any more. Their Message-IDs are forgotten, for what the receiving side
    may still report is about the address that they went to.
    """
    # In the order in which workers take them.
    found = select(OutboxEmail.id).where(mine).order_by(OutboxEmail.id).with_for_update()
    ids = session.scalars(found).all()
    told = aliased(OutboxEmail)
    is_told = exists().where(
        told.kind == OutboxEmail.kind,
        told.subject == OutboxEmail.subject,
        told.id != OutboxEmail.id,
        or_(told.recipient == new, and_(told.id.in_(ids), told.id < OutboxEmail.id)),
    )
    is_over = and_(is_told, OutboxEmail.state == "pending")
    moved = {
        "recipient": new,
        "message_id": None,
        "subject": case(
            (is_told, func.concat(OutboxEmail.subject, ":", OutboxEmail.id)),
            else_=OutboxEmail.subject,
        ),
        "state": case((is_over, "expired"), else_=OutboxEmail.state),
        "settled_at": case((is_over, clock.now()), else_=OutboxEmail.settled_at),
    }
    session.execute(
        update(OutboxEmail)
        .where(OutboxEmail.id.in_(ids))
        .values(moved)
        .execution_options(synchronize_session=False)
    )
    return ids
