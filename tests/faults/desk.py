"""An editor's desk as a process of its own: what is done to a campaign, and what is seen of it.

Each line of its input is a deed and what it is done to, as JSON; so is each line of its answer.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from membership import clock
from membership.accounts.models import Account
from membership.campaigns import campaigns, sending
from membership.campaigns.models import Campaign
from membership.db import transaction
from membership.mail import refusals
from membership.mail.models import Suppression
from sandbox.demo.surroundings import ROOT
from sandbox.services import tied
from tests import factories
from tests.campaigns import newsroom
from tests.faults.mailroom import Mailroom

Desk = Callable[..., Any]
# Of the readers, so many get no letter: one for each reason.
WITHOUT = 3


@contextmanager
def opened(room: Mailroom) -> Iterator[Desk]:
    """Call it with a deed and what it is done to; it answers once that is committed."""
    command = [sys.executable, "-m", "tests.faults.desk"]
    with (
        (room.directory / "log" / "extra.log").open("ab") as log,
        subprocess.Popen(
            tied(command, "KILL"), cwd=ROOT, env=room.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        ) as process,
    ):  # fmt: skip
        assert process.stdin
        assert process.stdout

        def do(deed: str, *values: int) -> Any:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps([deed, *values]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield do
        process.stdin.close()


def write(session: Session, readers: int) -> dict[str, int]:
    """A campaign to so many, due for an hour; its number, and the size that is shown."""
    people = [factories.patron(session).email for _ in range(readers)]
    refusals.refuse(session, people[0], "campaign")
    refusals.pause(session, people[1], None)
    session.add(Suppression(address=people[2], reason="complaint"))
    editor = factories.staff(session)
    campaign = newsroom.written(session, editor)
    campaigns.schedule(session, campaign, editor, clock.now() - timedelta(hours=1))
    return {"id": campaign.id, "people": campaigns.people(session, campaign).people}


def pause(session: Session, campaign_id: int) -> None:
    campaigns.pause(session, *_both(session, campaign_id), newsroom.REASON)


def resume(session: Session, campaign_id: int) -> None:
    campaigns.resume(session, *_both(session, campaign_id))


def stop(session: Session, campaign_id: int) -> None:
    campaigns.stop(session, *_both(session, campaign_id), newsroom.REASON)


def look(session: Session, campaign_id: int) -> dict[str, Any]:
    """What its page shows."""
    campaign, _ = _both(session, campaign_id)
    figures = sending.figures(session, [campaign_id])[campaign_id]
    return {"state": campaign.state, "recipients": campaign.recipients, "became": figures.states}


def _both(session: Session, campaign_id: int) -> tuple[Campaign, Account]:
    campaign = campaigns.find(session, campaign_id, to_change=True)
    assert campaign is not None
    return campaign, session.scalars(select(Account).where(Account.role == "editor")).one()


DEEDS: dict[str, Callable[..., Any]] = {
    deed.__name__: deed for deed in (write, pause, resume, stop, look)
}


def main() -> None:
    with create_app().app_context():
        for line in sys.stdin:
            deed, *values = json.loads(line)
            with transaction() as session:
                answer = DEEDS[deed](session, *values)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
