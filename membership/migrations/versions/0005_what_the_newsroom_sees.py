"""What the newsroom sees

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-23

"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

# revision identifiers, used by Alembic.
revision: str = "0005"
down_revision: str | Sequence[str] | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "cohort_figures",
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("cohort", sa.Date(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("began_patrons", sa.BigInteger(), nullable=False),
        sa.Column("began_minor", sa.BigInteger(), nullable=False),
        sa.Column("patrons", sa.BigInteger(), nullable=False),
        sa.Column("mrr_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("currency", "cohort", "month", name=op.f("pk_cohort_figures")),
    )
    op.create_table(
        "daily_count",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "day", "currency", "part", name=op.f("pk_daily_count")),
    )
    op.create_table(
        "rollup_state",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("rebuilt_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rollup_state")),
    )
    op.alter_column(
        "daily_figures",
        "rebuilt_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        server_default=None,
        nullable=True,
    )
    op.add_column(
        "dunning",
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.create_index(op.f("ix_dunning_changed_at"), "dunning", ["changed_at"], unique=False)
    op.create_index(op.f("ix_dunning_failed_at"), "dunning", ["failed_at"], unique=False)
    op.create_index(
        "ix_dunning_open",
        "dunning",
        ["currency", "failed_at", "id"],
        unique=False,
        postgresql_where="recovered_at IS NULL AND given_up_at IS NULL",
        postgresql_include=["amount_minor"],
    )
    op.add_column(
        "leaving",
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.create_index(op.f("ix_leaving_changed_at"), "leaving", ["changed_at"], unique=False)
    op.create_index(
        "ix_leaving_words",
        "leaving",
        ["created_at", "subscription_id"],
        unique=False,
        postgresql_where="comment IS NOT NULL",
    )
    op.create_index(
        op.f("ix_ledger_entry_account_id_currency_occurred_at"),
        "ledger_entry",
        ["account_id", "currency", "occurred_at"],
        unique=False,
    )
    op.create_index(
        "ix_subscription_card",
        "subscription",
        ["currency", "card_expires_on"],
        unique=False,
        postgresql_where="state IN ('active', 'past_due', 'paused')",
        postgresql_include=["interval", "amount_minor"],
    )
    op.create_index(
        "ix_subscription_end_heard",
        "subscription",
        ["synced_at"],
        unique=False,
        postgresql_where="state = 'ended'",
    )
    op.create_index(
        "ix_subscription_ended",
        "subscription",
        ["ended_at"],
        unique=False,
        postgresql_where="state = 'ended'",
    )


def downgrade() -> None:
    op.drop_index(
        "ix_subscription_ended", table_name="subscription", postgresql_where="state = 'ended'"
    )
    op.drop_index(
        "ix_subscription_end_heard", table_name="subscription", postgresql_where="state = 'ended'"
    )
    op.drop_index(
        "ix_subscription_card",
        table_name="subscription",
        postgresql_where="state IN ('active', 'past_due', 'paused')",
        postgresql_include=["interval", "amount_minor"],
    )
    op.drop_index(
        op.f("ix_ledger_entry_account_id_currency_occurred_at"), table_name="ledger_entry"
    )
    op.drop_index("ix_leaving_words", table_name="leaving", postgresql_where="comment IS NOT NULL")
    op.drop_index(op.f("ix_leaving_changed_at"), table_name="leaving")
    op.drop_column("leaving", "changed_at")
    op.drop_index(
        "ix_dunning_open",
        table_name="dunning",
        postgresql_where="recovered_at IS NULL AND given_up_at IS NULL",
        postgresql_include=["amount_minor"],
    )
    op.drop_index(op.f("ix_dunning_failed_at"), table_name="dunning")
    op.drop_index(op.f("ix_dunning_changed_at"), table_name="dunning")
    op.drop_column("dunning", "changed_at")
    op.alter_column(
        "daily_figures",
        "rebuilt_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        server_default=sa.text("now()"),
        nullable=False,
    )
    op.drop_table("rollup_state")
    op.drop_table("daily_count")
    op.drop_table("cohort_figures")
