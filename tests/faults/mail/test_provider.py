"""The mail server sends us away for a while, and allows only so much a second."""

from datetime import datetime, timedelta

from tests.faults.mailroom import Mailroom
from tests.system import wait_until

# More often than any mail is tried.
REFUSALS = 12
RATE = 30
SECOND = timedelta(seconds=1)
PAUSED = "SELECT count(*) FROM mail_provider WHERE paused_until_at > now()"
# Nobody has a mail in hand then: whoever had one gave it back when the server sent them away.
AFTER_THE_PAUSE = (
    "UPDATE outbox_email SET next_attempt_at = now() WHERE state = 'pending';"
    " UPDATE mail_provider SET paused_until_at = now()"
)


def test_sent_away_for_a_while(room: Mailroom) -> None:
    """[M5] The provider pauses, not the mail: however often it refuses, nothing is given up."""
    room.put(200, "news")
    room.put(5, "person", "sign_in_unknown")
    room.mail.misbehave(answer=421)
    with room.worker() as worker:
        for number in range(REFUSALS):
            if number:
                room.rows(AFTER_THE_PAUSE)
            room.deliver()
            wait_until(lambda: room.scalar(PAUSED), "a pause")
        worker.finish()
    assert room.states("news") == {"pending": 200}
    assert room.states("person") == {"pending": 5}

    room.mail.misbehave()
    room.rows("UPDATE mail_provider SET paused_until_at = now() + interval '1 hour'")
    room.let_leases_run_out()
    room.flask("mail", "deliver")
    assert room.arrived() == 0, "nobody speaks to a provider during its pause"

    room.rows("UPDATE mail_provider SET paused_until_at = now()")
    room.deliver()
    with room.worker():
        for name, number in (("news", 200), ("person", 5)):
            room.wait_until_final(name)
            room.assert_each_once(name)
            assert room.states(name) == {"sent": number}
    assert room.scalar(PAUSED) == 0
    assert room.scalar("SELECT refusals FROM mail_provider") == 0


def test_never_faster_than_is_allowed(room: Mailroom) -> None:
    """[M5] All workers share one limit. Of each, the mail in hand may be late, and no other."""
    workers = 3
    room.environment |= {"MAIL_RATE": str(RATE)}
    room.put(RATE * 3, "slow")
    room.put(RATE, "person", "sign_in_unknown")
    room.wake("mail.deliver", times=workers)
    with room.worker(children=workers - 1), room.worker(children=1):
        room.wait_until_final("slow")
        room.wait_until_final("person")
    for name, number in (("slow", RATE * 3), ("person", RATE)):
        room.assert_each_once(name)
        assert room.states(name) == {"sent": number}
    listed = room.mail.messages(fields="received_at")
    times = [datetime.fromisoformat(mail["received_at"]) for mail in listed]
    busiest = max(sum(start <= each < start + SECOND for each in times) for start in times)
    assert busiest <= RATE + workers
