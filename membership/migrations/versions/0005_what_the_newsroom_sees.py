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
        "ask_experiment",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask_experiment")),
    )
    op.create_index(
        "uq_ask_experiment_one_running",
        "ask_experiment",
        [sa.literal_column("(ended_at IS NULL)")],
        unique=True,
        postgresql_where="started_at IS NOT NULL AND ended_at IS NULL",
    )
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
        "exchange_rate",
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("per_euro", sa.Numeric(), nullable=False),
        sa.CheckConstraint("per_euro > 0", name=op.f("ck_exchange_rate_per_euro")),
        sa.PrimaryKeyConstraint("currency", "day", name=op.f("pk_exchange_rate")),
    )
    op.create_table(
        "patron_tag",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patron_tag")),
    )
    op.create_index(
        "uq_patron_tag_name", "patron_tag", [sa.literal_column("lower(name)")], unique=True
    )
    op.create_table(
        "reading_count",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("article_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("variant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "article_id", "variant_id", "step", "slot", name=op.f("pk_reading_count")
        ),
    )
    op.create_table(
        "rollup_state",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("rebuilt_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rollup_state")),
    )
    op.create_table(
        "running_figures",
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("currency", "part", name=op.f("pk_running_figures")),
    )
    op.create_table(
        "slow_count",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("question", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=True
        ),
        sa.Column(
            "numbers", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slow_count")),
        sa.UniqueConstraint("name", "question", name=op.f("uq_slow_count_name_question")),
    )
    op.create_table(
        "transparency_page",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("introductions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_transparency_page_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transparency_page")),
    )
    op.create_table(
        "arrival",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("seen", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("wanted", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("with_welcome", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("done", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "source IN ('stripe', 'patreon', 'steady', 'ghost')", name=op.f("ck_arrival_source")
        ),
        sa.CheckConstraint(
            "state IN ('asked', 'shown', 'confirmed', 'done', 'failed')",
            name=op.f("ck_arrival_state"),
        ),
        sa.ForeignKeyConstraint(
            ["asked_by_id"],
            ["account.id"],
            name=op.f("fk_arrival_asked_by_id_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrival")),
    )
    op.create_index(
        "ix_arrival_due",
        "arrival",
        ["id"],
        unique=False,
        postgresql_where="state IN ('asked', 'confirmed')",
    )
    op.create_table(
        "ask_variant",
        sa.Column("experiment_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("weight", sa.SmallInteger(), nullable=False),
        sa.Column("is_control", sa.Boolean(), nullable=False),
        sa.Column("wording", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint("weight > 0", name=op.f("ck_ask_variant_weight")),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["ask_experiment.id"],
            name=op.f("fk_ask_variant_experiment_id_ask_experiment"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask_variant")),
    )
    op.create_index(
        op.f("ix_ask_variant_experiment_id"), "ask_variant", ["experiment_id"], unique=False
    )
    op.create_table(
        "export",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column(
            "filters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), server_default="running", nullable=False),
        sa.Column(
            "reached",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("chunks", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "kind IN ('patrons', 'everything_csv', 'everything_sqlite')",
            name=op.f("ck_export_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('running', 'ready', 'failed', 'expired')", name=op.f("ck_export_state")
        ),
        sa.ForeignKeyConstraint(
            ["asked_by_id"],
            ["account.id"],
            name=op.f("fk_export_asked_by_id_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
    )
    op.create_index(
        "ix_export_ready",
        "export",
        ["expires_at"],
        unique=False,
        postgresql_where="state = 'ready'",
    )
    op.create_index(
        "ix_export_running", "export", ["id"], unique=False, postgresql_where="state = 'running'"
    )
    op.create_table(
        "paid_elsewhere",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("interval", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=True),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "interval IN ('month', 'year')", name=op.f("ck_paid_elsewhere_interval")
        ),
        sa.CheckConstraint(
            "source IN ('patreon', 'steady')", name=op.f("ck_paid_elsewhere_source")
        ),
        sa.CheckConstraint(
            "state IN ('active', 'cancelled', 'ended')", name=op.f("ck_paid_elsewhere_state")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_paid_elsewhere_amount")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_paid_elsewhere_account_id_account"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paid_elsewhere")),
        sa.UniqueConstraint("source", "source_id", name=op.f("uq_paid_elsewhere_source_source_id")),
    )
    op.create_index(
        op.f("ix_paid_elsewhere_account_id"), "paid_elsewhere", ["account_id"], unique=False
    )
    op.create_table(
        "patron",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("interval", sa.String(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("article_id", sa.BigInteger(), nullable=True),
        sa.Column("has_voted", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "standing IN ('current', 'grace', 'lapsed', 'once')", name=op.f("ck_patron_standing")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_patron_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["article.id"],
            name=op.f("fk_patron_article_id_article"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_patron")),
    )
    op.create_index(
        "ix_patron_amount", "patron", ["currency", "interval", "amount_minor"], unique=False
    )
    op.create_index(
        "ix_patron_article", "patron", ["article_id", "since_at", "account_id"], unique=False
    )
    op.create_index(
        "ix_patron_both", "patron", ["standing", "state", "since_at", "account_id"], unique=False
    )
    op.create_index(
        "ix_patron_currency", "patron", ["currency", "since_at", "account_id"], unique=False
    )
    op.create_index("ix_patron_since", "patron", ["since_at", "account_id"], unique=False)
    op.create_index(
        "ix_patron_standing", "patron", ["standing", "since_at", "account_id"], unique=False
    )
    op.create_index("ix_patron_state", "patron", ["state", "since_at", "account_id"], unique=False)
    op.create_index(
        "ix_patron_voted",
        "patron",
        ["since_at", "account_id"],
        unique=False,
        postgresql_where="has_voted",
    )
    op.create_table(
        "patron_tagged",
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_patron_tagged_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tag_id"],
            ["patron_tag.id"],
            name=op.f("fk_patron_tagged_tag_id_patron_tag"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tag_id", "account_id", name=op.f("pk_patron_tagged")),
    )
    op.create_index(
        op.f("ix_patron_tagged_account_id"), "patron_tagged", ["account_id"], unique=False
    )
    op.create_index(
        "ix_patron_tagged_since",
        "patron_tagged",
        ["tag_id", "since_at", "account_id"],
        unique=False,
    )
    op.create_table(
        "patron_view",
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("filters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["account.id"],
            name=op.f("fk_patron_view_owner_id_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patron_view")),
        sa.UniqueConstraint("owner_id", "name", name=op.f("uq_patron_view_owner_id_name")),
    )
    op.create_table(
        "summary_reader",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_summary_reader_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_summary_reader")),
    )
    op.create_table(
        "arrival_problem",
        sa.Column("arrival_id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["arrival_id"],
            ["arrival.id"],
            name=op.f("fk_arrival_problem_arrival_id_arrival"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrival_problem")),
    )
    op.create_index(
        op.f("ix_arrival_problem_arrival_id"), "arrival_problem", ["arrival_id"], unique=False
    )
    op.create_table(
        "export_chunk",
        sa.Column("export_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"],
            ["export.id"],
            name=op.f("fk_export_chunk_export_id_export"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("export_id", "number", name=op.f("pk_export_chunk")),
    )
    op.create_table(
        "round_group",
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("patrons", sa.BigInteger(), nullable=False),
        sa.Column("voters", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["round_id"], ["round.id"], name=op.f("fk_round_group_round_id_round")
        ),
        sa.PrimaryKeyConstraint(
            "round_id", "name", "currency", "part", name=op.f("pk_round_group")
        ),
    )
    op.add_column("account", sa.Column("merged_into_id", sa.BigInteger(), nullable=True))
    op.add_column("account", sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_account_address",
        "account",
        [sa.literal_column("lower(CAST(email AS TEXT))").label("address")],
        unique=False,
        postgresql_ops={"address": "text_pattern_ops"},
    )
    op.create_index(
        "ix_account_merged",
        "account",
        ["merged_into_id"],
        unique=False,
        postgresql_where="merged_into_id IS NOT NULL",
    )
    op.create_index(
        "ix_account_merged_at",
        "account",
        ["merged_at"],
        unique=False,
        postgresql_where="merged_at IS NOT NULL",
    )
    op.create_index(
        "ix_account_name_words",
        "account",
        [
            sa.literal_column(
                "to_tsvector('simple'::regconfig, translate(NORMALIZE(COALESCE(name, ''::text), NFC), '’ʼ`'::text, ''''''''::text))"
            )
        ],
        unique=False,
        postgresql_using="gin",
    )
    op.create_foreign_key(
        op.f("fk_account_merged_into_id_account"), "account", "account", ["merged_into_id"], ["id"]
    )
    op.add_column("checkout", sa.Column("first_article_id", sa.BigInteger(), nullable=True))
    op.add_column("checkout", sa.Column("ask_variant_id", sa.BigInteger(), nullable=True))
    op.add_column("checkout", sa.Column("country", sa.String(), nullable=True))
    op.add_column("checkout", sa.Column("taken_over_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("checkout", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_checkout_completed_at",
        "checkout",
        ["completed_at"],
        unique=False,
        postgresql_where="state = 'completed'",
    )
    op.create_index(op.f("ix_checkout_created_at"), "checkout", ["created_at"], unique=False)
    op.create_index(
        "ix_checkout_told_at",
        "checkout",
        ["told_at"],
        unique=False,
        postgresql_where="told_at IS NOT NULL",
    )
    op.create_foreign_key(
        op.f("fk_checkout_ask_variant_id_ask_variant"),
        "checkout",
        "ask_variant",
        ["ask_variant_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_foreign_key(
        op.f("fk_checkout_first_article_id_article"),
        "checkout",
        "article",
        ["first_article_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.add_column(
        "daily_figures", sa.Column("payments", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "daily_figures",
        sa.Column("payments_with_fee", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "daily_figures", sa.Column("fee_minor", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "daily_figures", sa.Column("fees", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "daily_figures", sa.Column("renewals", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "donation", sa.Column("fee_changed_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_donation_fee",
        "donation",
        ["fee_changed_at"],
        unique=False,
        postgresql_where="fee_changed_at IS NOT NULL",
    )
    op.create_index(
        "ix_donation_once_paid",
        "donation",
        ["currency", "paid_at"],
        unique=False,
        postgresql_where="subscription_id IS NULL",
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
    op.create_index(
        "ix_dunning_code", "dunning", ["currency", "decline_code", "failed_at", "id"], unique=False
    )
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
        op.f("ix_ledger_entry_currency_movement_occurred_at"),
        "ledger_entry",
        ["currency", "movement", "occurred_at"],
        unique=False,
    )
    op.add_column("note", sa.Column("kind", sa.String(), server_default="note", nullable=False))
    op.drop_index(
        op.f("ix_outbox_email_campaign"),
        table_name="outbox_email",
        postgresql_where="(campaign_id IS NOT NULL)",
    )
    op.create_index(
        "ix_outbox_email_letters",
        "outbox_email",
        ["campaign_id", "settled_at"],
        unique=False,
        postgresql_include=["state", "bounced_at"],
        postgresql_where="campaign_id IS NOT NULL",
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
        ["ended_at", "id"],
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
        "ix_outbox_email_letters",
        table_name="outbox_email",
        postgresql_include=["state", "bounced_at"],
        postgresql_where="campaign_id IS NOT NULL",
    )
    op.create_index(
        op.f("ix_outbox_email_campaign"),
        "outbox_email",
        ["campaign_id", "settled_at"],
        unique=False,
        postgresql_where="(campaign_id IS NOT NULL)",
    )
    op.drop_column("note", "kind")
    op.drop_index(op.f("ix_ledger_entry_currency_movement_occurred_at"), table_name="ledger_entry")
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
    op.drop_index("ix_dunning_code", table_name="dunning")
    op.drop_index(op.f("ix_dunning_changed_at"), table_name="dunning")
    op.drop_column("dunning", "changed_at")
    op.drop_index(
        "ix_donation_once_paid", table_name="donation", postgresql_where="subscription_id IS NULL"
    )
    op.drop_index(
        "ix_donation_fee", table_name="donation", postgresql_where="fee_changed_at IS NOT NULL"
    )
    op.drop_column("donation", "fee_changed_at")
    op.drop_column("daily_figures", "renewals")
    op.drop_column("daily_figures", "fees")
    op.drop_column("daily_figures", "fee_minor")
    op.drop_column("daily_figures", "payments_with_fee")
    op.drop_column("daily_figures", "payments")
    op.drop_constraint(op.f("fk_checkout_first_article_id_article"), "checkout", type_="foreignkey")
    op.drop_constraint(
        op.f("fk_checkout_ask_variant_id_ask_variant"), "checkout", type_="foreignkey"
    )
    op.drop_index(
        "ix_checkout_told_at", table_name="checkout", postgresql_where="told_at IS NOT NULL"
    )
    op.drop_index(op.f("ix_checkout_created_at"), table_name="checkout")
    op.drop_index(
        "ix_checkout_completed_at", table_name="checkout", postgresql_where="state = 'completed'"
    )
    op.drop_column("checkout", "told_at")
    op.drop_column("checkout", "taken_over_at")
    op.drop_column("checkout", "country")
    op.drop_column("checkout", "ask_variant_id")
    op.drop_column("checkout", "first_article_id")
    op.drop_constraint(op.f("fk_account_merged_into_id_account"), "account", type_="foreignkey")
    op.drop_index("ix_account_name_words", table_name="account", postgresql_using="gin")
    op.drop_index(
        "ix_account_merged_at", table_name="account", postgresql_where="merged_at IS NOT NULL"
    )
    op.drop_index(
        "ix_account_merged", table_name="account", postgresql_where="merged_into_id IS NOT NULL"
    )
    op.drop_index(
        "ix_account_address", table_name="account", postgresql_ops={"address": "text_pattern_ops"}
    )
    op.drop_column("account", "merged_at")
    op.drop_column("account", "merged_into_id")
    op.drop_table("round_group")
    op.drop_table("export_chunk")
    op.drop_index(op.f("ix_arrival_problem_arrival_id"), table_name="arrival_problem")
    op.drop_table("arrival_problem")
    op.drop_table("summary_reader")
    op.drop_table("patron_view")
    op.drop_index("ix_patron_tagged_since", table_name="patron_tagged")
    op.drop_index(op.f("ix_patron_tagged_account_id"), table_name="patron_tagged")
    op.drop_table("patron_tagged")
    op.drop_index("ix_patron_voted", table_name="patron", postgresql_where="has_voted")
    op.drop_index("ix_patron_state", table_name="patron")
    op.drop_index("ix_patron_standing", table_name="patron")
    op.drop_index("ix_patron_since", table_name="patron")
    op.drop_index("ix_patron_currency", table_name="patron")
    op.drop_index("ix_patron_both", table_name="patron")
    op.drop_index("ix_patron_article", table_name="patron")
    op.drop_index("ix_patron_amount", table_name="patron")
    op.drop_table("patron")
    op.drop_index(op.f("ix_paid_elsewhere_account_id"), table_name="paid_elsewhere")
    op.drop_table("paid_elsewhere")
    op.drop_index("ix_export_running", table_name="export", postgresql_where="state = 'running'")
    op.drop_index("ix_export_ready", table_name="export", postgresql_where="state = 'ready'")
    op.drop_table("export")
    op.drop_index(op.f("ix_ask_variant_experiment_id"), table_name="ask_variant")
    op.drop_table("ask_variant")
    op.drop_index(
        "ix_arrival_due", table_name="arrival", postgresql_where="state IN ('asked', 'confirmed')"
    )
    op.drop_table("arrival")
    op.drop_table("transparency_page")
    op.drop_table("slow_count")
    op.drop_table("running_figures")
    op.drop_table("rollup_state")
    op.drop_table("reading_count")
    op.drop_index("uq_patron_tag_name", table_name="patron_tag")
    op.drop_table("patron_tag")
    op.drop_table("exchange_rate")
    op.drop_table("daily_count")
    op.drop_table("cohort_figures")
    op.drop_index(
        "uq_ask_experiment_one_running",
        table_name="ask_experiment",
        postgresql_where="started_at IS NOT NULL AND ended_at IS NULL",
    )
    op.drop_table("ask_experiment")
