"""What a newsroom has of files, views and tags, for tests that walk through all pages."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from membership.exports.models import Export, ExportChunk
from membership.patrons.models import PatronTag, PatronView
from tests import factories
from tests.factories import NOON


def of_everything(session: Session) -> dict[str, int]:
    """A file that can be had, a view and a tag: their ids, by what routes call them."""
    owner = factories.staff(session, "finance")
    kept = factories.add(
        session,
        Export(
            kind="patrons",
            state="ready",
            asked_by_id=owner.id,
            created_at=NOON,
            finished_at=NOON,
            expires_at=datetime(2100, 1, 1, tzinfo=UTC),
            chunks=1,
            size=2,
        ),
    )
    session.add(ExportChunk(export_id=kept.id, number=0, content=b"a\n"))
    view = PatronView(name="All", is_shared=True, filters={})
    return {
        "export_id": kept.id,
        "view_id": factories.add(session, view).id,
        "tag_id": factories.add(session, PatronTag(name="press")).id,
    }
