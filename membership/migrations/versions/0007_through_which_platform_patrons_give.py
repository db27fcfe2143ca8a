"""Through which platform patrons give

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-24

"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

# revision identifiers, used by Alembic.
revision: str = "0007"
down_revision: str | Sequence[str] | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# As membership.patrons.roll works it out.
KNOWN = """
    UPDATE patron SET platform = longest.source
    FROM (
        SELECT DISTINCT ON (account_id) account_id, source FROM paid_elsewhere
        ORDER BY account_id, paid_until_at DESC, id
    ) AS longest
    WHERE longest.account_id = patron.account_id AND (
        patron.state IS NULL
        OR patron.state NOT IN ('active', 'past_due', 'paused', 'cancel_scheduled')
    )
"""


def upgrade() -> None:
    op.add_column("patron", sa.Column("platform", sa.String(), nullable=True))
    op.create_index(
        "ix_patron_platform",
        "patron",
        ["platform", "since_at", "account_id"],
        unique=False,
        postgresql_where="platform IS NOT NULL",
    )
    op.execute(KNOWN)


def downgrade() -> None:
    op.drop_index("ix_patron_platform", table_name="patron")
    op.drop_column("patron", "platform")
