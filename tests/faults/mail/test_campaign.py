"""A campaign on its way: its workers are killed, and its editor pauses, resumes and stops it."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.faults import desk as desks
from tests.faults.desk import WITHOUT, Desk
from tests.faults.mailroom import CHILDREN, FINAL, LONG, Mailroom
from tests.system import wait_until

READERS = 300
# So slow that none is over before somebody can act.
RATE = 30
OF_IT = "FROM outbox_email WHERE campaign_id = :id"
DUE = f"SELECT count(*) {OF_IT} AND state = 'pending' AND next_attempt_at IS NOT NULL"
LEFT = f"SELECT count(*) {OF_IT} AND state NOT IN {FINAL}"
HELD = f"SELECT recipient {OF_IT} AND state = 'pending'"
LEASE_ENDS = "UPDATE outbox_email SET next_attempt_at = now() WHERE state = 'sending'"


@pytest.fixture
def desk(room: Mailroom) -> Iterator[Desk]:
    room.environment |= {"MAIL_RATE": str(RATE)}
    with desks.opened(room) as desk:
        yield desk


def letters(room: Mailroom) -> Counter[str]:
    """How many letters of a campaign have come to whom."""
    mails = room.mail.messages(fields="to,subject")
    return Counter(mail["to"] for mail in mails if mail["subject"] == "A word from us")


def let_all_leave(room: Mailroom, name: str) -> None:
    """Workers and beat run until they have sent whatever may leave, then end in peace."""
    room.put(1, name, "sign_in_unknown")
    with room.beat(), room.worker() as worker:
        room.wait_until_final(name)
        worker.finish()


def test_killed_paused_killed_and_finished(room: Mailroom, desk: Desk) -> None:
    """[M2] [M3] [L22] Whatever happens in between: nobody gets it twice, and its figures add up."""
    written = desk("write", READERS)
    campaign = written["id"]
    with room.beat(), room.worker() as worker:
        room.wait_for_more(40)
        worker.kill()
    desk("pause", campaign)
    before = Counter(desk("look", campaign)["became"])
    assert before["pending"] > 0
    assert room.scalar(DUE, id=campaign) == 0
    # A new worker settles what was in hand, and sends nothing of what is held.
    room.rows(LEASE_ENDS)
    let_all_leave(room, "meanwhile")
    before["uncertain"] = before.pop("sending", 0)
    assert desk("look", campaign) == {
        "state": "paused",
        "recipients": READERS,
        "became": dict(+before),
    }
    held = {row["recipient"] for row in room.rows(HELD, id=campaign)}
    assert held.isdisjoint(letters(room))

    desk("resume", campaign)
    with room.beat(), room.worker() as worker:
        room.wait_for_more(40)
        worker.kill()
    room.let_leases_run_out()
    with room.beat(), room.worker():
        wait_until(
            lambda: desk("look", campaign)["state"] == "finished",
            lambda: f"the end of the campaign ({desk('look', campaign)})",
            LONG,
        )
    ended = desk("look", campaign)
    became, came = Counter(ended["became"]), letters(room)
    assert became.keys() <= {"sent", "suppressed", "uncertain"}
    assert became.total() == ended["recipients"] == written["people"] == READERS
    assert became["suppressed"] == WITHOUT
    assert became["uncertain"] <= 2 * CHILDREN
    assert set(came.values()) == {1}
    assert became["sent"] <= len(came) <= became["sent"] + became["uncertain"]


def test_stopped_for_good(room: Mailroom, desk: Desk) -> None:
    """[M3] Who has not got it yet gets it no more, and each of them is accounted for."""
    campaign = desk("write", READERS)["id"]
    with room.beat(), room.worker() as worker:
        room.wait_for_more(20)
        desk("stop", campaign)
        wait_until(lambda: room.scalar(LEFT, id=campaign) == 0, "an end of each", LONG)
        worker.finish()
    came = letters(room)
    let_all_leave(room, "afterwards")
    assert letters(room) == came
    ended = desk("look", campaign)
    became = Counter(ended["became"])
    assert (ended["state"], became.total()) == ("stopped", READERS)
    assert became["sent"] == came.total() == len(came)
    assert became["expired"] >= READERS - len(came) - WITHOUT
