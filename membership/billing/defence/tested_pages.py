"""Closing payment pages on which cards are tried out (rule B16).

The gate keeps bots from new pages; this takes away those they hold. Only pages with several
declines are closed, so that whoever is in the middle of paying goes on undisturbed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import Select, and_, distinct, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from membership import clock
from membership.billing import gateway
from membership.billing.defence import breaker, rules
from membership.billing.defence.models import CardFailure
from membership.billing.models import Checkout
from membership.db import transaction

log = structlog.get_logger(__name__)

# With the time between two runs, a bound for what is asked of Stripe.
MOST_A_RUN = 5
LATELY = timedelta(hours=1)


@dataclass(frozen=True)
class Page:
    checkout_id: UUID
    stripe_session_id: str


def watch() -> int:
    """Judge whether cards are still tested, and close a few pages; how many were closed.

    Each in a transaction of its own. What Stripe cannot do now is due again in the next run.
    """
    with transaction() as session:
        is_tested = breaker.judge(session)
        found = _tested(session, rules.page_declines(is_tested))
    closed = 0
    for page in found:
        try:
            gateway.expire_checkout_session(page.stripe_session_id)
        except gateway.StripeUnavailableError as error:
            log.warning("stripe_unavailable", reason=str(error))
            break
        except gateway.StripeRefusedError as error:
            # It was paid or has expired meanwhile; an event tells which.
            log.info("page_not_open", checkout=str(page.checkout_id), reason=str(error))
            continue
        with transaction() as session:
            session.execute(
                update(Checkout)
                .where(Checkout.id == page.checkout_id, Checkout.state == "open")
                .values(state="expired")
            )
        closed += 1
    if closed:
        log.warning("tested_pages_closed", pages=closed)
    return closed


def _tested(session: Session, declines: int) -> list[Page]:
    """Open pages with so many declines, or with a card that was declined on many pages.

    Where a card was declined last comes first: there somebody is at it.
    """
    since = clock.now() - LATELY
    of_page = (
        select(
            CardFailure.checkout_id,
            func.count().label("declines"),
            func.max(CardFailure.created_at).label("last_at"),
        )
        .where(CardFailure.checkout_id.is_not(None), CardFailure.created_at > since)
        .group_by(CardFailure.checkout_id)
        .subquery()
    )
    found = session.execute(
        select(Checkout.id, Checkout.stripe_session_id)
        .join(of_page, of_page.c.checkout_id == Checkout.id)
        .where(
            Checkout.state == "open",
            Checkout.stripe_session_id.is_not(None),
            or_(of_page.c.declines >= declines, Checkout.id.in_(_of_tested_cards(since))),
        )
        .order_by(of_page.c.last_at.desc())
        .limit(MOST_A_RUN)
    )
    return [Page(checkout_id, session_id or "") for checkout_id, session_id in found]


def _of_tested_cards(since: datetime) -> Select[tuple[UUID]]:
    """Checkouts on which a card was declined that was declined on many; see CardFailure."""
    charge, invoice = aliased(CardFailure), aliased(CardFailure)
    tried = (
        select(
            charge.fingerprint_hash,
            func.coalesce(charge.checkout_id, invoice.checkout_id).label("checkout_id"),
        )
        .outerjoin(
            invoice,
            and_(
                charge.checkout_id.is_(None),
                invoice.checkout_id.is_not(None),
                invoice.stripe_customer_id == charge.stripe_customer_id,
            ),
        )
        .where(charge.fingerprint_hash.is_not(None), charge.created_at > since)
        .cte()
    )
    tested = (
        select(tried.c.fingerprint_hash)
        .group_by(tried.c.fingerprint_hash)
        .having(func.count(distinct(tried.c.checkout_id)) >= rules.CARD_PAGES)
    )
    return select(tried.c.checkout_id).where(tried.c.fingerprint_hash.in_(tested))
