"""Files that workers make: in steps that are kept, once, and for seven days."""

import csv
import io
import itertools
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask_babel import force_locale
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing import forgetting
from membership.db import transaction
from membership.exports import everything_csv, everything_sqlite, jobs, patrons_csv
from membership.exports.models import Export, ExportChunk
from membership.mail import letters
from membership.mail.models import OutboxEmail
from membership.patrons import roll, tags
from membership.patrons.filters import Filters
from membership.patrons.models import Tagged
from membership.web.pages import show_date
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, pays


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (patrons_csv, everything_csv, everything_sqlite):
        monkeypatch.setattr(kind, "BATCH", 2)


@pytest.fixture
def finance(session: Session) -> Account:
    return factories.staff(session, "finance", email="fin@courier.example")


def take_up(holder: str) -> int | None:
    with transaction() as own:
        return jobs._take_up(own, holder)


def file_of(export: Export) -> bytes:
    return b"".join(jobs.content(export.id))


def subject_of(mail: OutboxEmail) -> str:
    mail.message_id = "<1@courier.example>"
    return str(letters.compose(mail)["Subject"])


def lines_of(export: Export) -> list[dict[str, str]]:
    text = file_of(export).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_view_becomes_a_csv_of_all_its_patrons(session: Session, finance: Account) -> None:
    """[S9] Asking is written down, with the filters."""
    for number in range(5):
        factories.patron(session, name=f"=Patron {number}", email=f"p{number}@example.org")
    pays(session, factories.account(session, email="once@example.org"), NOON + DAY)
    roll.rebuild(session)
    asked = jobs.ask(session, finance, "patrons", Filters(standing="current"))
    jobs.take_turns()
    session.refresh(asked)
    assert (asked.state, asked.rows, asked.size) == ("ready", 5, len(file_of(asked)))
    found = lines_of(asked)
    assert [line["name"] for line in found] == [f"'=Patron {n}" for n in (4, 3, 2, 1, 0)]
    assert found[0] | {"account": ""} == {
        "account": "", "address": "p4@example.org", "name": "'=Patron 4", "language": "en",
        "standing": "current", "support": "active", "interval": "month", "amount": "4.00",
        "currency": "EUR", "patron_since": "2026-03-02", "given": "4.00 EUR",
        "last_gift": "2026-03-02", "came_by_story": "", "tags": "",
    }  # fmt: skip
    session.commit()
    entry = session.scalars(select(AuditEntry)).one()
    assert (entry.action, entry.actor_id) == ("export.asked", finance.id)
    assert entry.detail == {"kind": "patrons", "filters": {"standing": "current"}}


def test_who_asked_is_told_once_by_mail(session: Session, finance: Account) -> None:
    """[L16]"""
    asked = jobs.ask(session, finance, "patrons")
    jobs.take_turns()
    jobs.take_turns()
    (mail,) = session.scalars(select(OutboxEmail))
    assert (mail.kind, mail.recipient) == ("export_ready", finance.email)
    assert mail.context["link"].endswith(f"/staff/exports/{asked.id}")
    session.refresh(asked)
    assert mail.not_after_at == asked.expires_at


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("patrons", "Your file is ready: Patrons of a view (CSV)"),
        ("everything_csv", "Your file is ready: Everything, as CSV files in a ZIP"),
        ("everything_sqlite", "Your file is ready: Everything, as a SQLite file"),
    ],
)
def test_the_mail_says_which_file_and_never_who(
    session: Session, finance: Account, kind: str, subject: str
) -> None:
    """[S10] What was looked for stays out of it."""
    wanted = Filters(text="olena") if kind == "patrons" else None
    jobs.ask(session, finance, kind, wanted)
    jobs.take_turns()
    (mail,) = session.scalars(select(OutboxEmail))
    assert subject_of(mail) == subject
    assert "olena" not in str(mail.context)
    mail.language = "uk"
    assert subject_of(mail) != subject
    with force_locale("uk"):
        day = show_date(datetime.fromisoformat(mail.context["until_at"]))
    body = letters.compose(mail).get_body(("plain",))
    assert body is not None
    assert day in body.get_content()
    mail.language = "en"
    # As the release before has put it.
    mail.context = {name: said for name, said in mail.context.items() if name != "kind"}
    assert subject_of(mail) == "Your file is ready"


def test_who_is_no_longer_staff_is_not_told(session: Session, finance: Account) -> None:
    jobs.ask(session, finance, "patrons")
    finance.role = None
    session.flush()
    jobs.take_turns()
    assert session.scalars(select(OutboxEmail)).all() == []


