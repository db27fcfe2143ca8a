"""Who gives: the list, for those who may see names with amounts.

Each look at donor data stands in the audit log (rules S8, S9).
"""

from flask import render_template, request
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.articles.models import Article
from membership.billing.elsewhere.models import PLATFORMS
from membership.db import transaction
from membership.patrons import saved, tags
from membership.patrons.filters import Filters
from membership.reports import patrons as listing
from membership.reports import rollups, words
from membership.reports.patrons import Place
from membership.staff.people import patron_filters
from membership.staff.room import EDITORS, FINANCE, blueprint, me
from membership.web import access

SHOWN_ARTICLES = 50


@blueprint.get("/patrons")
@access.staff(*FINANCE)
def patrons() -> str:
    filters = patron_filters.asked(request.args)
    with transaction() as session:
        page = listing.page(
            session,
            filters,
            before=Place.read(request.args.get("before", "")),
            after=Place.read(request.args.get("after", "")),
        )
        known = tags.every(session)
        audit.record(
            session,
            "patrons.listed",
            "patrons",
            actor_id=me().id,
            accounts=[patron.account.id for patron in page.patrons],
        )
        return render_template(
            "staff/patrons.html",
            page=page,
            filters=filters,
            asked=patron_filters.arguments(filters),
            in_address=patron_filters.arguments,
            as_of=rollups.rebuilt_at(session),
            views=saved.seen_by(session, me()),
            may_remove=saved.may_remove,
            may_write=access.has_role(*EDITORS),
            reader=Filters.model_validate,
            tags=known,
            tag_choices=[(tag.id, tag.name) for tag in known],
            articles=_articles(session, filters),
            words=words,
            now=clock.now(),
            me=me(),
            currencies=[(code, code) for code in settings().currencies],
            platforms=list(PLATFORMS.items()),
        )


def _articles(session: Session, filters: Filters) -> list[tuple[int, str]]:
    """Id and title of the newest stories, and of the one that is asked for."""
    newest = select(Article.id).order_by(Article.published_at.desc()).limit(SHOWN_ARTICLES)
    meant = or_(Article.id.in_(newest), Article.id == filters.article_id)
    rows = session.execute(
        select(Article.id, Article.title).where(meant).order_by(Article.published_at.desc())
    )
    return [(article_id, title) for article_id, title in rows]
