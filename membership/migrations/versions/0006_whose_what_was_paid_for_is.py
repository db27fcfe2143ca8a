"""Whose what was paid for is

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-24

"""

from collections.abc import Sequence

from alembic import op

# revision identifiers, used by Alembic.
revision: str = "0006"
down_revision: str | Sequence[str] | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_subscription_checkout_id"), "subscription", ["checkout_id"], unique=False
    )
    op.create_index(
        "ix_checkout_paid",
        "checkout",
        ["currency", "interval", "completed_at", "amount_minor"],
        unique=False,
        postgresql_where="state = 'completed' AND purpose = 'support'",
    )


def downgrade() -> None:
    op.drop_index("ix_checkout_paid", table_name="checkout")
    op.drop_index(op.f("ix_subscription_checkout_id"), table_name="subscription")
