"""Pages of topics: all of them, one of them, and those that became a story."""

from collections.abc import Sequence
from typing import Any

from flask import Response, abort, make_response, render_template, request
from flask import url_for as to
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from config.settings import settings
from membership.articles.models import Article
from membership.db import LARGEST_ID, transaction
from membership.voting import following, lists, rounds, series, suggestions, topics, way
from membership.voting.eligibility import NotEligibleError
from membership.voting.models import Round, Topic
from membership.voting.room import blueprint, is_patron, is_signed_in, may_read, sign_in_first
from membership.web import access, headers
from membership.web.languages import address

STATES = {"at-work": ("assigned", "selected"), "at-rest": ("not_selected", "dropped")}
# On the page of all topics; the rest of each list has pages of its own.
AT_A_GLANCE = 5


@blueprint.get("/topics", endpoint="topics")
@access.anyone
def show_topics() -> str:
    """All topics by state; `show` names one list alone, which goes on before the row `before`."""
    name = request.args.get("show")
    with transaction() as session:
        if name is not None:
            return _one_list(session, name)
        return render_template(
            "voting/topics.html",
            running=[
                (round_, rounds.phase(session, round_))
                for round_ in rounds.in_states(session, "open", "closed")
            ],
            upcoming=rounds.in_states(session, "draft"),
            planned_at=series.next_opening(session),
            reported=lists.reported(session, most=AT_A_GLANCE),
            suggested=_list(session, "suggested", None, AT_A_GLANCE),
            at_work=_list(session, "at-work", None, lists.ON_A_PAGE),
            at_rest=_list(session, "at-rest", None, AT_A_GLANCE),
            results=_list(session, "results", None, AT_A_GLANCE),
            is_patron=is_patron(session),
        )


@blueprint.get("/topics/reported")
@access.anyone
def reported() -> Response:
    """You asked, we reported: every published topic, its story and its vote; for every cache."""
    with transaction() as session:
        shown = lists.reported(session, before=_before())
    page = render_template(
        "voting/reported.html",
        reported=shown,
        older=_older([report.topic for report in shown], "voting.reported"),
        alternates=[(code, address("voting.reported", code)) for code in settings().languages],
    )
    return headers.keep_public(make_response(page))


@blueprint.get("/topics/<slug>")
@access.anyone
def topic(slug: str) -> ResponseReturnValue:
    """One topic and its whole public way."""
    with transaction() as session:
        found = topics.get(session, slug)
        if not may_read(session, found):
            if not is_signed_in():
                return sign_in_first(to("voting.topic", slug=slug))
            raise NotEligibleError
        original = session.get(Topic, found.merged_into_id) if found.merged_into_id else None
        stood_in = rounds.of_topic(session, found)
        return render_template(
            "voting/topic.html",
            topic=found,
            article=session.get(Article, found.article_id) if found.article_id else None,
            original=original if original and may_read(session, original) else None,
            steps=way.of(session, found, stood_in),
            vote=next(((each, rounds.phase(session, each)) for each in stood_in), None),
            days=_days_to_story(found, stood_in),
            supporters=suggestions.supporters(session, [found.id]).get(found.id),
            goes_on=found.state in following.GOES_ON,
            **_own(session, found),
        )


def _days_to_story(topic: Topic, stood_in: Sequence[Round]) -> int | None:
    settled = [each.closes_at for each in stood_in if each.state == "settled"]
    if topic.published_at is None or not settled:
        return None
    return lists.days_between(max(settled), topic.published_at)


def _own(session: Session, topic: Topic) -> dict[str, bool]:
    """What whoever is looking has to do with a topic."""
    if not is_signed_in():
        return {"is_patron": False, "is_supporter": False, "is_follower": False}
    ids = [topic.id]
    return {
        "is_patron": is_patron(session),
        "is_supporter": bool(suggestions.supported(session, current_user.id, ids)),
        "is_follower": bool(following.followed(session, current_user.id, ids)),
    }


def _one_list(session: Session, name: str) -> str:
    shown = _list(session, name, _before(), lists.ON_A_PAGE)
    rows = [getattr(each, "topic", each) for each in shown]
    return render_template(
        "voting/list.html", name=name, shown=shown, older=_older(rows, "voting.topics", show=name)
    )


def _list(session: Session, name: str, before: int | None, most: int) -> Sequence[Any]:
    """Suggestions, topics or rounds; an address with another name has never existed."""
    if name == "suggested":
        unread = is_patron(session) or access.has_role()
        return suggestions.waiting(session, unread=unread, before=before, most=most)
    if name == "results":
        return lists.results(session, before=before, most=most)
    if name not in STATES:
        abort(404)
    return lists.in_states(session, STATES[name], before=before, most=most)


def _before() -> int | None:
    text = request.args.get("before")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST_ID):
        abort(404)
    return int(text)


def _older(rows: Sequence[Topic | Round], endpoint: str, **values: Any) -> str:
    """Where a list goes on; nowhere when this page was not full."""
    if len(rows) < lists.ON_A_PAGE:
        return ""
    return to(endpoint, before=rows[-1].id, **values)
