"""The board: all topics at one look, by how far they have come."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import render_template, request
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.db import transaction
from membership.staff.room import EDITORS, REPORTERS, blueprint, me
from membership.staff.topics.topic_page import names_of_writers
from membership.staff.topics.topics import in_view, supporters
from membership.voting.models import Topic
from membership.web import access

MOST = 12
LATELY = timedelta(days=60)
GIVEN = ("assigned", "published", "dropped")


@dataclass(frozen=True)
class Column:
    """`view` names the list of topics that holds all of them, not only the first ones."""

    title: Any
    view: str
    topics: list[Topic]
    goes_on: bool


@blueprint.get("/topics/board")
@access.staff(*EDITORS, *REPORTERS)
def board() -> str:
    """With `mine`: what is, or was, given to whoever asks."""
    is_mine = "mine" in request.args
    with transaction() as session:
        columns = _columns(session, me() if is_mine else None)
        shown = [topic for column in columns for topic in column.topics]
        return render_template(
            "staff/board.html",
            columns=columns,
            is_mine=is_mine,
            may_act=access.has_role(*EDITORS),
            supporters=supporters(session, shown),
            writers=names_of_writers(session, shown),
            today=clock.newsroom_day(),
        )


def _columns(session: Session, writer: Account | None) -> list[Column]:
    """All columns; for a writer those that hold what was given to somebody."""
    columns = []
    for title, view, holds, order in _kinds():
        query = select(Topic).where(holds).order_by(order, Topic.id).limit(MOST + 1)
        if writer:
            if view not in GIVEN:
                continue
            query = query.where(Topic.assigned_to_id == writer.id)
        topics = list(session.scalars(query))
        columns.append(Column(title, view, topics[:MOST], len(topics) > MOST))
    return columns


def _kinds() -> list[tuple[Any, str, ColumnElement[bool], Any]]:
    """Name, view, condition and order of each column; no order follows from a vote."""
    oldest, newest = Topic.id, Topic.id.desc()
    published_lately = and_(in_view("published"), Topic.published_at > clock.now() - LATELY)
    return [
        (_l("Suggested, not read yet"), "unread", in_view("unread"), oldest),
        (_l("Approved"), "approved", in_view("approved"), oldest),
        (_l("On the ballot"), "on_ballot", in_view("on_ballot"), oldest),
        (_l("Chosen, nobody writes it yet"), "selected", in_view("selected"), oldest),
        (_l("Being written"), "assigned", in_view("assigned"), Topic.due_on.nulls_last()),
        (_l("Published lately"), "published", published_lately, Topic.published_at.desc()),
        (_l("Not chosen"), "not_selected", in_view("not_selected"), newest),
        (_l("Dropped"), "dropped", in_view("dropped"), newest),
    ]
