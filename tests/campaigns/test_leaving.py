"""Campaigns as they leave: who gets the letter, who gets none, and figures that add up."""

from datetime import timedelta

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from membership import clock
from membership.campaigns import campaigns, sending
from membership.campaigns.models import Campaign
from membership.db import statements, transaction
from membership.mail import claiming, delivery, refusals
from membership.mail.models import Suppression
from sandbox.inbox import Inbox
from tests import factories
from tests.campaigns import newsroom
from tests.campaigns.newsroom import REASON, begun, letters

TEXT = """# Good *news* & thanks

You paid for [the harbour](/articles/harbour): 5 < 6, "quoted".

- **one**
- two <b>bold</b>

> She said so.
"""
READ = """Good news & thanks

You paid for the harbour (http://localhost/articles/harbour): 5 < 6, "quoted".

- one
- two <b>bold</b>

> She said so.

Your newsroom,
The Courier
"""


def states(session: Session, campaign: Campaign) -> dict[str, int]:
    """Of its mails, as its page says it; they add up to its recipients."""
    found = sending.figures(session, [campaign.id])[campaign.id]
    assert found.all == campaign.recipients
    return found.states


def test_as_many_as_were_counted_and_each_has_an_end(session: Session, inbox: Inbox) -> None:
    """[M3] [M4] The number that is shown, the rows, and the sum of what became of them."""
    people = [factories.patron(session).email for _ in range(7)]
    unwilling, away, blocked, late = people[:4]
    refusals.refuse(session, unwilling, "campaign")
    refusals.pause(session, away, None)
    session.add(Suppression(address=blocked, reason="hard_bounce"))
    campaign = newsroom.scheduled(session)
    shown = campaigns.people(session, campaign)
    assert (shown.people, shown.without) == (7, 3)
    sending.advance(session, campaign.id)
    assert campaign.recipients == shown.people == len(letters(session, campaign))
    # Who says no before it leaves has said no.
    refusals.refuse(session, late, "campaign")
    session.flush()
    delivery.deliver_due()
    assert states(session, campaign) == {"sent": 3, "suppressed": 4}
    assert sorted(mail["to"] for mail in inbox.messages()) == sorted(people[4:])
    sending.advance(session, campaign.id)
    assert campaign.state == "finished"


def test_a_paused_one_waits_and_then_goes_on(session: Session, inbox: Inbox) -> None:
    """[M3] [L22] Whoever had it does not get it again."""
    people = sorted(factories.patron(session).email for _ in range(4))
    campaign = begun(session)
    *_others, last = letters(session, campaign)
    # As if the mail server had not wanted this one just now.
    last.next_attempt_at = clock.now() + timedelta(minutes=5)
    session.flush()
    delivery.deliver_due()
    assert len(inbox.messages()) == 3
    campaigns.pause(session, campaign, factories.staff(session), REASON)
    with clock.fixed(clock.now() + timedelta(days=1)):
        assert delivery.deliver_due() == {}
    assert states(session, campaign) == {"sent": 3, "pending": 1}
    campaigns.resume(session, campaign, factories.staff(session))
    session.flush()
    delivery.deliver_due()
    assert states(session, campaign) == {"sent": 4}
    assert sorted(mail["to"] for mail in inbox.messages()) == people


def test_a_stopped_one_goes_to_nobody_else(session: Session, inbox: Inbox) -> None:
    """[M3] Neither what waits nor what must be tried again; all of it is said."""
    for _ in range(4):
        factories.patron(session)
    campaign = begun(session)
    first, again, *_waiting = letters(session, campaign)
    first.state, first.settled_at = "sent", clock.now()
    again.state = "sending"
    session.flush()
    campaigns.stop(session, campaign, factories.staff(session), REASON)
    session.expire_all()
    # The mail server did not take it.
    again.state = "pending"
    session.flush()
    with clock.fixed(clock.now() + timedelta(days=1)):
        delivery.deliver_due()
    assert inbox.messages() == []
    assert states(session, campaign) == {"sent": 1, "expired": 3}


def test_what_a_worker_holds_when_it_is_paused_does_not_leave(committed: Engine) -> None:
    """[M2] [M3] It was taken into a batch, and its turn comes after the pause."""
    with transaction() as session:
        for _ in range(3):
            factories.patron(session)
        campaign_id = begun(session).id
    with statements() as worker:
        batch = claiming.claim(worker, claiming.BULK)
        assert claiming.step(worker, None, batch[0]) == "sending"
        with transaction() as session:
            campaign = session.get_one(Campaign, campaign_id)
            campaigns.pause(session, campaign, factories.staff(session), REASON)
        assert [claiming.step(worker, None, mail) for mail in batch[1:]] == [None, None]
        claiming.give_back(worker, batch[1:])
    with transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        rows = letters(session, campaign)
        assert [row.state for row in rows].count("sending") == 1
        assert {row.next_attempt_at for row in rows if row.state == "pending"} == {None}


def test_a_long_pause_writes_nothing_again_and_again(session: Session) -> None:
    """[M3] Each run of the background looks at it; a hundred thousand rows must rest."""
    for _ in range(2):
        factories.patron(session)
    campaign = begun(session)
    campaigns.pause(session, campaign, factories.staff(session), REASON)
    session.flush()
    places = text("SELECT array_agg(ctid::text) FROM outbox_email WHERE campaign_id = :id")
    before = session.scalar(places, {"id": campaign.id})
    sending.advance(session, campaign.id)
    assert session.scalar(places, {"id": campaign.id}) == before


def test_the_letter_reads_well_as_text_and_is_safe_as_html(session: Session, inbox: Inbox) -> None:
    """[M6] [M7] [S10] One of its words is no markup in the other part; nothing is loaded."""
    factories.patron(session)
    begun(session, subjects={"en": "Thanks & news"}, bodies={"en": TEXT})
    delivery.deliver_due()
    (mail,) = inbox.messages()
    assert mail["subject"] == "Thanks & news"
    body, signature = mail["text"].split("-- \n")
    assert body.strip() == READ.strip()
    assert "You get this mail because you support us" in signature
    (link,) = mail["headers"]["List-Unsubscribe"].strip("<>").split()
    assert link in signature
    assert "two &lt;b&gt;bold&lt;/b&gt;" in mail["html"]
    assert 'href="http://localhost/articles/harbour"' in mail["html"]
    for foreign in ("<script", "<img", "<b>", "src=", "@import", "url("):
        assert foreign not in mail["html"]
