"""From a suggestion to the story, and who is paid back or leaves on the way."""

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.faults.electorate import (
    a_round,
    choices_of,
    close,
    state_of,
    steps_of,
    tally_of,
    told,
    vote,
    voters,
)
from tests.faults.steps import Reader, at_stripe, donations, form_of, settle, wait_for_gift
from tests.system import System, wait_until

STAFF = "staff@kava.example"
NAMES = ("The bridge", "The school", "The river")


def send(reader: Reader, page: str, action: str, **fields: Any) -> Any:
    """Fill in the form on a page that is sent to `action`; the answer must be a redirect."""
    form = form_of(reader.get(page), action)
    answer = reader.post(action, form | fields)
    assert answer.status_code == 303, answer.text
    return answer


def suggest(reader: Reader, name: str) -> str:
    """The slug of a new suggestion, sent again when look-alikes are shown first."""
    title = f"{name}: who decides about it in our town?"
    page = "/topics/suggest"
    wish = {"title": title, "why": "We walk by it every day."}
    answer = reader.post(page, form_of(reader.get(page), page) | wish)
    if answer.status_code != 303:
        assert "who decides about it" in answer.text
        answer = reader.post(page, form_of(answer, page))
    assert answer.status_code == 303
    return str(answer.headers["Location"].rpartition("/")[2])


def id_of(system: System, slug: str) -> int:
    found: int = system.scalar("SELECT id FROM topic WHERE slug = :slug", slug=slug)
    return found


def build_round(staff: Reader, title: str, topics: Sequence[int]) -> int:
    """A ranking over `topics` that is open now, looked at before it is made."""
    page = staff.get("/staff/rounds/new")
    ends = datetime.now(UTC) + timedelta(days=4)
    wish = form_of(page, "/staff/rounds/new") | {
        "title": title, "topics": topics, "method": "instant_runoff", "opens_now": "y",
        "closes_at": ends.strftime("%Y-%m-%dT%H:%M"), "max_choices": "3", "seats": "1",
        "quorum": "5", "quorum_rule": "void", "tie_rule": "lot",
    }  # fmt: skip
    preview = staff.post("/staff/rounds/new", wish | {"act": "preview"})
    assert preview.status_code == 200
    assert title in preview.text
    made = staff.post("/staff/rounds/new", wish | {"act": "create"})
    assert made.status_code == 303, made.text
    return int(made.headers["Location"].rpartition("/")[2])


def rank(reader: Reader, round_id: int, ranking: Sequence[int], *, by_number: bool) -> None:
    """Vote as a browser without JavaScript sends it (numbers), or as one with it (an order)."""
    page = f"/rounds/{round_id}"
    form = form_of(reader.get(page), page)
    places = {name: "" for name in form if name.startswith("place-")}
    assert len(places) == len(NAMES)
    fields: Any = {name: value for name, value in form.items() if name not in places}
    if by_number:
        fields |= places | {f"place-{topic}": place for place, topic in enumerate(ranking, 1)}
    else:
        fields |= {"choice": list(ranking)}
    assert reader.post(page, fields).status_code == 303
    assert "You have voted" in reader.get(page).text


def verified(directory: Path) -> "subprocess.CompletedProcess[str]":
    """What the downloaded program says of the downloaded ballots, with Python and nothing else."""
    command = [sys.executable, "-I", "-S", "verify.py", "round.json"]
    return subprocess.run(
        command, cwd=directory, env={}, capture_output=True, text=True, check=False
    )


def take_home(reader: Reader, round_id: int, directory: Path) -> dict[str, Any]:
    """Download the ballots and the program that counts them; the ballots."""
    ballots = reader.get(f"/rounds/{round_id}/export.json")
    (directory / "round.json").write_bytes(ballots.content)
    (directory / "verify.py").write_bytes(reader.get("/rounds/verify.py").content)
    exported: dict[str, Any] = ballots.json()
    return exported


