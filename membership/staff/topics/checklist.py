"""What an editor should have looked at before a round is created: the check list of its preview."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import comb, perm
from typing import Literal

from flask_babel import format_datetime, ngettext
from flask_babel import gettext as _
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.db import database_now
from membership.mail.models import MailRefusal, Suppression
from membership.voting import audience, telling
from membership.voting.drafts import Rules
from membership.voting.eligibility import may_take_part
from membership.voting.models import Round, Tally, Topic
from membership.web.pages import show_number

FEW_TOPICS = 3
SHORT, LONG = timedelta(days=1), timedelta(days=28)
# Whoever may vote and has not is reminded a day before the end of a round of at least this.
REMINDED = timedelta(days=3)
PAST_ROUNDS = 3
# So far back lots that were drawn and thrown away are counted.
LATELY = timedelta(days=90)


@dataclass(frozen=True)
class Check:
    """One line: `tone` is good, or warning where another look is worth it; nothing is refused."""

    name: str
    text: str
    tone: Literal["good", "warning"]


def look_over(
    session: Session, rules: Rules, topics: Sequence[Topic], draft_id: int | None = None
) -> list[Check]:
    """The check list of a round that could be created; `draft_id` when it is a draft already."""
    may_vote = _may_vote(session)
    return [
        _enough_topics(rules, len(topics)),
        _all_read(topics),
        _times(session, rules),
        _quorum(session, rules, may_vote),
        _secrecy(session, rules, len(topics), may_vote),
        _mails(session, rules),
        _overlap(session, rules, draft_id),
        _seed(session, topics, draft_id),
    ]


def _check(name: str, text: str, warns: bool) -> Check:
    return Check(name, text, "warning" if warns else "good")


def _enough_topics(rules: Rules, topics: int) -> Check:
    text = _(
        "%(topics)s stand, a patron chooses up to %(most)s, %(seats)s will win.",
        topics=topics, most=rules.max_choices, seats=rules.seats,
    )  # fmt: skip
    says_all = rules.method == "approval" and rules.max_choices == topics
    if topics < FEW_TOPICS:
        text += " " + _("With two topics there is little to choose from.")
    elif says_all:
        text += " " + _("Whoever chooses all of them has said nothing.")
    return _check(_("Topics"), text, topics < FEW_TOPICS or says_all)


def _all_read(topics: Sequence[Topic]) -> Check:
    unread = [topic.title for topic in topics if topic.approved_at is None]
    if not unread:
        said = _("An editor has approved each title and reason.")
        return _check(_("Titles and reasons"), said, False)
    listed = " ".join(_("“%(title)s”", title=title) for title in unread)
    said = _("Nobody has approved these yet; the ballot does: %(topics)s", topics=listed)
    return _check(_("Titles and reasons"), said, True)


def _times(session: Session, rules: Rules) -> Check:
    length = rules.closes_at - rules.opens_at
    text = _(
        "From %(opens)s to %(closes)s (%(zone)s), %(length)s.",
        opens=_weekday(rules.opens_at),
        closes=_weekday(rules.closes_at),
        zone=settings().time_zone,
        length=_length(length),
    )
    opens_at_once = rules.opens_at <= database_now(session)
    if length < SHORT:
        text += " " + _("Whoever looks in once a day may miss it.")
    elif length > LONG:
        text += " " + _("That is long: many will have forgotten it by the end.")
    if opens_at_once:
        text += " " + _("It opens at once: nobody can look at topics and rules beforehand.")
    return _check(_("Times"), text, not SHORT <= length <= LONG or opens_at_once)


def _quorum(session: Session, rules: Rules, may_vote: int) -> Check:
    past = _past_turnout(session)
    text = ngettext(
        "%(num)d ballot is needed;", "%(num)d ballots are needed;", rules.quorum
    ) + " " + ngettext(
        "%(number)s patron may vote now.", "%(number)s patrons may vote now.", may_vote,
        number=show_number(may_vote),
    )  # fmt: skip
    if past:
        text += " " + _(
            "In the last rounds so many voted: %(past)s.", past=", ".join(map(str, past))
        )
    if rules.quorum > may_vote:
        text += " " + _("That cannot be reached.")
    elif past and rules.quorum > min(past):
        text += " " + _("Not every one of these rounds would have reached it.")
    elif rules.quorum == 1:
        text += " " + _("A single ballot would decide.")
    warns = rules.quorum > min([may_vote, *past]) or rules.quorum == 1
    return _check(_("Quorum"), text, warns)


def _secrecy(session: Session, rules: Rules, topics: int, may_vote: int) -> Check:
    """Whether somebody could be told to fill in a ballot like no other, and be found by it."""
    ways = comb if rules.method == "approval" else perm
    possible = sum(ways(topics, chosen) for chosen in range(1, rules.max_choices + 1))
    voters = min([may_vote, *_past_turnout(session)])
    text = _(
        "%(ballots)s different ballots are possible; about %(voters)s voters are expected.",
        ballots=show_number(possible),
        voters=show_number(voters),
    )
    if possible > voters:
        text += " " + _(
            "A voter can be told to fill in one that nobody else does, and be found by it when the "
            "ballots are published. Fewer topics or fewer choices make that harder."
        )
    return _check(_("Secrecy"), text, possible > voters)


def _mails(session: Session, rules: Rules) -> Check:
    """As many as want the mail about an opening round and may vote now."""
    told = _told(session)
    text = ngettext(
        "When it opens, a mail goes to %(number)s patron.",
        "When it opens, a mail goes to %(number)s patrons.",
        told,
        number=show_number(told),
    )
    if rules.closes_at - rules.opens_at >= REMINDED:
        text += " " + _("Whoever has not voted a day before the end is reminded once.")
    else:
        text += " " + _("Nobody is reminded: the round is shorter than three days.")
    return _check(_("Mails"), text, told == 0)


def _overlap(session: Session, rules: Rules, draft_id: int | None) -> Check:
    overlapping = session.scalars(
        select(Round.title)
        .where(
            Round.state.in_(("draft", "open")),
            Round.opens_at < rules.closes_at,
            Round.closes_at > rules.opens_at,
            Round.id.is_distinct_from(draft_id),
        )
        .order_by(Round.opens_at, Round.id)
    ).all()
    if not overlapping:
        return _check(_("Other rounds"), _("No other round at the same time."), False)
    listed = " ".join(_("“%(title)s”", title=title) for title in overlapping)
    said = _("At the same time patrons are asked: %(rounds)s", rounds=listed)
    return _check(_("Other rounds"), said, True)


def _seed(session: Session, topics: Sequence[Topic], draft_id: int | None) -> Check:
    said = _(
        "Follows from the round’s number and its topics. Everybody can read it on the round’s page "
        "from the moment the draft is created; each draft is in the audit log."
    )
    if draft_id is not None:
        said = _("Sealed anew with the topics, for everybody to read on the round’s page.")
    drawn = _lots_drawn(session, {topic.id for topic in topics})
    # The draft itself had to be sealed once.
    is_again = drawn > (draft_id is not None)
    if is_again:
        said += " " + ngettext(
            "Over these topics it has been sealed once in the last %(days)s days already.",
            "Over these topics it has been sealed %(num)d times in the last %(days)s days already.",
            drawn,
            days=LATELY.days,
        )
        said += " " + _("Whoever builds a round again gets another lot, and can choose among them.")
    return _check(_("Tie seed"), said, is_again)


def _lots_drawn(session: Session, topic_ids: set[int]) -> int:
    """How often a draft over two or more of these topics was created lately, or given them."""
    sealed = session.scalars(
        select(AuditEntry.detail["topics"]).where(
            AuditEntry.action.in_(("round.created", "round.changed")),
            AuditEntry.created_at > clock.now() - LATELY,
        )
    )
    return sum(len(topic_ids.intersection(paper or ())) > 1 for paper in sealed)


def _may_vote(session: Session) -> int:
    asked = select(func.count()).select_from(Account).where(may_take_part(Account.id))
    return session.scalar(asked) or 0


def _told(session: Session) -> int:
    refused = exists().where(
        MailRefusal.address == Account.email, MailRefusal.kind == telling.OPENED
    )
    blocked = exists().where(Suppression.address == Account.email)
    told = audience.readers(may_take_part(Account.id)).where(~refused, ~blocked).order_by(None)
    return session.scalar(select(func.count()).select_from(told.subquery())) or 0


def _past_turnout(session: Session) -> list[int]:
    """Valid ballots of the last rounds that are over, from their frozen tallies."""
    asked = select(Tally.ballots).order_by(Tally.round_id.desc()).limit(PAST_ROUNDS)
    return list(session.scalars(asked))


def _weekday(at: datetime) -> str:
    local = at.astimezone(clock.newsroom_zone())
    return str(format_datetime(local, "EEEE, d MMMM y, HH:mm", rebase=False))


def _length(length: timedelta) -> str:
    if length >= SHORT:
        return str(ngettext("%(num)d day", "%(num)d days", round(length / SHORT)))
    hours = max(round(length / timedelta(hours=1)), 1)
    return str(ngettext("%(num)d hour", "%(num)d hours", hours))
