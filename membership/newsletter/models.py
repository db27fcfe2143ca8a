"""Tables of what is sent by the week and by the month."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, EmailAddress, Numbered


class NewsletterReader(Numbered, Base):
    """An address that asked for the weekly letter; without `confirmed_at` it gets none."""

    __tablename__ = "newsletter_reader"
    __table_args__ = (
        Index("ix_newsletter_reader_confirmed", "id", postgresql_where="confirmed_at IS NOT NULL"),
    )

    address: Mapped[str] = mapped_column(EmailAddress, unique=True)
    language: Mapped[str]
    # The story at whose end it was asked for.
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="SET NULL"))
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    confirmed_at: Mapped[datetime | None]


class Issue(Numbered, Base):
    """One week's letter or one month's digest, written to all its readers at once."""

    __tablename__ = "issue"
    __table_args__ = (UniqueConstraint("kind", "period"),)

    # newsletter or digest.
    kind: Mapped[str]
    # Such as 2026-W47 or 2026-10.
    period: Mapped[str]
    written_at: Mapped[datetime] = mapped_column(server_default=func.now())
