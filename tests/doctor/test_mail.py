"""Our letters, their links, and whether anybody tells us of what bounces."""

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from membership.doctor import mail
from membership.doctor.findings import Finding
from membership.mail import kinds, wording
from membership.mail.models import MailReport, MailWording
from membership.staff.mail import samples
from tests import factories
from tests.doctor.conftest import Set

HOSTS = {
    "smtp.postmarkapp.com": ("POSTMARK_WEBHOOK_LOGIN", {"postmark_webhook_login": "kava:secret"}),
    "smtp-broadcasts.postmarkapp.com": (
        "POSTMARK_WEBHOOK_LOGIN",
        {"postmark_webhook_login": "kava:secret"},
    ),
    "email-smtp.eu-central-1.amazonaws.com": ("SES_TOPIC_ARN", {"ses_topic_arn": "arn"}),
    "smtp.eu.mailgun.org": ("MAILGUN_SIGNING_KEY", {"mailgun_signing_key": "key"}),
}


def only(findings: list[Finding]) -> Finding:
    (found,) = findings
    assert (found.advice == "") == (found.state == "ok"), "what is not right says what to do"
    assert found.said.endswith(".")
    return found


def reported(session: Session, provider: str, hours: int) -> None:
    """A report of `provider` that came so long ago."""
    row = MailReport(
        provider=provider,
        reference=f"{hours}",
        kind="soft_bounce",
        address="a@b.example",
        detail="",
    )
    factories.add(session, row)
    session.execute(
        text("UPDATE mail_report SET reported_at = now() - make_interval(hours => :hours)"),
        {"hours": hours},
    )


def test_all_letters_can_be_written(app: Flask, session: Session) -> None:
    """[M11][M7] Every kind that there is, in every language."""
    wording.read_anew()
    found = only(list(mail.written()))
    assert found.state == "ok"
    assert f"all {len(kinds.names())} kinds" in found.said
    assert "en, uk" in found.said


def test_a_letter_that_breaks_is_named(app: Flask, session: Session) -> None:
    """[M11] Such as by a sentence of staff's that an older release let pass."""
    row = {"kind": wording.SHARED, "language": "uk", "original": "Your newsroom,"}
    factories.add(session, MailWording(**row, text="%(nobody)s"))
    wording.read_anew()
    found = only(list(mail.written()))
    wording.read_anew()
    assert found.state == "wrong"
    assert "(uk): KeyError" in found.said
    assert "(en)" not in found.said


def test_a_kind_without_a_sample_is_named(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "ALL", ())
    found = only(list(mail.written()))
    assert found.state == "wrong"
    assert found.said.startswith(f"{2 * len(kinds.names())} cannot be written: ")
    assert len(found.line()) < 400


@pytest.mark.parametrize(
    ("public_url", "key", "state"),
    [
        ("https://courier.example", "sk_live_1", "ok"),
        ("http://localhost:8000", "sk_test_1", "ok"),
        ("http://localhost:8000", "sk_live_1", "wrong"),
    ],
)
def test_the_link_leads_readers_to_us(
    session: Session, settings_are: Set, public_url: str, key: str, state: str
) -> None:
    """[M6][M11] RFC 8058 wants https; a newsroom that takes money must have it."""
    settings_are(public_url=public_url, stripe_secret_key=key)
    found = only(list(mail.leaving()))
    assert found.state == state
    assert f"{public_url}/unsubscribe/…" in found.said


@pytest.mark.parametrize("host", HOSTS)
def test_the_provider_in_use_must_have_its_webhook(
    app: Flask, session: Session, settings_are: Set, host: str
) -> None:
    """[M4][M11] Without its secret nobody tells us what bounces, and we go on writing there."""
    name, secret = HOSTS[host]
    settings_are(smtp_url=f"smtp://user:password@{host}:587")
    found = only(list(mail.told()))
    assert found.state == "wrong"
    assert f"{name} is empty" in found.said
    assert "password" not in found.line()
    settings_are(**secret)
    found = only(list(mail.told()))
    assert found.state == "ok"
    assert "nothing has come yet" in found.said


def test_another_providers_webhook_is_of_no_use(
    app: Flask, session: Session, settings_are: Set
) -> None:
    """[M11]"""
    settings_are(smtp_url="smtps://smtp.mailgun.org", postmark_webhook_login="kava:secret")
    assert only(list(mail.told())).state == "wrong"


def test_behind_a_relay_of_ones_own_any_webhook_will_do(
    app: Flask, session: Session, settings_are: Set
) -> None:
    """[M11] The relay hands on to a provider that we cannot see."""
    settings_are(postmark_webhook_login="kava:secret")
    reported(session, "postmark", 5)
    found = only(list(mail.told()))
    assert found.state == "ok"
    assert "the last report came 5 h ago" in found.said


def test_reports_may_come_by_mail(app: Flask, session: Session, settings_are: Set) -> None:
    """[M11] Without any, it says what could be done; that a site is new is nothing wrong."""
    settings_are(smtp_url="smtp://relay.courier.example:587")
    found = only(list(mail.told()))
    assert found.state == "warning"
    assert "flask mail bounces" in found.advice
    reported(session, "mailbox", 30)
    found = only(list(mail.told()))
    assert (found.state, found.said) == ("ok", "they come by mail; the last report came 30 h ago.")