@pytest.mark.parametrize("kind", ["patrons", "everything_csv", "everything_sqlite"])
def test_a_killed_worker_is_followed_by_another(
    session: Session, finance: Account, kind: str
) -> None:
    """Whatever was kept is gone on from; there is one file, as if nobody had died."""
    for _ in range(5):
        factories.patron(session)
    roll.rebuild(session)
    asked = jobs.ask(session, finance, kind)
    assert take_up("dies") == asked.id
    for _ in range(2):
        assert jobs.take_step(asked.id, "dies")
    assert take_up("too early") is None
    session.refresh(asked)
    # Who gets further may die as often as it likes.
    assert asked.attempts == 0
    asked.leased_until = clock.now() - timedelta(seconds=1)
    session.flush()
    jobs.take_turns()
    # Were it still alive, it would find that the file is not its own any more.
    assert not jobs.take_step(asked.id, "dies")
    session.refresh(asked)
    assert (asked.state, asked.size) == ("ready", len(file_of(asked)))
    if kind == "patrons":
        assert len({line["account"] for line in lines_of(asked)}) == asked.rows == 5
    elif kind == "everything_csv":
        assert zipfile.ZipFile(io.BytesIO(file_of(asked))).testzip() is None
    else:
        assert file_of(asked).startswith(b"SQLite format 3")


def test_what_lies_on_another_machine_waits_for_it(session: Session, finance: Account) -> None:
    """Else two machines that take turns would begin it anew for ever."""
    asked = jobs.ask(session, finance, "everything_sqlite")
    take_up("there")
    assert jobs.take_step(asked.id, "there")
    session.refresh(asked)
    shutil.rmtree(asked.reached["folder"])
    asked.reached = asked.reached | {"host": "another"}
    session.flush()
    jobs._put_down(asked.id, "there")
    assert take_up("here") is None
    session.execute(update(Export).values(leased_until=clock.now() - jobs.PATIENCE - DAY))
    assert take_up("here") == asked.id


def test_a_worker_on_another_machine_begins_a_sqlite_file_anew(
    session: Session, finance: Account, tmp_path: Path
) -> None:
    asked = jobs.ask(session, finance, "everything_sqlite")
    take_up("dies")
    while asked.chunks == 0:
        assert jobs.take_step(asked.id, "dies")
        session.refresh(asked)
    shutil.rmtree(asked.reached["folder"])
    while jobs.take_step(asked.id, "dies"):
        pass
    session.refresh(asked)
    assert file_of(asked).count(b"SQLite format 3\0") == 1
    assert len(file_of(asked)) == asked.size
    assert [path for path in tmp_path.iterdir() if path.name.startswith("kava-export")] == []


def test_a_turn_that_took_long_leaves_the_rest_to_the_next(
    session: Session, finance: Account
) -> None:
    for _ in range(3):
        factories.patron(session)
    roll.rebuild(session)
    asked = jobs.ask(session, finance, "patrons")
    take_up("x")
    jobs._put_down(asked.id, "x")
    jobs.take_turns(seconds=0.0)
    session.refresh(asked)
    assert asked.state == "running"
    jobs.take_turns()
    session.refresh(asked)
    assert (asked.state, asked.rows) == ("ready", 3)


