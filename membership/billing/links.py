"""Signed links that work without signing in: to manage, to mend a card, to take a gift.

They stand in mails, which are kept and forwarded. So each opens one thing only, shows no name and
no address, and changes nothing until a button is pressed (lesson L12). One that opens an account's
support is over when the account has another address (rule S5): somebody else may read the old one's
mails.
"""

from datetime import datetime
from typing import Literal

from itsdangerous import BadData, URLSafeTimedSerializer

from config.settings import settings
from membership.web.languages import address

Purpose = Literal["manage", "mend", "gift"]
# A yearly receipt must still lead somewhere when the next one comes.
LIVES_SECONDS = 400 * 86_400


class BadLinkError(LookupError):
    """The link is not ours, was cut short on its way, or is too old."""


def token(purpose: Purpose, subject: int) -> str:
    """What stands in the link; `subject` is the id of the row that it opens."""
    return _signer(purpose).dumps(subject)


def manage_url(subscription_id: int, language: str) -> str:
    """The page on which a subscription is seen and ended without signing in (lesson L10)."""
    return address("manage.by_link", language, token=token("manage", subscription_id))


def subject(purpose: Purpose, token: str) -> int:
    """The id that `token` was made for. Raises BadLinkError."""
    return signed(purpose, token)[0]


def signed(purpose: Purpose, token: str) -> tuple[int, datetime]:
    """The id that `token` was made for, and when, to the second. Raises BadLinkError."""
    try:
        found, at = _signer(purpose).loads(token, max_age=LIVES_SECONDS, return_timestamp=True)
    except BadData as error:
        raise BadLinkError("this link does not open anything") from error
    return int(found), at


def _signer(purpose: Purpose) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().secret_key, salt=f"kava.link.{purpose}")
