"""A list of ten thousand readers, some of whose addresses are none."""

import subprocess
import sys
from pathlib import Path

from sandbox.demo.surroundings import ROOT
from tests.faults.mailroom import Mailroom
from tests.faults.steps import locked, waits_for_lock
from tests.system import wait_until

LINES = 10_000
EVERY = 25
# What stands in every so many lines instead of an address.
WRONG = ["nobody", "a@b@readers.example", "a b@readers.example", "@", "олена@пошта.example"]
COUNT = "SELECT count(*) FROM newsletter_reader WHERE confirmed_at IS NOT NULL"
COMMAND = [sys.executable, "-m", "flask", "--app", "app", "newsletter", "import"]
CONSENT = "--confirmed-elsewhere"


def written(directory: Path) -> tuple[Path, list[int]]:
    """The file, and the numbers of its lines that nobody can be written to at."""
    file = directory / "readers.csv"
    lines = ["email,language"]
    wrong = []
    for number in range(2, LINES + 2):
        if number % EVERY:
            domain = ("readers.example", "Читачі.example")[number % 2]
            lines.append(f"Reader{number}@{domain},{('en', 'uk')[number % 2]}")
        else:
            lines.append(f"{WRONG[number // EVERY % len(WRONG)]},en")
            wrong.append(number)
    file.write_text("\n".join(lines) + "\n")
    return file, wrong


def test_ten_thousand_readers(room: Mailroom, tmp_path: Path) -> None:
    """[M8] Each line that is not taken is named with its reason; nobody gets a mail by it."""
    file, wrong = written(tmp_path)
    said = room.flask("newsletter", "import", str(file), CONSENT)
    assert said.splitlines() == [
        *(f"Line {number}: no mail address" for number in wrong),
        f"New readers: {LINES - len(wrong)}. Readers before: 0. Not taken: {len(wrong)}.",
    ]
    assert room.scalar(COUNT) == LINES - len(wrong)
    domain = "xn--80ap4asd4g.example"  # Читачі
    asked = "SELECT language FROM newsletter_reader WHERE address = :address"
    assert room.scalar(asked, address=f"reader3@{domain}") == "uk"
    assert room.scalar(asked, address="reader2@readers.example") == "en"
    again = room.flask("newsletter", "import", str(file), CONSENT)
    assert f"New readers: 0. Readers before: {LINES - len(wrong)}." in again
    assert room.scalar(COUNT) == LINES - len(wrong)
    assert room.scalar("SELECT count(*) FROM outbox_email") == 0


def test_killed_while_it_takes_them(room: Mailroom, tmp_path: Path) -> None:
    """[M8] All of the file is taken, or nothing."""
    file, _ = written(tmp_path)
    command = [*COMMAND, str(file), CONSENT]
    with (
        locked(room, "audit_entry"),
        subprocess.Popen(command, cwd=ROOT, env=room.environment) as running,
    ):
        wait_until(lambda: waits_for_lock(room), "the end of its work", 60)
        running.kill()
    assert room.scalar(COUNT) == 0