def test_from_a_suggestion_to_the_story(system: System, tmp_path: Path) -> None:
    """[V2] [V6] [V10] [V11] Suggested, approved, ranked, counted, checked, written, told."""
    with ExitStack() as stack:
        readers = voters(system, stack, "journey", 5)
        (follower,) = voters(system, stack, "follower", 1)
        staff = stack.enter_context(Reader(system, STAFF))
        stranger = stack.enter_context(Reader(system, "stranger@reader.example"))
        staff.sign_in()
        slugs = [suggest(reader, name) for reader, name in zip(readers, NAMES, strict=False)]
        topics = [id_of(system, slug) for slug in slugs]
        bridge, school, river = topics
        for topic, slug in zip(topics, slugs, strict=True):
            send(staff, f"/staff/topics/{topic}", f"/staff/topics/{topic}/approve")
            assert stranger.get(f"/topics/{slug}").status_code == 200
        round_id = build_round(staff, "A question of order", topics)
        everyone = sorted(reader.email for reader in readers)
        wait_until(lambda: told(system, round_id, "round_opened"), "the mail of the opening")
        assert told(system, round_id, "round_opened") == sorted([*everyone, follower.email])
        # The river loses first, and who wanted it wanted the school next.
        rankings = [[bridge], [bridge, school], [school], [school, bridge], [river, school]]
        for number, (reader, ranking) in enumerate(zip(readers, rankings, strict=True)):
            rank(reader, round_id, ranking, by_number=number % 2 == 0)
        send(follower, f"/topics/{slugs[1]}", f"/topics/{slugs[1]}/follow")
        assert stranger.get(f"/rounds/{round_id}/export.json").status_code == 404
        close(system, round_id)
        wait_until(lambda: told(system, round_id, "round_result"), "the mail of the result")
        assert told(system, round_id, "round_result") == sorted([*everyone, follower.email])
        tally = tally_of(system, round_id)
        assert tally["result"]["winners"] == [school]
        page = stranger.get(f"/rounds/{round_id}/result").text
        assert tally["digest"] in page

        exported = take_home(stranger, round_id, tmp_path)
        found = verified(tmp_path)
        assert found.returncode == 0, found.stderr
        assert tally["digest"] in found.stdout
        assert NAMES[1] in found.stdout
        file = tmp_path / "round.json"
        file.write_text(json.dumps(exported | {"ballots": exported["ballots"][::-1]}))
        assert verified(tmp_path).stdout == found.stdout
        file.write_text(json.dumps(exported | {"winners": [bridge]}))
        assert verified(tmp_path).returncode != 0

        write_it(system, staff, school)
        title = system.scalar("SELECT title FROM topic WHERE id = :id", id=school)
        for reader in [*readers, follower]:
            system.wait_for_mail(reader.email, title)
        news = "SELECT recipient FROM outbox_email WHERE kind = 'published' AND subject = :about"
        rows = system.rows(f"{news} ORDER BY recipient", about=f"topic:{school}")
        assert [row["recipient"] for row in rows] == sorted([*everyone, follower.email])
        assert title in stranger.get("/topics/reported").text


def write_it(system: System, staff: Reader, topic: int) -> None:
    """Assign the story to somebody, and publish it with an article."""
    page = f"/staff/topics/{topic}"
    reporter = system.scalar("SELECT id FROM account WHERE role IN ('reporter', 'editor') LIMIT 1")
    form = form_of(staff.get(page), f"{page}/assign") | {"reporter": reporter}
    assert staff.post(f"{page}/assign", form).status_code == 303
    article = system.scalar("SELECT id FROM article WHERE asked_topic_slug IS NULL ORDER BY id")
    token = {"csrf_token": form["csrf_token"]}
    assert staff.post(f"{page}/publish/{article}", token).status_code == 303


def test_refunds_and_leavers(system: System, tmp_path: Path) -> None:
    """[V3] [V8] [V9] Paid back before the close: void, and noted. Paid back, or deleted, after it:
    nothing of the result changes, and nothing leads from a ballot to a person.
    """
    with ExitStack() as stack:
        readers = voters(system, stack, "stays", 8)
        stranger = stack.enter_context(Reader(system, "nobody@reader.example"))
        givers = [
            stack.enter_context(Reader(system, f"{name}@voters.example"))
            for name in ("before", "afterwards", "leaver")
        ]
        for giver in givers:
            giver.give()
            wait_for_gift(system, giver.email)
            giver.sign_in()
        before, afterwards, leaver = givers
        round_id = a_round(system, "Who stays")
        first, second, third = choices_of(system, round_id)
        assert vote(before, round_id, [third]) == 303
        for reader in [afterwards, leaver, *readers]:
            assert vote(reader, round_id, [first, second]) == 303
        pay_back(system, before)
        # Other tests may have moved Stripe's clock ahead of the database's.
        system.rows("UPDATE refund SET refunded_at = least(refunded_at, now())")
        close(system, round_id)
        wait_until(lambda: state_of(system, round_id) == "settled", "the settled round")
        assert "ballot.voided" in steps_of(system, round_id)
        tally = tally_of(system, round_id)
        assert tally["ballots"] == 10
        assert tally["result"]["votes"] == {str(first): 10, str(second): 10, str(third): 0}

        exported = take_home(stranger, round_id, tmp_path)
        result = stranger.get(f"/rounds/{round_id}/result").text
        pay_back(system, afterwards)
        leave(system, leaver)
        assert tally_of(system, round_id) == tally
        assert take_home(stranger, round_id, tmp_path) == exported
        assert stranger.get(f"/rounds/{round_id}/result").text == result
        assert verified(tmp_path).returncode == 0
        links = "SELECT DISTINCT account_id, cast_at FROM ballot WHERE round_id = :id"
        assert system.rows(links, id=round_id) == [{"account_id": None, "cast_at": None}]
        assert steps_of(system, round_id).count("ballot.voided") == 1


def pay_back(system: System, reader: Reader) -> None:
    """The whole of a reader's donation, at Stripe."""
    (charge,) = at_stripe(system, reader.email, "charges")
    system.stripe_api("POST", "refunds", charge=charge["id"])
    settle(system)
    wait_until(lambda: donations(system, reader.email)[0]["refunded_minor"], "the refund")


def leave(system: System, reader: Reader) -> None:
    """Ask for deletion; the week passes."""
    page = "/account/privacy/delete"
    assert reader.post(page, form_of(reader.get(page), page)).status_code == 303
    about = "SELECT count(*) FROM account WHERE email = :email"
    system.rows(
        "UPDATE account SET delete_after_at = now() WHERE email = :email", email=reader.email
    )
    system.wake("billing.delete_due", times=2)
    wait_until(lambda: system.scalar(about, email=reader.email) == 0, "the deletion", 60)
