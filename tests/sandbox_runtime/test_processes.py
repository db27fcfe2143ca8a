"""The Procfile's processes start together and stop together, whatever happens."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.demo.processes import Processes
from tests.sandbox_runtime.leftovers import left_behind

ROOT = Path(__file__).parents[2]
# `web` has a child of its own, as a real server has, and `stubborn` takes no notice of SIGTERM.
STEADY = """\
web: sleep 600 & exec sleep 600
worker: exec sleep 600
"""
STUBBORN = STEADY + "stubborn: trap '' TERM; while :; do sleep 1; done\n"


def start(tmp_path: Path, procfile: str) -> Processes:
    file = tmp_path / "Procfile"
    file.write_text(procfile)
    return Processes(file, os.environ | {"DATA": str(tmp_path)}, tmp_path / "kava.log")


def wait_until_started(processes: Processes, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(processes.pids) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_stop_ends_all_and_their_children(tmp_path: Path) -> None:
    processes = start(tmp_path, STEADY)
    wait_until_started(processes, 2)
    assert processes.run
    assert set(processes.pids) == {"web", "worker"}
    assert len(left_behind(tmp_path, patience=0)) >= 4
    processes.stop()
    assert not processes.run
    assert left_behind(tmp_path) == []


def test_stop_right_after_start_ends_all(tmp_path: Path) -> None:
    start(tmp_path, STEADY).stop()
    assert left_behind(tmp_path) == []


def test_what_does_not_listen_is_killed(tmp_path: Path) -> None:
    processes = start(tmp_path, STUBBORN)
    wait_until_started(processes, 3)
    processes.stop()
    assert left_behind(tmp_path) == []


def test_when_one_ends_all_end_and_it_is_named(tmp_path: Path) -> None:
    processes = start(tmp_path, STEADY + "beat: sleep 0.5; echo 'No schedule.'; exit 3\n")
    deadline = time.monotonic() + 60
    while processes.run:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    said = processes.why_ended()
    assert "beat ended with status 3" in said
    assert "    No schedule." in said
    processes.stop()
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_end_when_whoever_started_them_is_killed(
    tmp_path: Path, number: signal.Signals
) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.sandbox_runtime.test_processes import STEADY, start, wait_until_started\n"
        "wait_until_started(start(Path(sys.argv[1]), STEADY), 2)\n"
        "print('started', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        assert left_behind(tmp_path, patience=0)
        parent.send_signal(number)
    assert left_behind(tmp_path) == []
