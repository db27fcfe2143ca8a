"""Views: filters of the list that somebody keeps under a name, and may share with the others."""

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.patrons.filters import Filters
from membership.patrons.models import PatronView

LONGEST = 60


class TextInViewError(ValueError):
    """A view that looks for a name or address is not kept: it would outlive the person (S10)."""


class ViewNameError(ValueError):
    """No view can be called so; nothing was changed."""


def seen_by(session: Session, account: Account) -> list[PatronView]:
    """One's own and those that others share, by name."""
    mine = or_(PatronView.owner_id == account.id, PatronView.is_shared)
    return list(session.scalars(select(PatronView).where(mine).order_by(PatronView.name)))


def keep(
    session: Session, owner: Account, name: str, wanted: Filters, *, is_shared: bool
) -> PatronView:
    """A new view, or another meaning of one's own of that name. Raises the two errors above."""
    if wanted.text:
        raise TextInViewError
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST:
        raise ViewNameError
    values = {"is_shared": is_shared, "filters": wanted.as_json(), "changed_at": clock.now()}
    row = insert(PatronView).values(owner_id=owner.id, name=name, **values)
    kept = row.on_conflict_do_update(index_elements=["owner_id", "name"], set_=values)
    view = session.scalars(
        kept.returning(PatronView), execution_options={"populate_existing": True}
    ).one()
    _note(session, "view.kept", owner, view)
    return view


def may_remove(view: PatronView, account: Account) -> bool:
    """Its owner may, and admins; what belongs to nobody any more, everybody who sees it."""
    return account.role == "admin" or view.owner_id in {account.id, None}


def remove(session: Session, actor: Account, view: PatronView) -> None:
    _note(session, "view.removed", actor, view)
    session.delete(view)


def _note(session: Session, action: str, actor: Account, view: PatronView) -> None:
    audit.record(
        session,
        action,
        f"patron_view:{view.id}",
        actor_id=actor.id,
        name=view.name,
        filters=view.filters,
        shared=view.is_shared,
    )
