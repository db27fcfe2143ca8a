"""Subscriptions of others are made at the Stripe stand-in; files are small, and made up."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from tests.billing.conftest import give, standin, stripe

__all__ = ["give", "standin", "stripe"]
Run = Callable[..., list[str]]


@pytest.fixture
def command(app: Flask, tmp_path: Path) -> Run:
    """Call with a source, a file's content (None for Stripe) and options; the lines printed."""

    def act(source: str, content: str | bytes | None, *options: str, status: int = 0) -> list[str]:
        arguments = ["patrons", "import", source]
        if content is not None:
            file = tmp_path / "export.csv"
            file.write_bytes(content.encode() if isinstance(content, str) else content)
            arguments.append(str(file))
        result = app.test_cli_runner().invoke(args=[*arguments, *options])
        assert result.exit_code == status, result.output
        return result.output.splitlines()

    return act
