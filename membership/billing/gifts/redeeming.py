"""Taking a gift: once, by whoever holds its link and is signed in."""

from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import belongings
from membership.accounts.models import Account
from membership.billing import givers, links
from membership.billing.gifts.lifecycle import months_later
from membership.billing.gifts.models import Gift
from membership.billing.standing import gift_taken_back


class NotToBeTakenError(RuntimeError):
    """The gift is somebody else's by now, was taken back, or is not sent yet: see its state."""

    def __init__(self, gift: Gift) -> None:
        super().__init__(f"gift {gift.id} is {gift.state}")
        self.gift = gift


def of_link(session: Session, token: str) -> Gift:
    """The gift that a link opens. Raises links.BadLinkError."""
    gift = session.get(Gift, links.subject("gift", token))
    if gift is None:
        raise links.BadLinkError("this gift is not there any more")
    return gift


def take(session: Session, gift_id: int, account_id: int) -> Gift:
    """Let an account have the gift from now on, or from the end of one that it has already.

    Of two at once one gets it, the other NotToBeTakenError; taking one's own again changes
    nothing.
    """
    # Two gifts that one account takes at once follow one another.
    account_id = givers.kept(session, account_id).id
    gift = session.get_one(Gift, gift_id, with_for_update=True, populate_existing=True)
    if gift.state == "redeemed" and gift.account_id == account_id:
        return gift
    if gift.state != "sent":
        raise NotToBeTakenError(gift)
    now = clock.now()
    begins_at = lasts_until(session, account_id) or now
    gift.state, gift.account_id, gift.redeemed_at = "redeemed", account_id, now
    gift.begins_at = begins_at
    gift.ends_at = months_later(begins_at, gift.months, clock.newsroom_zone())
    session.flush()
    return gift


def follow_on(session: Session, _old: str, address: str) -> None:
    """Let the gifts of an account come one after another, as they do when they are taken.

    Two accounts may have had one each at the same time before they were merged: the later one then
    begins when the one before ends, in full.
    """
    last: datetime | None = None
    taken = (
        select(Gift)
        .join(Account, Account.id == Gift.account_id)
        .where(Account.email == address, Gift.ends_at > clock.now(), ~gift_taken_back())
        .order_by(Gift.begins_at, Gift.id)
    )
    for gift in session.scalars(taken):
        assert gift.begins_at
        if last is not None and gift.begins_at < last:
            gift.begins_at = last
            gift.ends_at = months_later(last, gift.months, clock.newsroom_zone())
        last = gift.ends_at
    session.flush()


def _stay(_session: Session, _address: str) -> None:
    """A gift stays taken when who took it is forgotten."""


def lasts_until(session: Session, account_id: int) -> datetime | None:
    """When the last of the account's gifts ends, also of those to come; None without one."""
    return session.scalar(_last_end(account_id))


def runs_until(session: Session, account_id: int) -> datetime | None:
    """The same; None unless one of them runs now."""
    return session.scalar(_last_end(account_id).having(func.min(Gift.begins_at) <= clock.now()))


def _last_end(account_id: int) -> Select[datetime | None]:
    return select(func.max(Gift.ends_at)).where(
        Gift.account_id == account_id, Gift.ends_at > clock.now(), ~gift_taken_back()
    )


belongings.register(belongings.Belonging(move=follow_on, forget=_stay))
