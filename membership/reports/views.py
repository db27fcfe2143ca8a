"""The public page of where the money comes from: there only when staff have switched it on."""

from flask import Blueprint, Response, abort, make_response, render_template

from config.settings import settings
from membership.db import transaction
from membership.reports import heartbeat, transparency_page
from membership.web import access, headers, health
from membership.web.languages import address

blueprint = Blueprint("reports", __name__)
blueprint.add_app_template_global(transparency_page.is_on, "transparency_is_on")
health.also_tell("heartbeat_seconds", heartbeat.ages)


@blueprint.get("/transparency")
@access.anyone
def transparency() -> Response:
    """The same bytes for everyone, for every cache; switched off, it is gone within minutes."""
    with transaction() as session:
        page = transparency_page.find(session)
        if not page.is_on:
            abort(404)
        values = transparency_page.values(session, page)
    alternates = [(code, address("reports.transparency", code)) for code in settings().languages]
    shown = render_template("reports/transparency.html", alternates=alternates, **values)
    return headers.keep_public(make_response(shown), headers.PUBLIC_FOR_MINUTES)