def test_what_never_works_is_set_aside_and_holds_nobody_up(
    session: Session, finance: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[L7]"""

    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    broken = jobs.ask(session, finance, "everything_csv")
    monkeypatch.setattr(jobs, "MAKERS", dict(jobs.MAKERS) | {"everything_csv": breaks})
    for _ in range(jobs.MOST_ATTEMPTS):
        with pytest.raises(ZeroDivisionError):
            jobs.take_turns()
        session.refresh(broken)
        broken.leased_until = None
        session.flush()
    fine = jobs.ask(session, finance, "patrons")
    jobs.take_turns()
    for each in (broken, fine):
        session.refresh(each)
    assert (broken.state, fine.state) == ("failed", "ready")


@pytest.mark.parametrize("kind", ["patrons", "everything_csv", "everything_sqlite"])
def test_who_is_forgotten_is_in_no_file(session: Session, finance: Account, kind: str) -> None:
    """[S11] A file that is ready goes at once; one that is being made is made anew."""
    gone = factories.patron(session, email="gone@example.org", name="Olena Koval")
    for _ in range(3):
        factories.patron(session)
    tag = tags.find_or_create(session, "nurse in Kherson")
    tags.add(session, finance, tag, gone)
    roll.rebuild(session)
    ready = jobs.ask(session, finance, kind)
    jobs.take_turns()
    running = jobs.ask(session, finance, kind)
    assert take_up("x") == running.id
    for _ in range(2):
        assert jobs.take_step(running.id, "x")
    forgetting.forget(session, gone)
    session.refresh(ready)
    assert (ready.state, jobs.is_there(ready, clock.now())) == ("expired", False)
    assert session.scalars(select(Tagged)).all() == []
    jobs.take_turns()
    session.refresh(running)
    assert (running.state, running.size) == ("ready", len(file_of(running)))
    if kind == "everything_csv":
        assert zipfile.ZipFile(io.BytesIO(file_of(running))).testzip() is None
    else:
        assert (
            file_of(running).count(b"SQLite format 3\0" if kind != "patrons" else b"account,") == 1
        )
        assert b"gone@example.org" not in file_of(running)


def test_what_was_looked_for_is_not_kept(session: Session, finance: Account) -> None:
    """[S10] [S9] That somebody was looked for is written down, and not who."""
    factories.patron(session, email="olena@example.org")
    factories.patron(session)
    roll.rebuild(session)
    asked = jobs.ask(session, finance, "patrons", Filters(text="olena@example.org", currency="EUR"))
    tag = tags.find_or_create(session, "press")
    tags.add_to_all(session, finance, tag, Filters(text="olena@example.org"))
    jobs.take_turns()
    session.refresh(asked)
    assert (asked.rows, asked.filters) == (1, {"text": "…", "currency": "EUR"})
    session.commit()
    for entry in session.scalars(select(AuditEntry)):
        assert "olena" not in str(entry.detail)


def test_what_was_left_on_the_disk_is_swept(
    session: Session, finance: Account, tmp_path: Path
) -> None:
    """[S10] Of a file that failed, or of a worker that was killed; not what is being made."""
    asked = jobs.ask(session, finance, "everything_sqlite")
    take_up("x")
    assert jobs.take_step(asked.id, "x")
    left, new = tmp_path / "kava-export-left", tmp_path / "kava-export-new"
    for folder in (left, new):
        folder.mkdir()
        (folder / "file").write_bytes(b"names")
    session.refresh(asked)
    needed = Path(asked.reached["folder"])
    for folder in (left, needed):
        os.utime(folder, (0, 0))
    jobs.forget_old(session)
    assert {each for each in tmp_path.iterdir() if each.name.startswith("kava-export")} == {
        needed, new,
    }  # fmt: skip
    asked.state = "failed"
    session.flush()
    jobs.forget_old(session)
    assert not needed.exists()


@pytest.mark.parametrize("is_killed", [itertools.cycle((True, False)), itertools.repeat(True)])
def test_each_step_into_sqlite_may_break_off(
    session: Session, finance: Account, tmp_path: Path, is_killed: Iterator[bool]
) -> None:
    """[M9] What SQLite has and PostgreSQL has not is not written twice, and is counted."""
    for _ in range(5):
        factories.patron(session)
    asked = jobs.ask(session, finance, "everything_sqlite")
    take_up("x")
    while jobs.take_step(asked.id, "x"):
        session.refresh(asked)
        if asked.reached["sent"] is None and next(is_killed):
            # All but what would have been kept by the commit.
            everything_sqlite.step(session, asked)
    session.refresh(asked)
    assert asked.state == "ready"
    (tmp_path / "file").write_bytes(file_of(asked))
    with closing(sqlite3.connect(tmp_path / "file")) as made:
        names = made.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'readme'"
        ).fetchall()
        counts = [made.execute(f'SELECT count(*) FROM "{name}"').fetchone() for (name,) in names]
    assert "_place" not in {name for (name,) in names}
    assert asked.rows == sum(count for (count,) in counts) > 15


def test_files_are_deleted_after_seven_days(
    session: Session, finance: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the very moment from which they cannot be had."""
    asked = jobs.ask(session, finance, "patrons")
    jobs.take_turns()
    session.refresh(asked)
    assert asked.expires_at is not None
    assert asked.finished_at is not None
    assert asked.expires_at - asked.finished_at == timedelta(days=7)
    assert not jobs.is_there(asked, asked.expires_at)
    assert jobs.forget_old(session) == 0
    monkeypatch.setattr(clock, "now", lambda until=asked.expires_at: until)
    assert jobs.forget_old(session) == 1
    assert asked.state == "expired"
    assert session.scalar(select(func.count()).select_from(ExportChunk)) == 0
