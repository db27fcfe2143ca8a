"""What the settings refuse at start."""

import pytest
from pydantic import ValidationError

from config.settings import Settings


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("postmark_webhook_login", ":", "kava:sixteen letters."),
        ("postmark_webhook_login", "kava:short", "kava:sixteen: letters"),
        ("postmark_webhook_login", ":a password without user", ""),
        ("postmark_webhook_login", "a-password-without-user", ""),
        ("ses_topic_arn", "bounces", "arn:aws:sns:eu-central-1:123456789012:bounces"),
        ("ses_topic_arn", "arn:aws:sqs:eu-central-1:123456789012:bounces", ""),
        ("mailgun_signing_key", " " * 20, "0123456789abcdef0123456789abcdef"),
        ("mailgun_signing_key", "key", ""),
        ("public_url", "https://кавʼярня.example", "https://xn--80aafkatr2gxb.example"),
    ],
)
def test_what_lets_reports_in_must_not_be_guessed(
    settings: Settings, name: str, wrong: str, right: str
) -> None:
    """[M4][M6] Whoever can report a bounce can cut a reader off; links stand in plain headers."""
    known = settings.model_dump()
    with pytest.raises(ValidationError, match=name):
        Settings(_env_file=None, **(known | {name: wrong}))
    assert getattr(Settings(_env_file=None, **(known | {name: right})), name) == right
