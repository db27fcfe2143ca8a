"""First tables

Revision ID: 0001
Revises:
Create Date: 2026-11-22

"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

# revision identifiers, used by Alembic.
revision: str = "0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


APPEND_ONLY = ("audit_entry", "ledger_entry", "subscription_change", "topic_change")


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS citext")
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "account",
        sa.Column("email", postgresql.CITEXT(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "role IN ('reporter', 'editor', 'finance', 'admin')", name=op.f("ck_account_role")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("email", name=op.f("uq_account_email")),
    )
    op.create_table(
        "article",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("kicker", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("standfirst", sa.String(), nullable=False),
        sa.Column("byline", sa.String(), nullable=True),
        sa.Column("body_html", sa.String(), nullable=False),
        sa.Column("image_url", sa.String(), nullable=True),
        sa.Column("image_alt", sa.String(), nullable=True),
        sa.Column("image_caption", sa.String(), nullable=True),
        sa.Column("image_credit", sa.String(), nullable=True),
        sa.Column("correction", sa.String(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("asked_topic_slug", sa.String(), nullable=True),
        sa.Column("asked_topic_title", sa.String(), nullable=True),
        sa.Column(
            "words",
            postgresql.TSVECTOR(),
            sa.Computed(
                "\n    setweight(to_tsvector('simple'::regconfig, title::text), 'A'::\"char\")\n    || setweight(to_tsvector('simple'::regconfig, standfirst::text), 'B'::\"char\")\n    || to_tsvector('simple'::regconfig, \"left\"(body_html::text, 200000))\n",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article")),
        sa.UniqueConstraint("slug", name=op.f("uq_article_slug")),
        sa.UniqueConstraint("source", "source_id", name=op.f("uq_article_source_source_id")),
    )
    op.create_index("ix_article_front", "article", ["language", "published_at"], unique=False)
    op.create_index(
        "ix_article_headline_trgm",
        "article",
        ["title", "standfirst"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"title": "gin_trgm_ops", "standfirst": "gin_trgm_ops"},
    )
    op.create_index("ix_article_words", "article", ["words"], unique=False, postgresql_using="gin")
    op.create_table(
        "audit_entry",
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(
        op.f("ix_audit_entry_subject_id"), "audit_entry", ["subject", "id"], unique=False
    )
    op.create_table(
        "daily_figures",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("new_minor", sa.BigInteger(), nullable=False),
        sa.Column("expansion_minor", sa.BigInteger(), nullable=False),
        sa.Column("reactivation_minor", sa.BigInteger(), nullable=False),
        sa.Column("contraction_minor", sa.BigInteger(), nullable=False),
        sa.Column("churn_voluntary_minor", sa.BigInteger(), nullable=False),
        sa.Column("churn_involuntary_minor", sa.BigInteger(), nullable=False),
        sa.Column("new_patrons", sa.BigInteger(), nullable=False),
        sa.Column("lost_patrons", sa.BigInteger(), nullable=False),
        sa.Column("one_time_minor", sa.BigInteger(), nullable=False),
        sa.Column("one_time_gifts", sa.BigInteger(), nullable=False),
        sa.Column("received_minor", sa.BigInteger(), nullable=False),
        sa.Column(
            "rebuilt_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("day", "currency", name=op.f("pk_daily_figures")),
    )
    op.create_table(
        "mail_refusal",
        sa.Column("address", postgresql.CITEXT(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("address", "kind", name=op.f("pk_mail_refusal")),
    )
    op.create_table(
        "round",
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("max_choices", sa.SmallInteger(), nullable=False),
        sa.Column("seats", sa.SmallInteger(), nullable=False),
        sa.Column("quorum", sa.BigInteger(), nullable=False),
        sa.Column("tie_seed", sa.String(), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint("method IN ('approval')", name=op.f("ck_round_method")),
        sa.CheckConstraint(
            "state IN ('draft', 'open', 'closed', 'settled', 'void')", name=op.f("ck_round_state")
        ),
        sa.CheckConstraint(
            "max_choices > 0 AND seats > 0 AND quorum >= 0", name=op.f("ck_round_numbers")
        ),
        sa.CheckConstraint("opens_at < closes_at", name=op.f("ck_round_times")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round")),
    )
    op.create_index("ix_round_due", "round", ["state", "closes_at"], unique=False)
    op.create_table(
        "stripe_event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column(
            "next_attempt_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'processed', 'ignored', 'failed')",
            name=op.f("ck_stripe_event_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_event")),
    )
    op.create_index(
        "ix_stripe_event_due",
        "stripe_event",
        ["next_attempt_at"],
        unique=False,
        postgresql_where="state = 'pending'",
    )
    op.create_index(
        "ix_stripe_event_failed",
        "stripe_event",
        ["received_at"],
        unique=False,
        postgresql_where="state = 'failed'",
    )
    op.create_index(op.f("ix_stripe_event_object_id"), "stripe_event", ["object_id"], unique=False)
    op.create_index(
        op.f("ix_stripe_event_received_at"), "stripe_event", ["received_at"], unique=False
    )
    op.create_table(
        "suppression",
        sa.Column("address", postgresql.CITEXT(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_suppression")),
    )
    op.create_table(
        "tag",
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("slug", name=op.f("uq_tag_slug")),
    )
    op.create_table(
        "article_tag",
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["article.id"],
            name=op.f("fk_article_tag_article_id_article"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tag.id"], name=op.f("fk_article_tag_tag_id_tag"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("article_id", "tag_id", name=op.f("pk_article_tag")),
    )
    op.create_index(op.f("ix_article_tag_tag_id"), "article_tag", ["tag_id"], unique=False)
    op.create_table(
        "ballot",
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("choices", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("cast_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_ballot_account_id_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_ballot_round_id_round")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ballot")),
        sa.UniqueConstraint("round_id", "account_id", name=op.f("uq_ballot_round_id_account_id")),
    )
    op.create_index(op.f("ix_ballot_account_id"), "ballot", ["account_id"], unique=False)
    op.create_table(
        "checkout",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("email", postgresql.CITEXT(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("interval", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("cover_fees", sa.Boolean(), nullable=False),
        sa.Column("article_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stripe_session_id", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "interval IN ('month', 'year', 'once')", name=op.f("ck_checkout_interval")
        ),
        sa.CheckConstraint(
            "state IN ('started', 'open', 'completed', 'expired', 'failed')",
            name=op.f("ck_checkout_state"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_checkout_amount")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_checkout_account_id_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["article.id"],
            name=op.f("fk_checkout_article_id_article"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkout")),
        sa.UniqueConstraint("stripe_session_id", name=op.f("uq_checkout_stripe_session_id")),
    )
    op.create_index(op.f("ix_checkout_account_id"), "checkout", ["account_id"], unique=False)
    op.create_index(op.f("ix_checkout_email"), "checkout", ["email"], unique=False)
    op.create_table(
        "outbox_email",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("recipient", postgresql.CITEXT(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("context", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column(
            "next_attempt_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("not_after_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'failed', 'suppressed', 'expired', 'uncertain')",
            name=op.f("ck_outbox_email_state"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_outbox_email_account_id_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_email")),
        sa.UniqueConstraint(
            "kind", "recipient", "subject", name=op.f("uq_outbox_email_kind_recipient_subject")
        ),
    )
    op.create_index("ix_outbox_email_account", "outbox_email", ["account_id"], unique=False)
    op.create_index(
        op.f("ix_outbox_email_created_at"), "outbox_email", ["created_at"], unique=False
    )
    op.create_index(
        "ix_outbox_email_due",
        "outbox_email",
        ["next_attempt_at"],
        unique=False,
        postgresql_where="state IN ('pending', 'sending')",
    )
    op.create_index(
        "ix_outbox_email_failed",
        "outbox_email",
        ["id"],
        unique=False,
        postgresql_where="state IN ('failed', 'uncertain')",
    )
    op.create_table(
        "sign_in",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_sign_in_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_in_token_hash")),
    )
    op.create_index(op.f("ix_sign_in_account_id"), "sign_in", ["account_id"], unique=False)
    op.create_table(
        "sign_in_request",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("next_path", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_sign_in_request_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_request")),
    )
    op.create_index(
        op.f("ix_sign_in_request_address_hash_created_at"),
        "sign_in_request",
        ["address_hash", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_sign_in_request_browser_hash"), "sign_in_request", ["browser_hash"], unique=False
    )
    op.create_table(
        "tally",
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("ballots", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_tally_round_id_round")),
        sa.PrimaryKeyConstraint("round_id", name=op.f("pk_tally")),
    )
    op.create_table(
        "topic",
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("suggested_by_id", sa.BigInteger(), nullable=True),
        sa.Column("assigned_to_id", sa.BigInteger(), nullable=True),
        sa.Column("merged_into_id", sa.BigInteger(), nullable=True),
        sa.Column("article_id", sa.BigInteger(), nullable=True),
        sa.Column("public_reason", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "(state = 'merged') = (merged_into_id IS NOT NULL)", name=op.f("ck_topic_merged")
        ),
        sa.CheckConstraint(
            "state <> 'published' OR article_id IS NOT NULL", name=op.f("ck_topic_published")
        ),
        sa.CheckConstraint(
            "state IN ('suggested', 'rejected', 'merged', 'on_ballot', 'selected', 'not_selected', 'assigned', 'published', 'dropped')",
            name=op.f("ck_topic_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('rejected', 'dropped') OR public_reason IS NOT NULL",
            name=op.f("ck_topic_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["article_id"], ["article.id"], name=op.f("fk_topic_article_id_article")
        ),
        sa.ForeignKeyConstraint(
            ["assigned_to_id"],
            ["account.id"],
            name=op.f("fk_topic_assigned_to_id_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["merged_into_id"], ["topic.id"], name=op.f("fk_topic_merged_into_id_topic")
        ),
        sa.ForeignKeyConstraint(
            ["suggested_by_id"],
            ["account.id"],
            name=op.f("fk_topic_suggested_by_id_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic")),
        sa.UniqueConstraint("slug", name=op.f("uq_topic_slug")),
    )
    op.create_index(op.f("ix_topic_state"), "topic", ["state"], unique=False)
    op.create_index(op.f("ix_topic_suggested_by_id"), "topic", ["suggested_by_id"], unique=False)
    op.create_index(
        "ix_topic_title_trgm",
        "topic",
        ["title"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"title": "gin_trgm_ops"},
    )
    op.create_table(
        "turnout",
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_turnout_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_turnout_round_id_round")),
        sa.PrimaryKeyConstraint("round_id", "account_id", name=op.f("pk_turnout")),
    )
    op.create_index(op.f("ix_turnout_account_id"), "turnout", ["account_id"], unique=False)
    op.create_table(
        "round_option",
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("topic_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["round_id"],
            ["round.id"],
            name=op.f("fk_round_option_round_id_round"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topic.id"], name=op.f("fk_round_option_topic_id_topic")
        ),
        sa.PrimaryKeyConstraint("round_id", "topic_id", name=op.f("pk_round_option")),
    )
    op.create_index(op.f("ix_round_option_topic_id"), "round_option", ["topic_id"], unique=False)
    op.create_table(
        "subscription",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("checkout_id", sa.Uuid(), nullable=True),
        sa.Column("stripe_subscription_id", sa.String(), nullable=False),
        sa.Column("stripe_customer_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("interval", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("current_period_end_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "synced_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "end_reason IN ('voluntary', 'payment_failed', 'staff', 'dispute', 'fraud')",
            name=op.f("ck_subscription_end_reason"),
        ),
        sa.CheckConstraint("interval IN ('month', 'year')", name=op.f("ck_subscription_interval")),
        sa.CheckConstraint(
            "state IN ('incomplete', 'active', 'past_due', 'paused', 'cancel_scheduled', 'ended')",
            name=op.f("ck_subscription_state"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_subscription_account_id_account"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["checkout_id"], ["checkout.id"], name=op.f("fk_subscription_checkout_id_checkout")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint(
            "stripe_subscription_id", name=op.f("uq_subscription_stripe_subscription_id")
        ),
    )
    op.create_index(
        op.f("ix_subscription_account_id"), "subscription", ["account_id"], unique=False
    )
    op.create_index(
        op.f("ix_subscription_stripe_customer_id"),
        "subscription",
        ["stripe_customer_id"],
        unique=False,
    )
    op.create_index(
        "uq_subscription_one_live",
        "subscription",
        ["account_id"],
        unique=True,
        postgresql_where="state IN ('active', 'past_due', 'paused')",
    )
    op.create_table(
        "topic_change",
        sa.Column("topic_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("from_state", sa.String(), nullable=True),
        sa.Column("to_state", sa.String(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topic.id"], name=op.f("fk_topic_change_topic_id_topic")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_change")),
    )
    op.create_index(op.f("ix_topic_change_topic_id"), "topic_change", ["topic_id"], unique=False)
    op.create_table(
        "topic_support",
        sa.Column("topic_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_topic_support_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"],
            ["topic.id"],
            name=op.f("fk_topic_support_topic_id_topic"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("topic_id", "account_id", name=op.f("pk_topic_support")),
    )
    op.create_index(
        op.f("ix_topic_support_account_id"), "topic_support", ["account_id"], unique=False
    )
    op.create_table(
        "donation",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("checkout_id", sa.Uuid(), nullable=True),
        sa.Column("stripe_invoice_id", sa.String(), nullable=True),
        sa.Column("stripe_payment_intent_id", sa.String(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=True),
        sa.Column("fee_currency", sa.String(), nullable=True),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disputed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(stripe_invoice_id, stripe_payment_intent_id) >= 1",
            name=op.f("ck_donation_source"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_donation_account_id_account"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["checkout_id"], ["checkout.id"], name=op.f("fk_donation_checkout_id_checkout")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name=op.f("fk_donation_subscription_id_subscription"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_donation")),
        sa.UniqueConstraint("stripe_invoice_id", name=op.f("uq_donation_stripe_invoice_id")),
        sa.UniqueConstraint(
            "stripe_payment_intent_id", name=op.f("uq_donation_stripe_payment_intent_id")
        ),
    )
    op.create_index(
        op.f("ix_donation_account_id_paid_at"), "donation", ["account_id", "paid_at"], unique=False
    )
    op.create_index(op.f("ix_donation_created_at"), "donation", ["created_at"], unique=False)
    op.create_index(op.f("ix_donation_paid_at"), "donation", ["paid_at"], unique=False)
    op.create_index(op.f("ix_donation_refunded_at"), "donation", ["refunded_at"], unique=False)
    op.create_index(
        op.f("ix_donation_subscription_id"), "donation", ["subscription_id"], unique=False
    )
    op.create_table(
        "ledger_entry",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("movement", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "movement IN ('new', 'expansion', 'contraction', 'churn_voluntary', 'churn_involuntary', 'reactivation')",
            name=op.f("ck_ledger_entry_movement"),
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name=op.f("fk_ledger_entry_subscription_id_subscription"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
    )
    op.create_index(
        op.f("ix_ledger_entry_created_at"), "ledger_entry", ["created_at"], unique=False
    )
    op.create_index(
        op.f("ix_ledger_entry_currency_occurred_at"),
        "ledger_entry",
        ["currency", "occurred_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_ledger_entry_subscription_id"), "ledger_entry", ["subscription_id"], unique=False
    )
    op.create_table(
        "subscription_change",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("from_state", sa.String(), nullable=True),
        sa.Column("to_state", sa.String(), nullable=False),
        sa.Column("from_amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("to_amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name=op.f("fk_subscription_change_subscription_id_subscription"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_change")),
    )
    op.create_index(
        op.f("ix_subscription_change_subscription_id"),
        "subscription_change",
        ["subscription_id"],
        unique=False,
    )
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    op.drop_index(op.f("ix_subscription_change_subscription_id"), table_name="subscription_change")
    op.drop_table("subscription_change")
    op.drop_index(op.f("ix_ledger_entry_subscription_id"), table_name="ledger_entry")
    op.drop_index(op.f("ix_ledger_entry_currency_occurred_at"), table_name="ledger_entry")
    op.drop_index(op.f("ix_ledger_entry_created_at"), table_name="ledger_entry")
    op.drop_table("ledger_entry")
    op.drop_index(op.f("ix_donation_subscription_id"), table_name="donation")
    op.drop_index(op.f("ix_donation_refunded_at"), table_name="donation")
    op.drop_index(op.f("ix_donation_paid_at"), table_name="donation")
    op.drop_index(op.f("ix_donation_created_at"), table_name="donation")
    op.drop_index(op.f("ix_donation_account_id_paid_at"), table_name="donation")
    op.drop_table("donation")
    op.drop_index(op.f("ix_topic_support_account_id"), table_name="topic_support")
    op.drop_table("topic_support")
    op.drop_index(op.f("ix_topic_change_topic_id"), table_name="topic_change")
    op.drop_table("topic_change")
    op.drop_index(
        "uq_subscription_one_live",
        table_name="subscription",
        postgresql_where="state IN ('active', 'past_due', 'paused')",
    )
    op.drop_index(op.f("ix_subscription_stripe_customer_id"), table_name="subscription")
    op.drop_index(op.f("ix_subscription_account_id"), table_name="subscription")
    op.drop_table("subscription")
    op.drop_index(op.f("ix_round_option_topic_id"), table_name="round_option")
    op.drop_table("round_option")
    op.drop_index(op.f("ix_turnout_account_id"), table_name="turnout")
    op.drop_table("turnout")
    op.drop_index(
        "ix_topic_title_trgm",
        table_name="topic",
        postgresql_using="gin",
        postgresql_ops={"title": "gin_trgm_ops"},
    )
    op.drop_index(op.f("ix_topic_suggested_by_id"), table_name="topic")
    op.drop_index(op.f("ix_topic_state"), table_name="topic")
    op.drop_table("topic")
    op.drop_table("tally")
    op.drop_index(op.f("ix_sign_in_request_browser_hash"), table_name="sign_in_request")
    op.drop_index(op.f("ix_sign_in_request_address_hash_created_at"), table_name="sign_in_request")
    op.drop_table("sign_in_request")
    op.drop_index(op.f("ix_sign_in_account_id"), table_name="sign_in")
    op.drop_table("sign_in")
    op.drop_index(
        "ix_outbox_email_failed",
        table_name="outbox_email",
        postgresql_where="state IN ('failed', 'uncertain')",
    )
    op.drop_index(
        "ix_outbox_email_due",
        table_name="outbox_email",
        postgresql_where="state IN ('pending', 'sending')",
    )
    op.drop_index(op.f("ix_outbox_email_created_at"), table_name="outbox_email")
    op.drop_index("ix_outbox_email_account", table_name="outbox_email")
    op.drop_table("outbox_email")
    op.drop_index(op.f("ix_checkout_email"), table_name="checkout")
    op.drop_index(op.f("ix_checkout_account_id"), table_name="checkout")
    op.drop_table("checkout")
    op.drop_index(op.f("ix_ballot_account_id"), table_name="ballot")
    op.drop_table("ballot")
    op.drop_index(op.f("ix_article_tag_tag_id"), table_name="article_tag")
    op.drop_table("article_tag")
    op.drop_table("tag")
    op.drop_table("suppression")
    op.drop_index(op.f("ix_stripe_event_received_at"), table_name="stripe_event")
    op.drop_index(op.f("ix_stripe_event_object_id"), table_name="stripe_event")
    op.drop_index(
        "ix_stripe_event_failed", table_name="stripe_event", postgresql_where="state = 'failed'"
    )
    op.drop_index(
        "ix_stripe_event_due", table_name="stripe_event", postgresql_where="state = 'pending'"
    )
    op.drop_table("stripe_event")
    op.drop_index("ix_round_due", table_name="round")
    op.drop_table("round")
    op.drop_table("mail_refusal")
    op.drop_table("daily_figures")
    op.drop_index(op.f("ix_audit_entry_subject_id"), table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_index("ix_article_words", table_name="article", postgresql_using="gin")
    op.drop_index(
        "ix_article_headline_trgm",
        table_name="article",
        postgresql_using="gin",
        postgresql_ops={"title": "gin_trgm_ops", "standfirst": "gin_trgm_ops"},
    )
    op.drop_index("ix_article_front", table_name="article")
    op.drop_table("article")
    op.drop_table("account")
    op.execute("DROP FUNCTION refuse_change")
