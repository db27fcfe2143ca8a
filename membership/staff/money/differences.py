"""What the nightly comparisons found to differ from Stripe, and what became of it (rule B4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import flash, render_template, request
from flask_babel import gettext as _
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.billing.comparison import run
from membership.billing.comparison.models import Comparison, Difference
from membership.billing.models import Donation, Subscription
from membership.db import transaction
from membership.money import Money, display
from membership.reports import stripe_words, words
from membership.staff.room import FINANCE, back_to, blueprint, me
from membership.web import access
from membership.web.languages import current_language
from membership.web.pages import show_date, show_time

PAGE = 50
SHOWN_RUNS = 14
MOST_LENGTH = 200


@dataclass(frozen=True)
class Shown:
    """One difference; `fields` are (name, ours, Stripe's) in words."""

    row: Difference
    account: Account | None
    fields: list[tuple[str, str, str]]


@blueprint.get("/differences")
@access.staff(*FINANCE)
def differences() -> str:
    kind = request.args.get("kind", "")
    kind = kind if kind in stripe_words.DIFFERENCE else ""
    state = request.args.get("state", "")
    state = state if state in {"open", "repaired"} else ""
    text = request.args.get("q", "").strip()[:MOST_LENGTH]
    with transaction() as session:
        runs = _runs(session)
        shown = _differences(session, kind, state, text, request.args.get("before", type=int))
        accounts = {each.account.id for each in shown[:PAGE] if each.account}
        if accounts:
            audit.record(
                session,
                "differences.listed",
                "differences",
                actor_id=me().id,
                accounts=sorted(accounts),
            )
    return render_template(
        "staff/differences.html",
        runs=runs,
        is_under_way=bool(runs) and _is_under_way(runs[0][0]),
        clock_tolerance=clock.TOLERANCE.total_seconds(),
        differences=shown[:PAGE],
        older=shown[PAGE - 1].row.id if len(shown) > PAGE else None,
        kind=kind,
        state=state,
        text=text,
        words=stripe_words,
    )


@blueprint.post("/differences/compare")
@access.staff(*FINANCE)
def compare_now() -> Response:
    """Let a comparison begin as soon as a worker takes it up."""
    with transaction() as session:
        run.ask(session)
        audit.record(session, "comparison.asked_for", "comparison", actor_id=me().id)
    flash(_("The comparison begins now. Look here again in some minutes."), "good")
    return back_to("staff.differences")


def _is_under_way(newest: Comparison) -> bool:
    return newest.finished_at is None and newest.started_at > clock.now() - run.STALE


def _runs(session: Session) -> list[tuple[Comparison, int]]:
    """The newest runs, each with how many differences it found."""
    found = (
        select(func.count())
        .where(Difference.comparison_id == Comparison.id)
        .correlate(Comparison)
        .scalar_subquery()
    )
    query = select(Comparison, found).order_by(Comparison.id.desc()).limit(SHOWN_RUNS)
    return [(row, count) for row, count in session.execute(query)]


def _differences(
    session: Session, kind: str, state: str, text: str, before: int | None
) -> list[Shown]:
    """One page and, when there are more, one beyond it; newest first."""
    currency = func.coalesce(Subscription.currency, Donation.currency)
    query = (
        select(Difference, Account, currency)
        .outerjoin(Account, Account.id == Difference.account_id)
        .outerjoin(Subscription, Subscription.stripe_subscription_id == Difference.stripe_id)
        .outerjoin(
            Donation,
            or_(
                Donation.stripe_invoice_id == Difference.stripe_id,
                Donation.stripe_payment_intent_id == Difference.stripe_id,
            ),
        )
        .order_by(Difference.id.desc())
        .limit(PAGE + 1)
    )
    if kind:
        query = query.where(Difference.kind == kind)
    if state:
        is_open = Difference.repaired_at.is_(None)
        query = query.where(is_open if state == "open" else ~is_open)
    if text:
        query = query.where(or_(Difference.stripe_id == text, Account.email == text))
    if before is not None:
        query = query.where(Difference.id < before)
    return [
        Shown(row, account, list(_in_words(row.fields, code)))
        for row, account, code in session.execute(query)
    ]


def _in_words(fields: dict[str, list[Any]], currency: str | None) -> Iterable[tuple[str, str, str]]:
    for name, (ours, theirs) in sorted(fields.items()):
        code = fields.get("fee_currency", [None])[-1] if name == "fee_minor" else currency
        yield (
            str(stripe_words.FIELD.get(name, name)),
            _value(name, ours, code),
            _value(name, theirs, code),
        )


def _value(name: str, value: Any, currency: str | None) -> str:
    if value is None:
        return "–"
    if name.endswith("_minor") and currency:
        return display(Money(value, currency), current_language())
    if name.endswith("_at"):
        return show_time(datetime.fromisoformat(value))
    if name.endswith("_on"):
        return show_date(date.fromisoformat(value))
    if name == "disputes":
        said = (f"{each}: {stripe_words.DISPUTE.get(it, it)}" for each, it in value.items())
        return ", ".join(said) or "–"
    known = {
        "state": words.SUBSCRIPTION,
        "interval": words.INTERVAL,
        "card": stripe_words.CARD,
    }.get(name, {})
    return str(known.get(value, value))
