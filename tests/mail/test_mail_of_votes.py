"""Mail about a vote on its way out: what was refused, what came too late."""

from datetime import timedelta

from sqlalchemy.orm import Session

from membership import clock
from membership.mail import delivery, refusals
from membership.voting import telling
from sandbox import inbox as inboxes
from tests import factories
from tests.voting.letters_of_votes import held


def test_preferences_are_asked_when_it_leaves(session: Session, inbox: inboxes.Inbox) -> None:
    """[M4] Written to everyone; whoever has refused it by then gets none."""
    wants, refuses = factories.patron(session), factories.patron(session)
    held(session)
    telling.tell_due()
    refusals.refuse(session, refuses.email, "round_opened")
    refusals.refuse(session, wants.email, "round_result")
    assert delivery.deliver_due() == {"sent": 1, "suppressed": 1}
    assert [mail["to"] for mail in inbox.messages()] == [wants.email]


def test_after_the_close_no_invitation_leaves(session: Session, inbox: inboxes.Inbox) -> None:
    """[M5] The mail server was away until then."""
    factories.patron(session)
    round_ = held(session)
    telling.tell_due()
    with clock.fixed(round_.closes_at + timedelta(seconds=1)):
        assert delivery.deliver_due() == {"expired": 1}
    assert inbox.messages() == []
