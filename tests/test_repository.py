"""The repository tests itself."""

import re
from pathlib import Path

from flask import Flask
from sqlalchemy.orm import Session

from config.settings import Settings
from membership import money

ROOT = Path(__file__).parent.parent
SOURCES = [*ROOT.glob("membership/**/*.py"), *ROOT.glob("tasks/*.py"), ROOT / "app.py"]


def test_no_migration_is_missing(app: Flask, session: Session) -> None:
    result = app.test_cli_runner().invoke(args=["migrate", "--check"])
    assert result.exit_code == 0, result.output


def test_no_migration_rewrites_a_table() -> None:
    """The release that runs would wait; a task does such work in small steps."""
    for file in ROOT.glob("membership/migrations/versions/*.py"):
        assert not re.search(r'execute\(\s*"(UPDATE|DELETE)', file.read_text()), file.name


def test_every_wake_names_a_registered_task(app: Flask) -> None:
    celery = app.extensions["celery"]
    celery.loader.import_default_modules()
    named = {
        name
        for source in SOURCES
        for name in re.findall(r'\b(?:wake\(\w+, |send\()"([\w.]+)"', source.read_text())
    }
    scheduled = {entry["task"] for entry in celery.conf.beat_schedule.values()}
    assert named, "no wake() was found: has its form changed?"
    assert named | scheduled <= set(celery.tasks)


def test_every_setting_stands_in_the_example() -> None:
    example = (ROOT / "config/example.env").read_text()
    shown = set(re.findall(r"^#? ?([A-Z_]+)=", example, re.MULTILINE))
    assert {name.upper() for name in Settings.model_fields} <= shown


def test_every_setting_reaches_the_containers() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    given = set(re.findall(r"^    ([A-Z_]+): ", compose, re.MULTILINE))
    assert {name.upper() for name in Settings.model_fields} <= given


def test_every_kind_of_mail_has_its_three_files() -> None:
    kinds = [folder for folder in (ROOT / "templates/email").iterdir() if folder.is_dir()]
    assert kinds
    for folder in kinds:
        assert {"subject.txt", "body.txt", "body.html"} <= {file.name for file in folder.iterdir()}


def test_no_file_of_ours_is_too_long() -> None:
    # What readers download to count for themselves is one file.
    one_file = ROOT / "membership/voting/tally.py"
    long = {
        str(file.relative_to(ROOT)): lines
        for file in [*SOURCES, *ROOT.glob("sandbox/**/*.py"), *ROOT.glob("tests/**/*.py")]
        if (lines := len(file.read_text().splitlines())) > 400
        and "migrations" not in file.parts
        and file != one_file
    }
    assert not long


def test_every_offered_currency_has_tiers(settings: Settings) -> None:
    for code in settings.currencies:
        amounts = [money.from_major(tier.amount, code).minor for tier in settings.tiers[code]]
        assert amounts == sorted(amounts)
        assert amounts[0] > 0


def test_every_command_of_the_documents_exists(app: Flask) -> None:
    """[style] A command in a document that does not run is a lie to a newcomer."""
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(file.read_text() for file in documents)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`|=\d+ )make ([a-z-]+)", text, re.MULTILINE))
    assert {"demo", "test", "check"} <= named <= targets
    runner = app.test_cli_runner()
    commands = re.findall(r"flask (?:--app app |--env-file \S+ )?([a-z]+(?: [a-z]+\b)?)", text)
    assert commands
    for command in commands:
        words = [word for word in command.split() if word not in {"commands", "tables"}]
        group = app.cli.commands.get(words[0])
        assert group is not None, f"flask {command} is no command"
        if words[1:] and hasattr(group, "commands"):
            assert words[1] in group.commands, f"flask {command} is no command"
        assert runner.invoke(args=[words[0], "--help"]).exit_code == 0


def test_every_file_that_the_documents_point_to_exists() -> None:
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} points to {target}"
