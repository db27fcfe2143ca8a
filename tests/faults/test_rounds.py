"""Votes when beats and workers are too many, or none."""

from contextlib import ExitStack
from typing import Any

from tests.faults.steps import Reader, at_once, form_of, wait_for_gift
from tests.system import System, wait_until


def a_round(system: System, title: str) -> int:
    """An open round over three topics, made in the database; it closes in an hour."""
    topics = [
        system.scalar(
            "INSERT INTO topic (slug, language, title, why, state)"
            " VALUES (:slug, 'en', :title, 'Because.', 'on_ballot') RETURNING id",
            slug=f"{title.lower().replace(' ', '-')}-{number}",
            title=f"{title}, story {number}",
        )
        for number in (1, 2, 3)
    ]
    round_id: int = system.scalar(
        "INSERT INTO round (title, state, method, max_choices, seats, quorum, tie_seed, opens_at,"
        " closes_at) VALUES (:title, 'open', 'approval', 3, 1, 1, 'seed',"
        " now() - interval '1 hour', now() + interval '1 hour') RETURNING id",
        title=title,
    )
    for topic in topics:
        system.rows("INSERT INTO round_option VALUES (:round, :topic)", round=round_id, topic=topic)
    return round_id


def choices_of(system: System, round_id: int) -> list[int]:
    options = "SELECT topic_id FROM round_option WHERE round_id = :round ORDER BY topic_id"
    return [row["topic_id"] for row in system.rows(options, round=round_id)]


def vote(reader: Reader, round_id: int, choices: list[int]) -> int:
    """Status of the answer to a ballot."""
    # A token is good for any form; a closed round's page has none.
    token = form_of(reader.get("/account/profile"), "/account/profile")
    fields: list[tuple[str, Any]] = [("csrf_token", token["csrf_token"])]
    answer = reader.post(f"/rounds/{round_id}", fields + [("choice", each) for each in choices])
    return answer.status_code


def close(system: System, round_id: int) -> None:
    system.rows("UPDATE round SET closes_at = clock_timestamp() WHERE id = :id", id=round_id)


def state_of(system: System, round_id: int) -> str:
    return str(system.scalar("SELECT state FROM round WHERE id = :id", id=round_id))


def test_two_beats_and_three_workers_settle_once(system: System) -> None:
    """[V11] [L19] One tally, one publication, one mail to each who voted."""
    emails = [f"voter{number}@reader.example" for number in (1, 2, 3)]
    round_id = a_round(system, "Too many hands")
    first, second, third = choices_of(system, round_id)
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader(system, email)) for email in emails]
        for reader in readers:
            reader.give()
        for reader in readers:
            wait_for_gift(system, reader.email)
            reader.sign_in()
            # The first form puts its token into the cookie; two at once would be two tokens.
            reader.get("/account/profile")
        assert vote(readers[0], round_id, [third]) == 303
        ballots = [[first], [first, second], [first]]
        acts = [
            lambda reader=reader, ballot=ballot: vote(reader, round_id, ballot)
            for reader, ballot in zip(readers, ballots, strict=True)
        ]
        assert at_once(*acts * 2) == [303] * 6
        schedule = str(system.directory / "second-beat")
        stack.enter_context(system.celery("beat", "--schedule", schedule, "--pidfile="))
        for name in ("second", "third"):
            stack.enter_context(system.extra_worker(name))
        close(system, round_id)
        system.wake("voting.advance_rounds", times=20)
        wait_until(lambda: state_of(system, round_id) == "settled", "the settled round")
        system.wake("voting.advance_rounds", times=20)

        (tally,) = system.rows("SELECT * FROM tally WHERE round_id = :id", id=round_id)
        assert tally["ballots"] == 3
        assert tally["result"]["votes"] == {str(first): 3, str(second): 1, str(third): 0}
        assert tally["result"]["winners"] == [first]
        steps = system.rows(
            "SELECT to_state, count(*) FROM topic_change WHERE topic_id = :id GROUP BY to_state",
            id=first,
        )
        assert {"to_state": "selected", "count": 1} in steps
        publish(system, stack.enter_context(Reader(system, "staff@kava.example")), first)

        def told() -> list[str]:
            kinds = ("welcome", "receipt", "sign_in")
            rows = system.rows(
                "SELECT recipient, state FROM outbox_email WHERE recipient LIKE 'voter%'"
                " AND NOT kind = ANY(:kinds) ORDER BY recipient",
                kinds=list(kinds),
            )
            return [row["recipient"] for row in rows if row["state"] == "sent"]

        wait_until(lambda: told() == emails, lambda: f"one mail each ({told()})")
        for email in emails:
            about = [m for m in system.mails(email) if "Too many hands, story 1" in m["text"]]
            assert len(about) == 1


def publish(system: System, staff: Reader, topic_id: int) -> None:
    """Two impatient editors press each button together."""
    staff.sign_in()
    page = f"/staff/topics/{topic_id}"
    fields = form_of(staff.get(page), "/assign")
    if fields.get("reporter") is None:
        fields["reporter"] = system.scalar("SELECT id FROM account WHERE role = 'editor'")
    pressed = at_once(*[lambda: staff.post(f"{page}/assign", fields)] * 2)
    assert 303 in {each.status_code for each in pressed}
    article = system.scalar("SELECT id FROM article ORDER BY id LIMIT 1")
    to = f"{page}/publish/{article}"
    token = {"csrf_token": fields["csrf_token"]}
    pressed = at_once(*[lambda: staff.post(to, token)] * 4)
    assert sorted(each.status_code for each in pressed) == [303, 409, 409, 409]


def test_a_round_is_over_though_no_beat_runs(system: System) -> None:
    """[L21] [V1] By the database's clock: the vote is refused, and nothing is changed."""
    with Reader(system, "late@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        reader.sign_in()
        round_id = a_round(system, "Nobody closes it")
        first, second, _ = choices_of(system, round_id)
        assert vote(reader, round_id, [first]) == 303
        with system.stopped("beat"), system.stopped("worker"):
            close(system, round_id)
            assert vote(reader, round_id, [second]) == 409
            assert state_of(system, round_id) == "open"
            ballots = "SELECT choices FROM ballot WHERE round_id = :id"
            assert system.rows(ballots, id=round_id) == [{"choices": [first]}]
            page = reader.get(f"/rounds/{round_id}")
            assert page.status_code == 200
            assert 'name="choice"' not in page.text
        wait_until(lambda: state_of(system, round_id) == "settled", "the settled round")
        assert vote(reader, round_id, [second]) == 409
        (tally,) = system.rows("SELECT result FROM tally WHERE round_id = :id", id=round_id)
        assert tally["result"]["votes"][str(first)] == 1
        assert tally["result"]["votes"][str(second)] == 0
