"""The way from a story to support, by day: read, ask seen, support page, checkout, paid, joined.

Three rollups: by story ("article"), by wording of the ask ("ask"), and what was paid by what it is
("joined"). A part is "<step>:<id>", with 0 for no story and no experiment. Who joins is counted
from the first entry of a subscription in the ledger, so that it agrees with what MRR was won;
"direct" is the last story they came from, or the first where no other is known; "influenced" are
both, so that it is never less. What Stripe had before us came from no story of ours, and no such
step is counted.
"""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import Select, func, select

from membership.billing.models import Checkout, LedgerEntry
from membership.reports.rollups.rollup import daily_count, day_of

ARTICLE, ASK, JOINED = "article", "ask", "joined"

_SEEN = """
    SELECT day, '' AS currency, step || ':' || {key} AS part, number, 0 AS minor
    FROM reading_count WHERE day >= (CAST(:since AS timestamptz) AT TIME ZONE 'UTC')::date
"""
_BEGUN = """
    SELECT (created_at AT TIME ZONE 'UTC')::date, '', 'checkout:' || coalesce({key}, 0), 1, 0
    FROM checkout
    WHERE created_at >= :since AND purpose = 'support' AND taken_over_at IS NULL
"""
_PAID = """
    SELECT (completed_at AT TIME ZONE 'UTC')::date, '', 'paid:' || coalesce({key}, 0), 1, 0
    FROM checkout
    WHERE completed_at >= :since AND state = 'completed' AND purpose = 'support'
        AND taken_over_at IS NULL
"""
_JOINED = """
    SELECT (entry.occurred_at AT TIME ZONE 'UTC')::date, entry.currency, touch.part, 1,
        entry.amount_minor
    FROM ledger_entry AS entry
    LEFT JOIN subscription ON subscription.id = entry.subscription_id
    LEFT JOIN checkout ON checkout.id = subscription.checkout_id
    CROSS JOIN LATERAL (VALUES
        (coalesce(checkout.article_id, checkout.first_article_id, 0),
            coalesce(checkout.first_article_id, checkout.article_id, 0))
    ) AS story (last, first)
    CROSS JOIN LATERAL (
        SELECT 'direct:' || last UNION SELECT 'influenced:' || last
        UNION SELECT 'influenced:' || first
    ) AS touch (part)
    WHERE checkout.taken_over_at IS NULL
        AND entry.occurred_at >= :since AND entry.movement IN ('new', 'reactivation')
        AND NOT EXISTS (
            SELECT FROM ledger_entry AS earlier
            WHERE earlier.subscription_id = entry.subscription_id AND earlier.id < entry.id
        )
"""
_PAID_FOR = """
    SELECT (completed_at AT TIME ZONE 'UTC')::date AS day, currency, what.part, 1 AS number,
        amount_minor AS minor
    FROM checkout
    CROSS JOIN LATERAL (VALUES
        ('interval:' || interval),
        ('amount:' || interval || ':' || amount_minor),
        ('country:' || coalesce(country, ''))
    ) AS what (part)
    WHERE completed_at >= :since AND state = 'completed' AND purpose = 'support'
        AND taken_over_at IS NULL
"""


def _told(since: datetime) -> Iterable[Select[date]]:
    yield select(func.min(day_of(Checkout.completed_at))).where(Checkout.told_at >= since)


def _told_or_written(since: datetime) -> Iterable[Select[date]]:
    yield from _told(since)
    yield (
        select(func.min(day_of(LedgerEntry.occurred_at))).where(
            LedgerEntry.created_at >= since, LedgerEntry.movement.in_(("new", "reactivation"))
        )
    )


def _way(key: str, columns: str) -> str:
    return " UNION ALL ".join((_SEEN.format(key=key), *(
        each.format(key=columns) for each in (_BEGUN, _PAID)
    )))  # fmt: skip


_FACTS = {
    ARTICLE: (f"{_way('article_id', 'article_id')} UNION ALL {_JOINED}", _told_or_written),
    ASK: (_way("variant_id", "ask_variant_id"), _told),
    JOINED: (_PAID_FOR, _told),
}
ROLLUPS = tuple(
    rollup
    for name, (facts, written) in _FACTS.items()
    for rollup in daily_count(name, facts, written)
)
