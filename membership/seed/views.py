"""Views of the list of patrons that staff keep, the tags they gave, and a note about a call."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account, Note
from membership.patrons import saved, tags
from membership.patrons.filters import Filters
from membership.seed import newsroom
from membership.seed.calendar import Span

FOUNDING = timedelta(days=90)
CALLED = "Would like to show us the archive of the railway workers’ union. Call again in spring."


def views_and_tags(session: Session, span: Span, staff: dict[str, Account]) -> None:
    """As the people of the newsroom would have made them; the list must be worked out before."""
    admin, finance = staff["admin"], staff["finance"]
    founding = Filters(until=(span.start + FOUNDING).date())
    guests = Filters(standing="current", tier="dinner", votes="ever")
    for name, wanted in (("Founding patron", founding), ("Editors’ evening", guests)):
        tags.add_to_all(session, admin, tags.find_or_create(session, name), wanted)
    for owner, name, wanted, is_shared in (
        (finance, "Payment fails", Filters(state="past_due"), True),
        (finance, "About to leave", Filters(state="cancel_scheduled"), True),
        (admin, "Left, and had voted", Filters(standing="lapsed", votes="ever"), False),
    ):
        saved.keep(session, owner, name, wanted, is_shared=is_shared)
    demo = session.scalars(select(Account).where(Account.email == newsroom.PATRON.email)).one()
    tags.add(session, admin, tags.find_or_create(session, "Has an archive"), demo)
    session.add(Note(account_id=demo.id, author_id=admin.id, kind="call", text=CALLED))
    session.flush()
