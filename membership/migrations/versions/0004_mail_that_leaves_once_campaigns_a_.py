"""Mail that leaves once, campaigns, a weekly letter

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-23

"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

# revision identifiers, used by Alembic.
revision: str = "0004"
down_revision: str | Sequence[str] | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "issue",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue")),
        sa.UniqueConstraint("kind", "period", name=op.f("uq_issue_kind_period")),
    )
    op.create_table(
        "mail_pause",
        sa.Column("address", postgresql.CITEXT(), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_mail_pause")),
    )
    op.create_table(
        "mail_provider",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("paused_until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pause_reason", sa.String(), server_default="", nullable=False),
        sa.Column("refusals", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("next_free", sa.Double(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mail_provider")),
    )
    op.create_table(
        "mail_wording",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("original", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("edited_by_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "edited_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("kind", "language", "original", name=op.f("pk_mail_wording")),
    )
    op.create_table(
        "address_change",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("address", postgresql.CITEXT(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_address_change_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_address_change")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_address_change_token_hash")),
    )
    op.create_table(
        "campaign",
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("subjects", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("bodies", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("audience", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), server_default="draft", nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("written_by_id", sa.BigInteger(), nullable=True),
        sa.Column("changed_by_id", sa.BigInteger(), nullable=True),
        sa.Column("approved_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recipients", sa.BigInteger(), nullable=True),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
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
            "state IN ('draft', 'awaiting_approval', 'scheduled', 'sending', 'paused', 'stopped', 'finished')",
            name=op.f("ck_campaign_state"),
        ),
        sa.ForeignKeyConstraint(
            ["approved_by_id"],
            ["account.id"],
            name=op.f("fk_campaign_approved_by_id_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["changed_by_id"],
            ["account.id"],
            name=op.f("fk_campaign_changed_by_id_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["written_by_id"],
            ["account.id"],
            name=op.f("fk_campaign_written_by_id_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
    )
    op.create_table(
        "customer_address",
        sa.Column("stripe_customer_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_customer_address_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("stripe_customer_id", name=op.f("pk_customer_address")),
    )
    op.create_index(
        op.f("ix_customer_address_account_id"), "customer_address", ["account_id"], unique=False
    )
    op.create_index(
        op.f("ix_customer_address_next_attempt_at"),
        "customer_address",
        ["next_attempt_at"],
        unique=False,
    )
    op.create_table(
        "newsletter_reader",
        sa.Column("address", postgresql.CITEXT(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("article_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["article.id"],
            name=op.f("fk_newsletter_reader_article_id_article"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsletter_reader")),
        sa.UniqueConstraint("address", name=op.f("uq_newsletter_reader_address")),
    )
    op.create_index(
        "ix_newsletter_reader_confirmed",
        "newsletter_reader",
        ["id"],
        unique=False,
        postgresql_where="confirmed_at IS NOT NULL",
    )
    op.create_table(
        "mail_report",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", postgresql.CITEXT(), nullable=False),
        sa.Column("outbox_id", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column(
            "reported_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "kind IN ('hard_bounce', 'soft_bounce', 'complaint')", name=op.f("ck_mail_report_kind")
        ),
        sa.ForeignKeyConstraint(
            ["outbox_id"],
            ["outbox_email.id"],
            name=op.f("fk_mail_report_outbox_id_outbox_email"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_report")),
        sa.UniqueConstraint(
            "provider", "reference", name=op.f("uq_mail_report_provider_reference")
        ),
    )
    op.create_index("ix_mail_report_address", "mail_report", ["address"], unique=False)
    op.add_column(
        "outbox_email",
        sa.Column("is_bulk", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("outbox_email", sa.Column("campaign_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "outbox_email", sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "outbox_email", sa.Column("bounced_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.alter_column(
        "outbox_email",
        "next_attempt_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        nullable=True,
        existing_server_default=sa.text("now()"),
    )
    op.drop_index(
        op.f("ix_outbox_email_due"),
        table_name="outbox_email",
        postgresql_where="((state)::text = ANY ((ARRAY['pending'::character varying, 'sending'::character varying])::text[]))",
    )
    op.create_index(
        "ix_outbox_email_campaign",
        "outbox_email",
        ["campaign_id", "settled_at"],
        unique=False,
        postgresql_where="campaign_id IS NOT NULL",
    )
    op.create_index(
        "ix_outbox_email_expiring",
        "outbox_email",
        ["not_after_at", "id"],
        unique=False,
        postgresql_where="settled_at IS NULL AND NOT is_bulk AND not_after_at IS NOT NULL",
    )
    op.create_index(
        "ix_outbox_email_message",
        "outbox_email",
        ["message_id"],
        unique=False,
        postgresql_where="message_id IS NOT NULL",
    )
    op.create_index(
        "ix_outbox_email_settled",
        "outbox_email",
        ["settled_at", "kind", "state"],
        unique=False,
        postgresql_where="settled_at IS NOT NULL",
    )
    op.create_index(
        "ix_outbox_email_waiting",
        "outbox_email",
        ["is_bulk", "next_attempt_at", "id"],
        unique=False,
        postgresql_include=["kind"],
        postgresql_where="settled_at IS NULL",
    )
    op.add_column(
        "suppression", sa.Column("detail", sa.String(), server_default="", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("suppression", "detail")
    op.drop_index(
        "ix_outbox_email_waiting",
        table_name="outbox_email",
        postgresql_include=["kind"],
        postgresql_where="settled_at IS NULL",
    )
    op.drop_index(
        "ix_outbox_email_settled",
        table_name="outbox_email",
        postgresql_where="settled_at IS NOT NULL",
    )
    op.drop_index(
        "ix_outbox_email_message",
        table_name="outbox_email",
        postgresql_where="message_id IS NOT NULL",
    )
    op.drop_index(
        "ix_outbox_email_expiring",
        table_name="outbox_email",
        postgresql_where="settled_at IS NULL AND NOT is_bulk AND not_after_at IS NOT NULL",
    )
    op.drop_index(
        "ix_outbox_email_campaign",
        table_name="outbox_email",
        postgresql_where="campaign_id IS NOT NULL",
    )
    op.create_index(
        op.f("ix_outbox_email_due"),
        "outbox_email",
        ["next_attempt_at"],
        unique=False,
        postgresql_where="((state)::text = ANY ((ARRAY['pending'::character varying, 'sending'::character varying])::text[]))",
    )
    op.alter_column(
        "outbox_email",
        "next_attempt_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        nullable=False,
        existing_server_default=sa.text("now()"),
    )
    op.drop_column("outbox_email", "bounced_at")
    op.drop_column("outbox_email", "settled_at")
    op.drop_column("outbox_email", "campaign_id")
    op.drop_column("outbox_email", "is_bulk")
    op.drop_index("ix_mail_report_address", table_name="mail_report")
    op.drop_table("mail_report")
    op.drop_index(
        "ix_newsletter_reader_confirmed",
        table_name="newsletter_reader",
        postgresql_where="confirmed_at IS NOT NULL",
    )
    op.drop_table("newsletter_reader")
    op.drop_index(op.f("ix_customer_address_next_attempt_at"), table_name="customer_address")
    op.drop_index(op.f("ix_customer_address_account_id"), table_name="customer_address")
    op.drop_table("customer_address")
    op.drop_table("campaign")
    op.drop_table("address_change")
    op.drop_table("mail_wording")
    op.drop_table("mail_provider")
    op.drop_table("mail_pause")
    op.drop_table("issue")
    op.drop_table("heartbeat")
