"""Which mail of the back office somebody of the staff wants."""

from flask import flash, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import BooleanField

from membership.db import transaction
from membership.reports import summary
from membership.staff.room import back_to, blueprint, me
from membership.web import access


class MyMailForm(FlaskForm):  # type: ignore[misc]
    summary = BooleanField(_l("The week in figures"))


@blueprint.route("/my-mail", methods=["GET", "POST"])
@access.staff()
def my_mail() -> str | Response:
    """POST saves what is ticked."""
    with transaction() as session:
        form = MyMailForm(data={"summary": summary.is_reader(session, me())})
        if form.validate_on_submit():
            summary.choose(session, me(), wanted=form.summary.data)
            flash(_("Saved. This holds from now on."), "good")
            return back_to("staff.my_mail")
    return render_template("staff/my_mail.html", form=form)
