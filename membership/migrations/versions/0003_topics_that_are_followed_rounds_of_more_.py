"""Topics that are followed, rounds of more kinds

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-23

"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

# revision identifiers, used by Alembic.
revision: str = "0003"
down_revision: str | Sequence[str] | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

CHECKS = {
    "method": "method IN ('approval', 'instant_runoff')",
    "tie_rule": "tie_rule IN ('lot', 'earliest')",
    "quorum_rule": "quorum_rule IN ('void', 'advisory')",
    "runoff_seats": "method = 'approval' OR seats = 1",
}


def upgrade() -> None:
    op.create_table(
        "round_series",
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("max_choices", sa.SmallInteger(), nullable=False),
        sa.Column("seats", sa.SmallInteger(), nullable=False),
        sa.Column("quorum", sa.BigInteger(), nullable=False),
        sa.Column("quorum_rule", sa.String(), nullable=False),
        sa.Column("tie_rule", sa.String(), nullable=False),
        sa.Column("topics", sa.SmallInteger(), nullable=False),
        sa.Column("day", sa.SmallInteger(), nullable=False),
        sa.Column("opens_at", sa.Time(), nullable=False),
        sa.Column("days", sa.SmallInteger(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("built_for", sa.Date(), nullable=True),
        sa.Column("short_for", sa.Date(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "method = 'approval' OR seats = 1", name=op.f("ck_round_series_runoff_seats")
        ),
        sa.CheckConstraint(
            "method IN ('approval', 'instant_runoff')", name=op.f("ck_round_series_method")
        ),
        sa.CheckConstraint(
            "quorum_rule IN ('void', 'advisory')", name=op.f("ck_round_series_quorum_rule")
        ),
        sa.CheckConstraint(
            "tie_rule IN ('lot', 'earliest')", name=op.f("ck_round_series_tie_rule")
        ),
        sa.CheckConstraint("day BETWEEN 1 AND 28", name=op.f("ck_round_series_day")),
        sa.CheckConstraint(
            "days > 0 AND topics > 1 AND max_choices > 0 AND seats > 0 AND seats < topics AND quorum > 0",
            name=op.f("ck_round_series_numbers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_series")),
    )
    op.create_table(
        "topic_edit",
        sa.Column("topic_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("links", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topic.id"], name=op.f("fk_topic_edit_topic_id_topic")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_edit")),
    )
    op.create_index(op.f("ix_topic_edit_topic_id"), "topic_edit", ["topic_id"], unique=False)
    op.create_table(
        "topic_follow",
        sa.Column("topic_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_topic_follow_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"],
            ["topic.id"],
            name=op.f("fk_topic_follow_topic_id_topic"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("topic_id", "account_id", name=op.f("pk_topic_follow")),
    )
    op.create_index(
        op.f("ix_topic_follow_account_id"), "topic_follow", ["account_id"], unique=False
    )
    op.add_column(
        "round", sa.Column("quorum_rule", sa.String(), server_default="void", nullable=False)
    )
    op.add_column("round", sa.Column("tie_rule", sa.String(), server_default="lot", nullable=False))
    op.add_column("round", sa.Column("series_id", sa.BigInteger(), nullable=True))
    op.add_column("round", sa.Column("opening_told_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("round", sa.Column("closing_told_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("round", sa.Column("result_told_at", sa.DateTime(timezone=True), nullable=True))
    op.create_unique_constraint(
        op.f("uq_round_series_id_opens_at"), "round", ["series_id", "opens_at"]
    )
    op.create_foreign_key(
        op.f("fk_round_series_id_round_series"), "round", "round_series", ["series_id"], ["id"]
    )
    op.add_column("tally", sa.Column("electorate", sa.BigInteger(), nullable=True))
    op.add_column(
        "topic",
        sa.Column("links", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("topic", sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("topic", sa.Column("due_on", sa.Date(), nullable=True))
    op.add_column("topic_change", sa.Column("reason", sa.String(), nullable=True))
    # Autogenerate does not see what a check constraint says.
    op.drop_constraint(op.f("ck_round_method"), "round", type_="check")
    for name, holds in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_round_{name}"), "round", holds)
    # Every page reads articles: locked last, when no other table is waited for any more.
    op.add_column("article", sa.Column("asked_round_id", sa.BigInteger(), nullable=True))
    op.add_column("article", sa.Column("asked_round_title", sa.String(), nullable=True))


def downgrade() -> None:
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_round_{name}"), "round", type_="check")
    op.create_check_constraint(op.f("ck_round_method"), "round", "method IN ('approval')")
    op.drop_column("topic_change", "reason")
    op.drop_column("topic", "due_on")
    op.drop_column("topic", "approved_at")
    op.drop_column("topic", "links")
    op.drop_column("tally", "electorate")
    op.drop_constraint(op.f("fk_round_series_id_round_series"), "round", type_="foreignkey")
    op.drop_constraint(op.f("uq_round_series_id_opens_at"), "round", type_="unique")
    op.drop_column("round", "result_told_at")
    op.drop_column("round", "closing_told_at")
    op.drop_column("round", "opening_told_at")
    op.drop_column("round", "series_id")
    op.drop_column("round", "tie_rule")
    op.drop_column("round", "quorum_rule")
    op.drop_index(op.f("ix_topic_follow_account_id"), table_name="topic_follow")
    op.drop_table("topic_follow")
    op.drop_index(op.f("ix_topic_edit_topic_id"), table_name="topic_edit")
    op.drop_table("topic_edit")
    op.drop_table("round_series")
    op.drop_column("article", "asked_round_title")
    op.drop_column("article", "asked_round_id")
