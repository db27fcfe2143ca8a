"""[V4] [L20] While a round is open, no page, feed, mail, export or command tells how it stands.

The same people are looked over the shoulder in worlds that differ in nothing but the votes.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from membership import background, clock
from membership.accounts.models import ROLES, Account, AuditEntry
from membership.arrivals.models import Arrival
from membership.articles import counting
from membership.articles.models import Tag
from membership.campaigns.audience import Audience
from membership.campaigns.models import Campaign
from membership.mail import letters
from membership.mail.models import OutboxEmail
from membership.reports import rollups, transparency_page
from membership.reports.definitions.participation import PARTICIPATION
from membership.reports.models import RollupState
from membership.voting import paper, rounds
from membership.voting.models import Round, RoundSeries, TopicFollow, TopicSupport
from tests import factories
from tests.articles import asking
from tests.campaigns import newsroom
from tests.conftest import SignedIn
from tests.exports import files
from tests.reports.giving import joins
from tests.voting.crawl import LEADS_ON, Answer, crawl, differences, forms, pages, without_figures

DAY = timedelta(days=1)
# How many choose the leading topic, the next one, and the last.
VOTES = (7, 4, 2)
WHO = ("anonymous", "voter", "silent", "lapsed", *ROLES)
# Only they see how many have voted, and only on this page.
TURNOUT_IS_FOR = ("editor", "admin")
# One of the tables of a page that asks nothing of the vote.
TABLES = {
    "overview": "waterfall",
    "retention": "patron_retention",
    "recovery": "recovery",
    "acquisition": "stories",
}
# Reached with a secret of one reader alone, or with what only Stripe and the mail server bring.
NEEDS_A_SECRET = {
    "accounts.address.confirm", "accounts.confirm", "accounts.enter_code", "defence.by_mail",
    "dunning.mend", "gifts.take", "manage.by_link", "mail.unsubscribe", "newsletter.confirm",
    "papers.paper", "papers.receipt", "papers.receipt_page", "papers.table", "staff.paper",
    "staff.event", "staff.way", "gifts.other_way_picture", "manage.cancelled", "health.ready",
    "billing.thanks", "staff.end_support", "staff.pause_support", "staff.resume_support",
    "staff.send_again",
}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """Two open rounds among enough else that every page has something to show."""

    held: tuple[Round, ...]
    voters: Sequence[Account]
    values: dict[str, list[int | str]]

    @property
    def turnout_pages(self) -> set[str]:
        """Where editors see a turnout: a round's page, also shown again by a refused form."""
        shown = {f"GET /staff/rounds/{each.id}" for each in self.held}
        forms = {
            f"POST /staff/rounds/{each.id}/{act}"
            for each in self.held
            for act in ("settle", "overrule")
        }
        return shown | forms


@pytest.fixture(autouse=True)
def _slow_looks_are_no_wrong_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our clock stands still while we look, the database's does not: pages would complain."""
    monkeypatch.setattr(clock, "TOLERANCE", DAY)


@pytest.fixture
def scene(session: Session) -> Scene:
    article = factories.article(session, tags=[Tag(slug="harbour", name="Harbour")])
    factories.topic(session, state="published", article_id=article.id, published_at=factories.NOON)
    suggested = [factories.topic(session, state=state) for state in ("suggested", "assigned")]
    now = rounds.database_now(session)
    approval = factories.round_(session, closes_at=now + 4 * DAY)
    ends_soon = {"opens_at": now - 4 * DAY, "closes_at": now + DAY / 2}
    runoff = factories.round_(session, method="instant_runoff", **ends_soon)
    draft = factories.round_(session, state="draft", opens_at=now + DAY, closes_at=now + 5 * DAY)
    over = settled(session, now)
    switched = factories.staff(session, "admin")
    transparency_page.switch(session, switched, on=True, reason="We were asked.")
    series = factories.add(
        session, RoundSeries(title="Every month", day=1, opens_at=factories.NOON.time(), days=5)
    )
    # Each option has other votes in each world.
    topics = [*(options(session, held)[0] for held in (approval, runoff)), *suggested]
    voters = [factories.patron(session) for _ in range(sum(VOTES))]
    # What pages of figures are about.
    today = clock.now()
    joins(session, today - 40 * DAY, card_expires_on=today + 9 * DAY)
    counting.add(session, counting.Seen("read", article.slug, None))
    giver = factories.patron(session)
    gift = factories.donation(session, giver)
    return Scene(
        held=(approval, runoff),
        voters=voters,
        values={
            "round_id": [approval.id, runoff.id, draft.id, over.id],
            "topic_id": [topic.id for topic in topics],
            "slug": [topic.slug for topic in topics],
            "articles.show.slug": [article.slug],
            "articles.tag.slug": ["harbour"],
            "article_id": [article.id],
            "series_id": [series.id],
            "account_id": [giver.id, voters[0].id],
            "donation_id": [gift.id],
            "subscription_id": ["1"],
            "mail_id": ["1"],
            "event_id": ["evt_1"],
            "way_id": ["1"],
            "number": ["1"],
            "switch": ["on", "off"],
            "campaign_id": [each.id for each in campaigns_of_votes(session)],
            "step": ["schedule"],
            "arrival_id": [factories.add(session, Arrival(source="stripe", state="shown")).id],
            "experiment_id": [asking.written(session).id],
            "act": ["start", "end"],
            "provider": ["postmark"],
            "table": [each.key for each in PARTICIPATION],
            **{f"staff.{page}_csv.table": [table] for page, table in TABLES.items()},
            "token": ["secret"],
            "kind": ["receipt"],
            "language": ["en"],
            "form": ["csv", "sqlite"],
            **{name: [key] for name, key in files.of_everything(session).items()},
        },
    )


