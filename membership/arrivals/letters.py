"""The mail to who came from elsewhere: sent once, and only when staff asked for it."""

from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing import letters
from membership.billing.elsewhere.models import PLATFORMS
from membership.billing.elsewhere.support import ARRIVED
from membership.web.languages import address


def welcome(session: Session, account: Account, source: str) -> None:
    """Says that the support goes on as it was, and what can be done here; once per account."""
    context = {
        "name": account.name,
        "elsewhere": PLATFORMS.get(source),
        "topics_url": address("voting.topics", account.language),
    }
    letters.put(session, account, ARRIVED, f"account:{account.id}", context)
