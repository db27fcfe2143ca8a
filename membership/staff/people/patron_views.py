"""Views of the list of patrons that are kept, and tags for one patron or for all of a view.

The filters of a view stand in the address that a form is sent to.
"""

from typing import Any

from flask import abort, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from membership.accounts.models import Account
from membership.billing.forms import tidy
from membership.db import LARGEST_ID, transaction
from membership.patrons import saved, tags
from membership.patrons.filters import Filters
from membership.patrons.models import PatronTag, PatronView
from membership.patrons.saved import TextInViewError, ViewNameError
from membership.patrons.tags import TagNameError
from membership.staff.people import patron_filters
from membership.staff.room import FINANCE, back_to, blueprint, found, me
from membership.web import access
from membership.web.pages import show_number


@blueprint.post("/patrons/views")
@access.staff(*FINANCE)
def keep_view() -> Response:
    filters = patron_filters.asked(request.args)
    name, is_shared = tidy(request.form.get("name")), "shared" in request.form
    with transaction() as session:
        try:
            view = saved.keep(session, me(), name, filters, is_shared=is_shared)
        except TextInViewError:
            flash(_("A view that looks for a name or address cannot be kept."), "bad")
        except ViewNameError:
            flash(_("Give the view a name of at most 60 letters."), "bad")
        else:
            flash(_("The view “%(name)s” is kept.", name=view.name), "good")
    return back_to("staff.patrons", **patron_filters.arguments(filters))


@blueprint.post("/patrons/views/<int:view_id>/remove")
@access.staff(*FINANCE)
def remove_view(view_id: int) -> Response:
    with transaction() as session:
        view: PatronView = _row(session, PatronView, view_id)
        if not saved.may_remove(view, me()):
            abort(403)
        saved.remove(session, me(), view)
        flash(_("The view “%(name)s” is gone. Its patrons are not.", name=view.name), "good")
    return back_to("staff.patrons")


@blueprint.route("/patrons/tags", methods=["GET", "POST"])
@access.staff(*FINANCE)
def tag_view() -> ResponseReturnValue:
    """Give a tag to everybody of a view, or take it from them; first, how many that are."""
    filters = patron_filters.asked(request.args)
    if request.method != "POST":
        return _preview_of_tags(filters)
    name = tidy(request.form.get("name"))
    act = _untag_all if request.form.get("act") == "remove" else _tag_all
    with transaction() as session:
        try:
            act(session, name, filters)
        except TagNameError:
            flash(_no_name(), "bad")
    return back_to("staff.patrons", **patron_filters.arguments(filters))


def _preview_of_tags(filters: Filters) -> ResponseReturnValue:
    """How many would get the tag, or lose it; nothing is changed."""
    name = tidy(request.args.get("name"))
    is_given = request.args.get("act") != "remove"
    with transaction() as session:
        try:
            tag = tags.find(session, name)
        except TagNameError:
            flash(_no_name(), "bad")
            return back_to("staff.patrons", **patron_filters.arguments(filters))
        if tag is None and not is_given:
            flash(_no_tag(name), "bad")
            return back_to("staff.patrons", **patron_filters.arguments(filters))
        everybody, bearers = tags.count_in(session, tag, filters)
        return render_template(
            "staff/tag_view.html",
            name=tag.name if tag else name,
            is_given=is_given,
            everybody=everybody,
            changed=everybody - bearers if is_given else bearers,
            described=patron_filters.described(session, filters),
            asked=patron_filters.arguments(filters),
        )


def _tag_all(session: Session, name: str, filters: Filters) -> None:
    tag = tags.find_or_create(session, name)
    many = tags.add_to_all(session, me(), tag, filters)
    said = ngettext(
        "%(number)s more patron bears “%(tag)s” now.",
        "%(number)s more patrons bear “%(tag)s” now.",
        many,
        number=show_number(many),
        tag=tag.name,
    )
    flash(said, "good")


def _untag_all(session: Session, name: str, filters: Filters) -> None:
    tag = tags.find(session, name)
    if tag is None:
        flash(_no_tag(name), "bad")
        return
    many = tags.remove_from_all(session, me(), tag, filters)
    said = ngettext(
        "%(number)s patron no longer bears “%(tag)s”.",
        "%(number)s patrons no longer bear “%(tag)s”.",
        many,
        number=show_number(many),
        tag=tag.name,
    )
    flash(said, "good")


@blueprint.post("/patrons/<int:account_id>/tags")
@access.staff(*FINANCE)
def tag_patron(account_id: int) -> Response:
    with transaction() as session:
        account: Account = _row(session, Account, account_id)
        try:
            tag = tags.find_or_create(session, tidy(request.form.get("name")))
        except TagNameError:
            flash(_no_name(), "bad")
        else:
            tags.add(session, me(), tag, account)
    return back_to("staff.patron", account_id=account_id)


@blueprint.post("/patrons/<int:account_id>/tags/<int:tag_id>/remove")
@access.staff(*FINANCE)
def untag_patron(account_id: int, tag_id: int) -> Response:
    with transaction() as session:
        account: Account = _row(session, Account, account_id)
        tag: PatronTag = _row(session, PatronTag, tag_id)
        tags.remove(session, me(), tag, account)
    return back_to("staff.patron", account_id=account_id)


def _row(session: Session, kind: type[Any], key: int) -> Any:
    """The row, or the page that says there is none."""
    return found(session.get(kind, key) if key <= LARGEST_ID else None)


def _no_tag(name: str) -> str:
    return str(_("There is no tag “%(name)s”.", name=name))


def _no_name() -> str:
    return str(_("Write the tag: a word or a few, at most 40 letters."))
