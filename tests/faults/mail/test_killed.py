"""`kill -9` of the workers that hand mail over, again and again."""

import random

from tests.faults.mailroom import CHILDREN, Mailroom

LETTERS = 5000
KILLS = 10


def test_ten_kills_among_five_thousand(room: Mailroom) -> None:
    """[M2] [L22] Each is sent once or in doubt, and no more are in doubt than were in hand."""
    moments = random.Random(2026)
    room.put(LETTERS // 2, "english")
    room.put(LETTERS // 2, "ukrainian", language="uk")
    for _ in range(KILLS):
        room.deliver()
        with room.worker():
            room.wait_for_more(moments.randint(50, LETTERS // KILLS - 100))
        room.let_leases_run_out()
    room.deliver()
    with room.worker():
        for name in ("english", "ukrainian"):
            room.wait_until_final(name)
    for name in ("english", "ukrainian"):
        room.assert_each_once(name)
    states = room.states("english") + room.states("ukrainian")
    assert states.keys() <= {"sent", "uncertain"}
    assert states.total() == LETTERS
    assert states["uncertain"] <= KILLS * CHILDREN


def test_killed_while_the_server_thinks(room: Mailroom) -> None:
    """[M2] [L16] Nobody knows whether it was taken: news is left at that, a person's mail is not.

    It goes once more under its Message-ID, by which whoever gets it twice can tell.
    """
    for name, kind in (("news", "published"), ("person", "sign_in_unknown")):
        room.put(1, name, kind)
        room.mail.misbehave(stall_after_data=True)
        room.deliver()
        with room.worker():
            room.wait_for_more(1)
        room.mail.misbehave()
        assert room.states(name) == {"sending": 1}
    room.let_leases_run_out()
    room.put(1, "after")
    room.deliver()
    with room.worker():
        for name in ("news", "person", "after"):
            room.wait_until_final(name)
    (news,), (person,) = room.mail_to("news"), room.mail_to("person")
    assert (news["state"], news["attempts"]) == ("uncertain", 1)
    assert (person["state"], person["attempts"]) == ("sent", 2)
    ids = [mail["message_id"] for mail in room.mail.messages(fields="message_id")]
    assert ids.count(news["message_id"]) == 1
    assert ids.count(person["message_id"]) == 2
    assert len(ids) == 4
