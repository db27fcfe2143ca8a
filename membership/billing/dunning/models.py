"""The table of failed payments of subscriptions."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    SmallInteger,
    and_,
    func,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from membership.db import Base, Numbered

KINDS = ("soft", "hard", "action")
RECOVERED_BY = ("mail", "retry", "patron")


class Dunning(Numbered, Base):
    """One invoice that could not be collected: from the first failure until recovered or over."""

    __tablename__ = "dunning"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint(f"recovered_by IN {RECOVERED_BY}", name="recovered_by"),
        CheckConstraint("(recovered_at IS NULL) = (recovered_by IS NULL)", name="recovered"),
        Index(
            "ix_dunning_due",
            "next_letter_at",
            postgresql_where="recovered_at IS NULL AND given_up_at IS NULL",
        ),
        # What fails now is listed, counted and added up from this alone.
        Index(
            "ix_dunning_open",
            "currency",
            "failed_at",
            "id",
            postgresql_where="recovered_at IS NULL AND given_up_at IS NULL",
            postgresql_include=["amount_minor"],
        ),
        # Rollups ask what failed on which days, and of what they heard lately.
        Index(None, "failed_at"),
        Index(None, "changed_at"),
        # Those that a bank refused for one reason, newest first.
        Index("ix_dunning_code", "currency", "decline_code", "failed_at", "id"),
    )

    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), index=True)
    stripe_invoice_id: Mapped[str] = mapped_column(unique=True)
    amount_minor: Mapped[int]
    currency: Mapped[str]
    # "soft" may pass by itself, "hard" needs another card, "action" waits for the patron's bank.
    kind: Mapped[str]
    # Stripe's word, such as insufficient_funds.
    decline_code: Mapped[str | None]
    # Id of the card on file that failed last: recovered with another one is not Stripe's retry.
    stripe_payment_method_id: Mapped[str | None]
    # Stripe's page for this payment, on which the bank can be answered.
    action_url: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, default=1)
    # When Stripe tries again; NULL when it does not.
    next_attempt_at: Mapped[datetime | None]
    failed_at: Mapped[datetime]
    # How many were written, and when the next is due.
    letters: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_letter_at: Mapped[datetime | None]
    # The patron came by our letter's link, or by themselves.
    link_used_at: Mapped[datetime | None]
    own_act_at: Mapped[datetime | None]
    recovered_at: Mapped[datetime | None]
    recovered_by: Mapped[str | None]
    given_up_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    @hybrid_property
    def is_open(self) -> bool:
        """Neither recovered nor given up."""
        return self.recovered_at is None and self.given_up_at is None

    @is_open.inplace.expression
    @classmethod
    def _is_open_in_sql(cls) -> ColumnElement[bool]:
        return and_(cls.recovered_at.is_(None), cls.given_up_at.is_(None))
