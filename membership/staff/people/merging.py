"""Merging two accounts of one patron: the other is looked up by its address, both are shown side by
side, and then one of them is chosen to be kept.

How many topics somebody follows or supports is not shown: it may change with a vote (rule V4).
"""

from dataclasses import dataclass
from typing import Any

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session
from wtforms import SelectChoice

# Each says what stands in the way.
import membership.billing.merging
import membership.voting.merging  # noqa: F401
from membership.accounts import accounts, audit, merging
from membership.accounts.models import Account, Note
from membership.billing import giving
from membership.billing.gifts.models import Gift
from membership.billing.models import Checkout, Donation, Subscription
from membership.billing.papers.models import Paper
from membership.db import transaction
from membership.patrons import roll
from membership.reports import lifetime, words
from membership.reports.lifetime import Lifetime
from membership.staff.forms import FindForm, MergeAccountsForm
from membership.staff.room import FINANCE, back_to, blueprint, found, me
from membership.voting.models import Topic, Turnout
from membership.web import access


@dataclass(frozen=True)
class Side:
    """One of the two. `moves`: what goes over if the other is kept, and how many; `obstacle`: why
    this one cannot be the one that is kept, as words.MERGE_OBSTACLE names it."""

    account: Account
    support: Subscription | None
    lifetime: list[Lifetime]
    moves: list[tuple[Any, int]]
    obstacle: str | None


@blueprint.route("/patrons/<int:account_id>/merge", methods=["GET", "POST"])
@access.staff(*FINANCE)
def merge_accounts(account_id: int) -> ResponseReturnValue:
    """`address` finds the other account; sent with `keep` and `reason`, they are merged."""
    find, form = FindForm(request.args), MergeAccountsForm()
    with transaction() as session:
        account: Account = found(session.get(Account, account_id))
        if account.merged_into_id is not None:
            return back_to("staff.patron", account_id=account.merged_into_id)
        other = accounts.find(session, find.address.data) if find.address.data else None
        sides = [] if other is None else _sides(session, account, other)
        _note_look(session, {account.id, other.id if other else account.id})
        if find.address.data and other is None:
            find.address.errors = [_("There is no account with this address.")]
    form.keep.choices = [SelectChoice(each.account.id, each.account.email) for each in sides]
    if sides and form.is_submitted() and form.other.data != str(sides[-1].account.id):
        form.keep.errors = [_("Another account has this address by now. Please look at both.")]
    elif sides and form.validate_on_submit():
        refused = _merge([each.account.id for each in sides], form)
        if refused is None:
            flash(_("They are one account now. Both addresses are told."), "good")
            return back_to("staff.patron", account_id=form.keep.data)
        form.keep.errors = [refused]
    page = render_template(
        "staff/merge.html", account=account, find=find, form=form, sides=sides, words=words
    )
    return page, 400 if form.errors or find.address.errors else 200


def _merge(ids: list[int], form: MergeAccountsForm) -> str | None:
    """Why they could not be merged; nothing was done then."""
    (gone_id,) = (each for each in ids if each != form.keep.data)
    try:
        with transaction() as session:
            merging.merge(
                session, form.keep.data, gone_id, actor_id=me().id, reason=form.reason.data
            )
            # The list of patrons has one of them at once.
            roll.renew(session, [form.keep.data, gone_id])
    except merging.CannotMergeError as error:
        return str(words.MERGE_OBSTACLE[error.obstacle])
    return None


def _sides(session: Session, one: Account, other: Account) -> list[Side]:
    if one.id == other.id:
        return [_side(session, one, other)]
    return [_side(session, one, other), _side(session, other, one)]


def _side(session: Session, account: Account, other: Account) -> Side:
    return Side(
        account=account,
        support=giving.of_account(session, account.id).subscription,
        lifetime=lifetime.of_account(session, account.id),
        moves=_moves(session, account.id),
        obstacle=merging.obstacle(session, kept=account, gone=other),
    )


def _moves(session: Session, account_id: int) -> list[tuple[Any, int]]:
    counts = [
        select(func.count()).where(is_theirs).scalar_subquery()
        for is_theirs in _belongings(account_id).values()
    ]
    numbers = session.execute(select(*counts)).one()
    return list(zip(_belongings(account_id), numbers, strict=True))


def _belongings(account_id: int) -> dict[Any, ColumnElement[bool]]:
    """Names of what can be counted without telling of a vote, and whose it is."""
    return {
        _l("Regular support, also past"): Subscription.account_id == account_id,
        _l("Donations"): Donation.account_id == account_id,
        _l("Attempts to give"): Checkout.account_id == account_id,
        _l("Gifts taken"): Gift.account_id == account_id,
        _l("Receipts and statements"): Paper.is_of(account_id),
        _l("Settled votes taken part in"): Turnout.account_id == account_id,
        _l("Topics suggested"): Topic.suggested_by_id == account_id,
        _l("Notes and calls"): Note.account_id == account_id,
    }


def _note_look(session: Session, account_ids: set[int]) -> None:
    for each in sorted(account_ids):
        audit.record(session, "merge.previewed", f"account:{each}", actor_id=me().id)