def campaigns_of_votes(session: Session) -> list[Campaign]:
    """Letters to who has voted and to who never has."""
    return [
        newsroom.written(session, audience=Audience(votes=votes)) for votes in ("ever", "never")
    ]


def options(session: Session, held: Round) -> list:
    return paper.options(session, held.id)


def settled(session: Session, now) -> Round:
    held = factories.round_(session)
    first, second, _ = (topic.id for topic in options(session, held))
    for number in range(6):
        voter = factories.patron(session).id
        rounds.cast(session, held.id, voter, [first] if number else [second])
    close(session, held)
    return held


def close(session: Session, held: Round) -> None:
    held.closes_at = rounds.database_now(session)
    session.flush()
    while rounds.advance(session, held.id):
        pass


@contextmanager
def world(session: Session, scene: Scene, order: Sequence[int], turnout: int) -> Iterator[None]:
    """`turnout` of the voters want the topics in `order` (places of ballot papers by id).

    They also follow what they chose, and the topic has as many supporters of old. All of it is
    forgotten afterwards.
    """
    with session.begin_nested() as made:
        for held in scene.held:
            ids = [options(session, held)[place].id for place in order]
            wishes = [topic for topic, votes in zip(ids, VOTES, strict=True) for _ in range(votes)]
            for voter, wish in list(zip(scene.voters, wishes, strict=True))[:turnout]:
                rest = [topic for topic in ids if topic != wish]
                ranked = [wish, *rest] if held.method == "instant_runoff" else [wish]
                rounds.cast(session, held.id, voter.id, ranked)
                for table in (TopicSupport, TopicFollow):
                    session.execute(insert(table).values(topic_id=wish, account_id=voter.id))
        rounds.advance_all()
        rollups.refresh(session)
        session.execute(update(RollupState).values(rebuilt_at=factories.NOON))
        yield
        made.rollback()


def look_from(who: str, session: Session, scene: Scene, signed_in: SignedIn) -> None:
    """Sign `who` in; the voter has voted in both rounds before any world begins."""
    if who == "anonymous":
        return
    role = who if who in ROLES else None
    reader = factories.patron(session, role=role)
    if who == "voter":
        for held in scene.held:
            rounds.cast(session, held.id, reader.id, [options(session, held)[1].id])
    if who == "lapsed":
        reader = factories.account(session)
        given = factories.subscription(session, reader, state="ended", ended_at=factories.NOON)
        factories.donation(session, reader, subscription_id=given.id)
    signed_in(session, reader)


@pytest.mark.parametrize("who", WHO)
def test_nobody_sees_how_the_vote_stands(
    app: Flask,
    session: Session,
    scene: Scene,
    client: FlaskClient,
    signed_in: SignedIn,
    who: str,
) -> None:
    """[V4] [V13] [L20] Other votes, follows and supporters: every page and form answers the same.

    With another turnout, too, but for the page on which editors see the turnout: there, figures
    alone differ.
    """
    look_from(who, session, scene, signed_in)
    looked_at, sent = pages(app, scene.values), forms(app, scene.values)

    def seen(order: Sequence[int], turnout: int) -> dict[str, Answer]:
        with world(session, scene, order, turnout):
            return crawl(session, client, looked_at, sent)

    with clock.fixed(clock.now()):
        one = seen((1, 2, 0), sum(VOTES))
        other = seen((2, 0, 1), sum(VOTES))
        fewer = seen((1, 2, 0), 0)
    assert differences(one, other) == {}
    told = differences(one, fewer)
    if who not in TURNOUT_IS_FOR:
        assert told == {}
    else:
        assert {page: told[page] for page in told.keys() - scene.turnout_pages} == {}
        assert told.keys() == scene.turnout_pages
        assert all(without_figures(one[page]) == without_figures(fewer[page]) for page in told)


