"""The whole life of a donation

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-23

"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

# revision identifiers, used by Alembic.
revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "card_testing",
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_testing")),
    )
    op.create_index(
        op.f("ix_card_testing_started_at"), "card_testing", ["started_at"], unique=False
    )
    op.create_index(
        "uq_card_testing_one_running",
        "card_testing",
        [sa.literal_column("(ended_at IS NULL)")],
        unique=True,
        postgresql_where="ended_at IS NULL",
    )
    op.create_table(
        "comparison",
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stage", sa.String(), server_default="events", nullable=False),
        sa.Column("starting_after", sa.String(), nullable=True),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("events", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("subscriptions", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("invoices", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("payments", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("clock_off_seconds", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparison")),
    )
    op.create_table(
        "giving_attempt",
        sa.Column("prefix_hash", sa.LargeBinary(), nullable=False),
        sa.Column("email_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_giving_attempt")),
    )
    op.create_index(
        op.f("ix_giving_attempt_completed_at"), "giving_attempt", ["completed_at"], unique=False
    )
    op.create_index(
        op.f("ix_giving_attempt_created_at"), "giving_attempt", ["created_at"], unique=False
    )
    op.create_index(
        op.f("ix_giving_attempt_email_hash_created_at"),
        "giving_attempt",
        ["email_hash", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_giving_attempt_prefix_hash_created_at"),
        "giving_attempt",
        ["prefix_hash", "created_at"],
        unique=False,
    )
    op.create_table(
        "paper_counter",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "year", name=op.f("pk_paper_counter")),
    )
    op.create_table(
        "solved_challenge",
        sa.Column("signature_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("signature_hash", name=op.f("pk_solved_challenge")),
    )
    op.create_index(
        op.f("ix_solved_challenge_expires_at"), "solved_challenge", ["expires_at"], unique=False
    )
    op.create_table(
        "difference",
        sa.Column("comparison_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("stripe_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("repaired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_difference_account_id_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparison.id"],
            name=op.f("fk_difference_comparison_id_comparison"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference")),
    )
    op.create_index(
        op.f("ix_difference_comparison_id"), "difference", ["comparison_id"], unique=False
    )
    op.create_index(
        "uq_difference_open",
        "difference",
        ["stripe_id"],
        unique=True,
        postgresql_where="repaired_at IS NULL",
    )
    op.create_table(
        "note",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_note_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["author_id"],
            ["account.id"],
            name=op.f("fk_note_author_id_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    op.create_index(op.f("ix_note_account_id"), "note", ["account_id"], unique=False)
    op.create_table(
        "other_way",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=True),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("is_shown", sa.Boolean(), nullable=False),
        sa.Column("updated_by_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "kind IN ('transfer', 'paypal', 'crypto', 'share', 'volunteer', 'other')",
            name=op.f("ck_other_way_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["updated_by_id"], ["account.id"], name=op.f("fk_other_way_updated_by_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_other_way")),
    )
    op.create_table(
        "card_failure",
        sa.Column("stripe_id", sa.String(), nullable=False),
        sa.Column("fingerprint_hash", sa.LargeBinary(), nullable=True),
        sa.Column("stripe_customer_id", sa.String(), nullable=True),
        sa.Column("checkout_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["checkout_id"],
            ["checkout.id"],
            name=op.f("fk_card_failure_checkout_id_checkout"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("stripe_id", name=op.f("pk_card_failure")),
    )
    op.create_index(
        op.f("ix_card_failure_checkout_id"), "card_failure", ["checkout_id"], unique=False
    )
    op.create_index(
        op.f("ix_card_failure_created_at"), "card_failure", ["created_at"], unique=False
    )
    op.create_index(
        op.f("ix_card_failure_fingerprint_hash_created_at"),
        "card_failure",
        ["fingerprint_hash", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_card_failure_stripe_customer_id"),
        "card_failure",
        ["stripe_customer_id"],
        unique=False,
    )
    op.create_table(
        "dunning",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("stripe_invoice_id", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("decline_code", sa.String(), nullable=True),
        sa.Column("stripe_payment_method_id", sa.String(), nullable=True),
        sa.Column("action_url", sa.String(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("letters", sa.SmallInteger(), nullable=False),
        sa.Column("next_letter_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("link_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("own_act_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recovered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recovered_by", sa.String(), nullable=True),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint("kind IN ('soft', 'hard', 'action')", name=op.f("ck_dunning_kind")),
        sa.CheckConstraint(
            "recovered_by IN ('mail', 'retry', 'patron')", name=op.f("ck_dunning_recovered_by")
        ),
        sa.CheckConstraint(
            "(recovered_at IS NULL) = (recovered_by IS NULL)", name=op.f("ck_dunning_recovered")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name=op.f("fk_dunning_subscription_id_subscription"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning")),
        sa.UniqueConstraint("stripe_invoice_id", name=op.f("uq_dunning_stripe_invoice_id")),
    )
    op.create_index(
        "ix_dunning_due",
        "dunning",
        ["next_letter_at"],
        unique=False,
        postgresql_where="recovered_at IS NULL AND given_up_at IS NULL",
    )
    op.create_index(
        op.f("ix_dunning_subscription_id"), "dunning", ["subscription_id"], unique=False
    )
    op.create_table(
        "leaving",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name=op.f("fk_leaving_subscription_id_subscription"),
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_leaving")),
    )
    op.create_table(
        "dispute",
        sa.Column("donation_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("stripe_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "synced_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint("kind IN ('dispute', 'fraud_warning')", name=op.f("ck_dispute_kind")),
        sa.ForeignKeyConstraint(
            ["donation_id"], ["donation.id"], name=op.f("fk_dispute_donation_id_donation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
        sa.UniqueConstraint("stripe_id", name=op.f("uq_dispute_stripe_id")),
    )
    op.create_index(op.f("ix_dispute_donation_id"), "dispute", ["donation_id"], unique=False)
    op.create_index(
        "ix_dispute_open", "dispute", ["due_at"], unique=False, postgresql_where="closed_at IS NULL"
    )
    op.create_table(
        "gift",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("checkout_id", sa.Uuid(), nullable=True),
        sa.Column("donation_id", sa.BigInteger(), nullable=True),
        sa.Column("granted_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recipient_email", postgresql.CITEXT(), nullable=False),
        sa.Column("recipient_name", sa.String(), nullable=True),
        sa.Column("sender_name", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("months", sa.SmallInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("send_on", sa.Date(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "(source = 'person') = (checkout_id IS NOT NULL)", name=op.f("ck_gift_paid_by")
        ),
        sa.CheckConstraint(
            "(state = 'redeemed') <= (num_nulls(begins_at, ends_at) = 0)",
            name=op.f("ck_gift_redeemed"),
        ),
        sa.CheckConstraint("source IN ('person', 'pool')", name=op.f("ck_gift_source")),
        sa.CheckConstraint(
            "state IN ('ordered', 'ready', 'sent', 'redeemed', 'taken_back')",
            name=op.f("ck_gift_state"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_gift_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["checkout_id"], ["checkout.id"], name=op.f("fk_gift_checkout_id_checkout")
        ),
        sa.ForeignKeyConstraint(
            ["donation_id"], ["donation.id"], name=op.f("fk_gift_donation_id_donation")
        ),
        sa.ForeignKeyConstraint(
            ["granted_by_id"], ["account.id"], name=op.f("fk_gift_granted_by_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gift")),
        sa.UniqueConstraint("checkout_id", name=op.f("uq_gift_checkout_id")),
        sa.UniqueConstraint("donation_id", name=op.f("uq_gift_donation_id")),
    )
    op.create_index(op.f("ix_gift_account_id"), "gift", ["account_id"], unique=False)
    op.create_index(
        "ix_gift_due", "gift", ["send_on"], unique=False, postgresql_where="state = 'ready'"
    )
    op.create_table(
        "paper",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("donation_id", sa.BigInteger(), nullable=True),
        sa.Column("from_on", sa.Date(), nullable=True),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column(
            "issued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "(kind = 'receipt') = (donation_id IS NOT NULL)", name=op.f("ck_paper_donation")
        ),
        sa.CheckConstraint(
            "(kind = 'statement') = (from_on IS NOT NULL)", name=op.f("ck_paper_range")
        ),
        sa.CheckConstraint("kind IN ('receipt', 'statement')", name=op.f("ck_paper_kind")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_paper_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["donation_id"], ["donation.id"], name=op.f("fk_paper_donation_id_donation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper")),
        sa.UniqueConstraint("donation_id", name=op.f("uq_paper_donation_id")),
        sa.UniqueConstraint("number", name=op.f("uq_paper_number")),
    )
    op.create_index(
        op.f("ix_paper_account_id_issued_at"), "paper", ["account_id", "issued_at"], unique=False
    )
    op.create_table(
        "refund",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("donation_id", sa.BigInteger(), nullable=False),
        sa.Column("stripe_refund_id", sa.String(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=True),
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
        sa.CheckConstraint(
            "state IN ('asked', 'pending', 'done', 'failed')", name=op.f("ck_refund_state")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refund_amount")),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["account.id"], name=op.f("fk_refund_actor_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["donation_id"], ["donation.id"], name=op.f("fk_refund_donation_id_donation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("stripe_refund_id", name=op.f("uq_refund_stripe_refund_id")),
    )
    op.create_index(
        "ix_refund_asked",
        "refund",
        ["created_at"],
        unique=False,
        postgresql_where="state = 'asked'",
    )
    op.create_index(op.f("ix_refund_changed_at"), "refund", ["changed_at"], unique=False)
    op.create_index(op.f("ix_refund_donation_id"), "refund", ["donation_id"], unique=False)
    op.create_index(op.f("ix_refund_refunded_at"), "refund", ["refunded_at"], unique=False)
    op.add_column(
        "account", sa.Column("delete_after_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("account", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        op.f("ix_account_delete_after_at"), "account", ["delete_after_at"], unique=False
    )
    op.add_column(
        "checkout", sa.Column("purpose", sa.String(), server_default="support", nullable=False)
    )
    op.create_index(
        "ix_checkout_pool", "checkout", ["id"], unique=False, postgresql_where="purpose = 'pool'"
    )
    op.add_column(
        "donation", sa.Column("provider", sa.String(), server_default="stripe", nullable=False)
    )
    op.add_column("donation", sa.Column("method", sa.String(), nullable=True))
    op.add_column("donation", sa.Column("reference", sa.String(), nullable=True))
    op.add_column("donation", sa.Column("entered_by_id", sa.BigInteger(), nullable=True))
    op.add_column("donation", sa.Column("entry_id", sa.Uuid(), nullable=True))
    # Few donations are given back; the index that goes next finds them without a look at the rest.
    op.execute(
        "INSERT INTO refund "
        "(id, donation_id, amount_minor, currency, state, refunded_at, created_at, changed_at) "
        "SELECT gen_random_uuid(), id, refunded_minor, currency, 'done', refunded_at, refunded_at, "
        "refunded_at FROM donation WHERE refunded_minor > 0 AND refunded_at IS NOT NULL"
    )
    op.drop_index(op.f("ix_donation_refunded_at"), table_name="donation")
    op.create_index(
        "ix_donation_disputed",
        "donation",
        ["disputed_at"],
        unique=False,
        postgresql_where="disputed_at IS NOT NULL",
    )
    op.create_index(
        "ix_donation_manual",
        "donation",
        ["id"],
        unique=False,
        postgresql_where="provider = 'manual'",
    )
    op.create_index(
        "ix_donation_once",
        "donation",
        ["checkout_id"],
        unique=False,
        postgresql_where="subscription_id IS NULL",
    )
    op.create_unique_constraint(op.f("uq_donation_entry_id"), "donation", ["entry_id"])
    op.create_foreign_key(
        op.f("fk_donation_entered_by_id_account"), "donation", "account", ["entered_by_id"], ["id"]
    )
    op.add_column(
        "stripe_event",
        sa.Column("is_stripped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_index(
        "ix_stripe_event_whole",
        "stripe_event",
        ["id"],
        unique=False,
        postgresql_where="NOT is_stripped",
    )
    op.add_column("subscription", sa.Column("anchor_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "subscription",
        sa.Column(
            "collection_paused", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )
    op.add_column(
        "subscription", sa.Column("resumes_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("subscription", sa.Column("card_brand", sa.String(), nullable=True))
    op.add_column("subscription", sa.Column("card_last4", sa.String(), nullable=True))
    op.add_column("subscription", sa.Column("card_expires_on", sa.Date(), nullable=True))
    op.create_index(
        op.f("ix_subscription_card_expires_on"), "subscription", ["card_expires_on"], unique=False
    )
    op.create_index(
        "ix_subscription_running",
        "subscription",
        ["started_at"],
        unique=False,
        postgresql_where="state <> 'ended'",
    )
    op.add_column("subscription_change", sa.Column("from_interval", sa.String(), nullable=True))
    op.add_column("subscription_change", sa.Column("to_interval", sa.String(), nullable=True))
    op.drop_constraint(op.f("ck_donation_source"), "donation", type_="check")
    op.create_check_constraint(
        op.f("ck_donation_source"),
        "donation",
        "provider = 'manual' OR num_nonnulls(stripe_invoice_id, stripe_payment_intent_id) >= 1",
    )
    op.create_check_constraint(
        op.f("ck_donation_provider"), "donation", "(provider = 'manual') = (method IS NOT NULL)"
    )
    op.create_check_constraint(
        op.f("ck_donation_method"),
        "donation",
        "method IN ('transfer', 'cheque', 'cash', 'paypal', 'crypto', 'other')",
    )
    op.create_check_constraint(
        op.f("ck_checkout_purpose"), "checkout", "purpose IN ('support', 'gift', 'pool')"
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON paper "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_checkout_purpose"), "checkout", type_="check")
    op.drop_constraint(op.f("ck_donation_method"), "donation", type_="check")
    op.drop_constraint(op.f("ck_donation_provider"), "donation", type_="check")
    op.drop_constraint(op.f("ck_donation_source"), "donation", type_="check")
    op.create_check_constraint(
        op.f("ck_donation_source"),
        "donation",
        "num_nonnulls(stripe_invoice_id, stripe_payment_intent_id) >= 1",
    )
    op.drop_column("subscription_change", "to_interval")
    op.drop_column("subscription_change", "from_interval")
    op.drop_index(
        "ix_subscription_running", table_name="subscription", postgresql_where="state <> 'ended'"
    )
    op.drop_index(op.f("ix_subscription_card_expires_on"), table_name="subscription")
    op.drop_column("subscription", "card_expires_on")
    op.drop_column("subscription", "card_last4")
    op.drop_column("subscription", "card_brand")
    op.drop_column("subscription", "resumes_at")
    op.drop_column("subscription", "collection_paused")
    op.drop_column("subscription", "anchor_at")
    op.drop_index(
        "ix_stripe_event_whole", table_name="stripe_event", postgresql_where="NOT is_stripped"
    )
    op.drop_column("stripe_event", "is_stripped")
    op.drop_constraint(op.f("fk_donation_entered_by_id_account"), "donation", type_="foreignkey")
    op.drop_constraint(op.f("uq_donation_entry_id"), "donation", type_="unique")
    op.drop_index(
        "ix_donation_once", table_name="donation", postgresql_where="subscription_id IS NULL"
    )
    op.drop_index(
        "ix_donation_manual", table_name="donation", postgresql_where="provider = 'manual'"
    )
    op.drop_index(
        "ix_donation_disputed", table_name="donation", postgresql_where="disputed_at IS NOT NULL"
    )
    op.create_index(op.f("ix_donation_refunded_at"), "donation", ["refunded_at"], unique=False)
    op.drop_column("donation", "entry_id")
    op.drop_column("donation", "entered_by_id")
    op.drop_column("donation", "reference")
    op.drop_column("donation", "method")
    op.drop_column("donation", "provider")
    op.drop_index("ix_checkout_pool", table_name="checkout", postgresql_where="purpose = 'pool'")
    op.drop_column("checkout", "purpose")
    op.drop_index(op.f("ix_account_delete_after_at"), table_name="account")
    op.drop_column("account", "deleted_at")
    op.drop_column("account", "delete_after_at")
    op.drop_index(op.f("ix_refund_refunded_at"), table_name="refund")
    op.drop_index(op.f("ix_refund_donation_id"), table_name="refund")
    op.drop_index(op.f("ix_refund_changed_at"), table_name="refund")
    op.drop_index("ix_refund_asked", table_name="refund", postgresql_where="state = 'asked'")
    op.drop_table("refund")
    op.drop_index(op.f("ix_paper_account_id_issued_at"), table_name="paper")
    op.drop_table("paper")
    op.drop_index("ix_gift_due", table_name="gift", postgresql_where="state = 'ready'")
    op.drop_index(op.f("ix_gift_account_id"), table_name="gift")
    op.drop_table("gift")
    op.drop_index("ix_dispute_open", table_name="dispute", postgresql_where="closed_at IS NULL")
    op.drop_index(op.f("ix_dispute_donation_id"), table_name="dispute")
    op.drop_table("dispute")
    op.drop_table("leaving")
    op.drop_index(op.f("ix_dunning_subscription_id"), table_name="dunning")
    op.drop_index(
        "ix_dunning_due",
        table_name="dunning",
        postgresql_where="recovered_at IS NULL AND given_up_at IS NULL",
    )
    op.drop_table("dunning")
    op.drop_index(op.f("ix_card_failure_stripe_customer_id"), table_name="card_failure")
    op.drop_index(op.f("ix_card_failure_fingerprint_hash_created_at"), table_name="card_failure")
    op.drop_index(op.f("ix_card_failure_created_at"), table_name="card_failure")
    op.drop_index(op.f("ix_card_failure_checkout_id"), table_name="card_failure")
    op.drop_table("card_failure")
    op.drop_table("other_way")
    op.drop_index(op.f("ix_note_account_id"), table_name="note")
    op.drop_table("note")
    op.drop_index(
        "uq_difference_open", table_name="difference", postgresql_where="repaired_at IS NULL"
    )
    op.drop_index(op.f("ix_difference_comparison_id"), table_name="difference")
    op.drop_table("difference")
    op.drop_index(op.f("ix_solved_challenge_expires_at"), table_name="solved_challenge")
    op.drop_table("solved_challenge")
    op.drop_table("paper_counter")
    op.drop_index(op.f("ix_giving_attempt_prefix_hash_created_at"), table_name="giving_attempt")
    op.drop_index(op.f("ix_giving_attempt_email_hash_created_at"), table_name="giving_attempt")
    op.drop_index(op.f("ix_giving_attempt_created_at"), table_name="giving_attempt")
    op.drop_index(op.f("ix_giving_attempt_completed_at"), table_name="giving_attempt")
    op.drop_table("giving_attempt")
    op.drop_table("comparison")
    op.drop_index(
        "uq_card_testing_one_running",
        table_name="card_testing",
        postgresql_where="ended_at IS NULL",
    )
    op.drop_index(op.f("ix_card_testing_started_at"), table_name="card_testing")
    op.drop_table("card_testing")
