"""How many letters a second leave: from rows that are due to accepted by the mail server.

Two real worker processes send the same story to everyone: claimed, looked up whether it may go,
rendered, handed over, written down. The limit is two bare smtplib loops that send the same bytes
over two kept connections to the same server, and do nothing else. The last pair is 200,000
letters, for which the workers must need no more memory than for 10,000.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from flask import Flask

from benchmarks._mailroom import (
    Workers,
    a_letter,
    peer,
    waiting,
    workers,
    write_to_all,
)
from benchmarks._surroundings import application, surroundings

GOAL = 0.5
UNIT = "letters/s"
FEW, MANY = 10_000, 200_000
SMALL_PAIRS = 5
SENDERS = 2
# What a larger heap may have by chance.
SLACK_MB = 8

BARE = """
import smtplib
import sys
port, times, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
letter = open(file, "rb").read()
connection = smtplib.SMTP("127.0.0.1", port)
connection.ehlo()
print("ready", flush=True)
sys.stdin.readline()
for number in range(times):
    connection.sendmail("post@kava.example", [f"reader{number}@example.org"], letter)
print("done", flush=True)
"""


def rounds() -> Iterator[tuple[float, float]]:
    with peer() as smtp_url, surroundings(SMTP_URL=smtp_url) as here, workers(here, 2) as ours:
        app = application(here)
        letter = here.directory / "letter"
        letter.write_bytes(a_letter(app))
        url = here.env["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            sent_a_second(app, ours, connection, 0, FEW)
            ours.forget_peak()
            for pair in range(1, SMALL_PAIRS + 1):
                value = sent_a_second(app, ours, connection, pair, FEW)
                yield value, bare_a_second(smtp_url, letter, FEW)
            few = ours.peak_mb()
            value = sent_a_second(app, ours, connection, SMALL_PAIRS + 1, MANY)
            growth = ours.peak_mb() - few
            print(
                f"{MANY:,} letters: {value:,.0f} a second; a worker's peak memory {few:.0f} MB"
                f", {growth:+.1f} MB against {FEW:,}"
            )
            assert growth < SLACK_MB, "memory grows with the number of letters"
            yield value, bare_a_second(smtp_url, letter, FEW)
            left = connection.execute(
                "SELECT count(*), min(state), max(state) FROM outbox_email"
            ).fetchone()
            assert left == ((SMALL_PAIRS + 1) * FEW + MANY, "sent", "sent"), left
        app.extensions["kava.engine"].dispose()


def sent_a_second(
    app: Flask,
    ours: Workers,
    connection: psycopg.Connection[tuple[int]],
    number: int,
    letters: int,
) -> float:
    write_to_all(app, number, letters)
    began = time.monotonic()
    ours.wake("mail.deliver", times=2)
    while waiting(connection):
        time.sleep(0.02)
    return letters / (time.monotonic() - began)


def bare_a_second(smtp_url: str, letter: Path, letters: int) -> float:
    command = [sys.executable, "-c", BARE, smtp_url.rpartition(":")[2], str(letters // SENDERS)]
    senders = [
        subprocess.Popen([*command, str(letter)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(SENDERS)
    ]
    for sender in senders:
        assert sender.stdout is not None
        assert sender.stdout.readline() == b"ready\n"
    began = time.monotonic()
    for sender in senders:
        assert sender.stdin is not None
        sender.stdin.write(b"go\n")
        sender.stdin.flush()
    for sender in senders:
        said, _ = sender.communicate()
        assert said == b"done\n"
    return letters / (time.monotonic() - began)