def test_every_page_is_reached_by_somebody(
    app: Flask, session: Session, scene: Scene, client: FlaskClient, signed_in: SignedIn
) -> None:
    """[V4] A crawl that meets nothing but closed doors would prove nothing."""
    looked_at = pages(app, scene.values)
    rollups.refresh(session)
    reached = set()
    adapter = app.url_map.bind("localhost")
    for who in ("anonymous", "voter", "admin"):
        look_from(who, session, scene, signed_in)
        for page, (status, _, _) in crawl(session, client, looked_at).items():
            if status == 200:
                path = page.removeprefix("GET ").partition("?")[0]
                reached.add(adapter.match(path, method="GET")[0])
    known = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in rule.methods}
    assert known - reached - NEEDS_A_SECRET - LEADS_ON == {"static"}


def test_own_choices_are_shown_to_their_voter_alone(
    app: Flask, session: Session, scene: Scene, client: FlaskClient, signed_in: SignedIn
) -> None:
    """[V4] Another choice of one's own changes one's own ballot, and no other page."""
    voter = factories.patron(session)
    held = scene.held[0]
    first, second, _ = (topic.id for topic in options(session, held))
    looked_at = pages(app, scene.values)
    signed_in(session, voter)
    with clock.fixed(clock.now()):
        rounds.cast(session, held.id, voter.id, [first])
        before = crawl(session, client, looked_at)
        rounds.cast(session, held.id, voter.id, [second])
        after = crawl(session, client, looked_at)
    assert differences(before, after).keys() == {f"GET /rounds/{held.id}"}


def test_the_crawl_would_notice(
    app: Flask, session: Session, scene: Scene, client: FlaskClient
) -> None:
    """After the end the same look finds other results: the tests above can fail."""
    held = scene.held[0]
    looked_at = pages(app, scene.values)

    def seen(order: Sequence[int]) -> dict[str, Answer]:
        with world(session, scene, order, sum(VOTES)):
            close(session, held)
            answers = crawl(session, client, looked_at)
        session.expire_all()
        return answers

    with clock.fixed(clock.now()):
        told = differences(seen((1, 2, 0)), seen((2, 0, 1)))
    assert f"GET /rounds/{held.id}/result" in told
    assert f"GET /rounds/{held.id}/export.json" in told


def mails_in(session: Session) -> dict[tuple[str, str, str], str]:
    """Every mail that is due, as it would leave the house, by kind, recipient and subject."""
    rows = session.scalars(select(OutboxEmail).order_by(OutboxEmail.id)).all()
    found = {}
    for row in rows:
        row.message_id = "<1@here>"
        sent = letters.compose(row)
        parts = [part.get_content() for part in sent.walk() if not part.is_multipart()]
        text = re.sub(r"/unsubscribe/[^\s\">]+", "", "\n".join([sent["Subject"], *parts]))
        found[row.kind, row.recipient, row.subject] = text
    return found


def test_no_mail_tells_how_the_vote_stands(session: Session, scene: Scene) -> None:
    """[V4] [L20] Whom a round's mails reach and what they say is the same whatever was chosen.

    Who has voted is not reminded: the turnout decides that, and nothing else.
    """

    def written(order: Sequence[int], turnout: int) -> dict[tuple[str, str, str], str]:
        with world(session, scene, order, turnout):
            mails = mails_in(session)
        session.expire_all()
        return mails

    with clock.fixed(clock.now()):
        one = written((1, 2, 0), sum(VOTES))
        other = written((2, 0, 1), sum(VOTES))
        nobody = written((1, 2, 0), 0)
    assert {kind for kind, _, _ in one} == {"round_opened", "round_closing", "round_result"}
    assert one == other
    assert one.items() <= nobody.items()
    voted = {voter.email for voter in scene.voters}
    reminded = {(kind, to) for kind, to, _ in nobody.keys() - one.keys()}
    assert reminded == {("round_closing", email) for email in voted}


def test_commands_and_the_log_of_deeds_tell_nothing(
    app: Flask, session: Session, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """[V4] [L20] Neither the operator's commands, nor what is written down when somebody votes."""
    runner = app.test_cli_runner()

    def said(order: Sequence[int], turnout: int) -> list[str]:
        caplog.clear()
        with world(session, scene, order, turnout):
            outputs = [
                runner.invoke(args=["voting", "export", str(held.id)]).output for held in scene.held
            ]
            outputs.append(runner.invoke(args=["voting", "settle"]).output)
            deeds = session.execute(
                select(AuditEntry.action, AuditEntry.subject, AuditEntry.detail).order_by(
                    AuditEntry.id
                )
            ).all()
        session.expire_all()
        # That nothing listens where Redis should, is said when it was not said lately.
        logged = [each.message for each in caplog.records if each.name != background.__name__]
        return outputs + [str(deed) for deed in deeds] + logged

    one = said((1, 2, 0), sum(VOTES))
    assert one == said((2, 0, 1), sum(VOTES)) == said((1, 2, 0), 0)
    assert all("no result yet" in output for output in one[: len(scene.held)])
