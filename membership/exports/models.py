"""Tables of what staff take along."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, Numbered

KINDS = ("patrons", "everything_csv", "everything_sqlite")
# The last three are final.
STATES = ("running", "ready", "failed", "expired")


class Export(Numbered, Base):
    """A file that somebody asked for, and how far it is."""

    __tablename__ = "export"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index("ix_export_running", "id", postgresql_where="state = 'running'"),
        Index("ix_export_ready", "expires_at", postgresql_where="state = 'ready'"),
    )

    kind: Mapped[str]
    # Of patrons: see membership.patrons.filters.
    filters: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(server_default="running")
    # The place behind which its next step begins, as its kind writes it.
    reached: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    rows: Mapped[int] = mapped_column(default=0, server_default="0")
    chunks: Mapped[int] = mapped_column(default=0, server_default="0")
    size: Mapped[int] = mapped_column(default=0, server_default="0")
    # Until then it is in the hands of the worker that wrote this.
    holder: Mapped[str | None]
    leased_until: Mapped[datetime | None]
    # How often in a row a worker has taken it up and not put it down again.
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class ExportChunk(Base):
    """A piece of a file: web and worker may be on different machines."""

    __tablename__ = "export_chunk"

    export_id: Mapped[int] = mapped_column(
        ForeignKey("export.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]
