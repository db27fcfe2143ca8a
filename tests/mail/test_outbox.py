"""Mail is written with the fact that causes it, once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from membership.db import transaction
from membership.mail import kinds, outbox
from tests.mail import mails


def test_the_same_fact_is_told_once(session: Session) -> None:
    """[M1] unique(kind, recipient, subject), whatever the case of the address."""
    mails.put()
    mails.put(recipient="READER1@example.org")
    mails.put(subject="test:other")
    assert [row.subject for row in mails.rows()] == ["test:1", "test:other"]


def test_two_at_once_write_one_mail(app: Flask, committed: Engine) -> None:
    """[L16] The constraint decides, not a look beforehand."""

    def put(_: int) -> None:
        with app.app_context():
            mails.put()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(16)))
    assert len(mails.rows()) == 1


def test_without_the_fact_there_is_no_mail(committed: Engine) -> None:
    """[M1] Outbox row and fact stand in one transaction."""

    def happen() -> None:
        with transaction() as session:
            outbox.put(session, kind="letter", recipient="a@b.example", subject="x", language="en")
            raise RuntimeError("the fact did not come true")

    with pytest.raises(RuntimeError):
        happen()
    assert mails.rows() == []


def test_a_kind_nobody_registered_is_refused(session: Session) -> None:
    with pytest.raises(kinds.UnknownKindError):
        mails.put(kind="leter")
