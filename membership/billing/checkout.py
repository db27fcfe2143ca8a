"""Starting to give: a committed checkout row, then Stripe's hosted page (rules B6 to B8)."""

from dataclasses import dataclass
from itertools import count
from uuid import UUID, uuid5

import structlog
from flask_babel import gettext as _
from sqlalchemy import ScalarSelect, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from config.settings import settings
from membership.accounts.models import Account
from membership.articles.models import Article, AskVariant
from membership.billing import gateway
from membership.billing.amounts import with_card_fee
from membership.billing.fees import card_fee
from membership.billing.gifts import orders
from membership.billing.gifts.orders import Order
from membership.billing.lifecycle import LIVE
from membership.billing.models import Checkout, Subscription
from membership.billing.snapshots import CheckoutRequest, CheckoutSession
from membership.db import transaction
from membership.money import Money
from membership.web.languages import address

log = structlog.get_logger(__name__)

# The page's languages that are also ours; for others Stripe goes by the browser.
# https://docs.stripe.com/js/appendix/supported_locales (there is no Ukrainian)
STRIPE_LOCALES = frozenset({"en", "de", "fr", "pl", "es", "it"})
OVER = ("expired", "failed")
# Where the reader comes back to from Stripe's page without paying.
FORMS = {"support": "billing.support", "gift": "gifts.give_year", "pool": "gifts.give_to_pool"}


class AlreadyGivingError(RuntimeError):
    """The signed-in patron has a live subscription; a second one is never begun (rule B6)."""

    def __init__(self, subscription: Subscription) -> None:
        super().__init__(f"subscription {subscription.id} is {subscription.state}")
        self.subscription = subscription


class LeavingError(RuntimeError):
    """The signed-in reader asked to be deleted: what begins now would be ended at once."""


@dataclass(frozen=True)
class Wish:
    """What a reader asked for. `attempt` belongs to one showing of the form.

    `interval` is month, year or once; `gift` is without the card fee; `account_id` is set only
    for who is signed in; `order` says whom a year is for, with the purpose "gift" alone.
    """

    attempt: UUID
    interval: str
    gift: Money
    email: str
    language: str
    name: str | None = None
    message: str | None = None
    cover_fees: bool = False
    article: str | None = None
    # Of the way here, as far as the reader's device remembers it; what is unknown is left out.
    first_article: str | None = None
    ask_variant_id: int = 0
    account_id: int | None = None
    purpose: str = "support"
    order: Order | None = None

    @property
    def charged(self) -> Money:
        if not self.cover_fees:
            return self.gift
        return with_card_fee(self.gift, card_fee(self.gift.currency))

    def checkout_id(self, customer_id: str | None, tries: int) -> UUID:
        """The same for the same form sent twice, another for other choices or another try.

        It keys the request to Stripe, so whatever goes into that must go into it.
        """
        said = (self.interval, self.gift, self.email, self.language, self.name, self.message,
                self.cover_fees, self.article, self.account_id, self.purpose, self.order,
                customer_id, tries)  # fmt: skip
        return uuid5(self.attempt, repr(said))


def _in_the_way(session: Session, wish: Wish) -> Subscription | None:
    """The subscription beside which a second one must not begin.

    It may charge again by itself; one that is scheduled to end does not (lesson L1).
    """
    if wish.account_id is None or wish.interval == "once":
        return None
    if session.get_one(Account, wish.account_id).is_leaving:
        raise LeavingError(f"account {wish.account_id} is to be deleted")
    return session.scalar(
        select(Subscription).where(
            Subscription.account_id == wish.account_id, Subscription.state.in_(LIVE)
        )
    )


def start(wish: Wish) -> str:
    """The address of the page on which the reader pays.

    Works in transactions of its own: the row is committed before Stripe is asked, and its id is
    the idempotency key, so that a form sent twice opens one page. Raises AlreadyGivingError,
    LeavingError, and the gateway's errors when there is no page; nothing was charged then.
    """
    with transaction() as session:
        live = _in_the_way(session, wish)
    if live is not None:
        raise AlreadyGivingError(live)
    with transaction() as session:
        customer_id = _customer_of(session, wish)
        checkout = _open(session, wish, customer_id)
    if checkout.state == "completed":
        return _thanks(wish, checkout)
    try:
        made = _ask_stripe(wish, checkout, customer_id)
    except gateway.StripeUnavailableError as error:
        # Stripe replays a failure that it has answered, so the next try needs another key.
        if error.answered:
            _move(checkout, "failed")
        raise
    except gateway.StripeRefusedError as error:
        log.error("checkout_refused", checkout=str(checkout.id), code=error.code, param=error.param)
        # Another request had this key: its page is there, and may be paid.
        if error.code != gateway.KEY_TAKEN:
            _move(checkout, "failed")
        raise
    _move(checkout, "open", stripe_session_id=made.id)
    return made.url or _thanks(wish, checkout)


def _open(session: Session, wish: Wish, customer_id: str | None) -> Checkout:
    """The row of this wish, written unless the same form was sent before."""
    for tries in count():
        checkout_id = wish.checkout_id(customer_id, tries)
        session.execute(
            insert(Checkout)
            .values(
                id=checkout_id,
                account_id=wish.account_id,
                email=wish.email,
                name=wish.name,
                message=wish.message,
                language=wish.language,
                interval=wish.interval,
                amount_minor=wish.charged.minor,
                currency=wish.charged.currency,
                cover_fees=wish.cover_fees,
                purpose=wish.purpose,
                article_id=_article(wish.article),
                first_article_id=_article(wish.first_article),
                ask_variant_id=select(AskVariant.id)
                .where(AskVariant.id == wish.ask_variant_id)
                .scalar_subquery(),
                state="started",
            )
            .on_conflict_do_nothing(index_elements=["id"])
        )
        found = session.get_one(Checkout, checkout_id, populate_existing=True)
        if found.state not in OVER:
            if wish.order is not None:
                orders.place(session, found, wish.order, wish.gift)
            return found
    raise AssertionError("count() does not end")


def _article(slug: str | None) -> ScalarSelect[int]:
    """The story that is called so, or NULL."""
    return select(Article.id).where(Article.slug == slug).scalar_subquery()


def _move(checkout: Checkout, state: str, **values: str) -> None:
    """Unless the webhook was faster."""
    with transaction() as session:
        session.execute(
            update(Checkout)
            .where(Checkout.id == checkout.id, Checkout.state.in_(("started", "open")))
            .values(state=state, **values)
        )


def _customer_of(session: Session, wish: Wish) -> str | None:
    """The Stripe customer of a signed-in patron. An address typed into a form proves nothing.

    A customer of Stripe's has one currency.
    """
    if wish.account_id is None:
        return None
    return session.scalar(
        select(Subscription.stripe_customer_id)
        .where(
            Subscription.account_id == wish.account_id,
            Subscription.currency == wish.gift.currency,
        )
        .order_by(Subscription.started_at.desc(), Subscription.id.desc())
        .limit(1)
    )


def _ask_stripe(wish: Wish, checkout: Checkout, customer_id: str | None) -> CheckoutSession:
    try:
        return gateway.create_checkout_session(
            _request(wish, checkout, customer_id), idempotency_key=str(checkout.id)
        )
    except gateway.StripeRefusedError as error:
        if customer_id is None or error.param != "customer":
            raise
    # The customer was deleted at Stripe: the patron is asked for the card anew.
    return gateway.create_checkout_session(
        _request(wish, checkout, None), idempotency_key=f"{checkout.id}:new"
    )


def _request(wish: Wish, checkout: Checkout, customer_id: str | None) -> CheckoutRequest:
    return CheckoutRequest(
        checkout=str(checkout.id),
        amount=Money(checkout.amount_minor, checkout.currency),
        interval=None if checkout.interval == "once" else checkout.interval,
        product=_product(checkout),
        email=checkout.email,
        customer_id=customer_id,
        locale=stripe_locale(wish.language),
        success_url=_thanks(wish, checkout),
        cancel_url=_back(wish),
    )


def _back(wish: Wish) -> str:
    """The address of the form with what was chosen; who is given to does not stand in it."""
    chosen = {"back": "1", "currency": wish.gift.currency}
    chosen["amount"] = f"{wish.gift.major.normalize():f}"
    if wish.purpose == "support":
        chosen["interval"] = wish.interval
    if wish.article:
        chosen["article"] = wish.article
    return address(FORMS[wish.purpose], wish.language, **chosen)


def stripe_locale(language: str) -> str:
    """The language that Stripe's pages are asked for."""
    return language if language in STRIPE_LOCALES else "auto"


def _product(checkout: Checkout) -> str:
    """What stands on Stripe's page and on the invoice, in the reader's language."""
    site = settings().site_name
    names = {
        "month": _("Monthly support for %(site)s", site=site),
        "year": _("Yearly support for %(site)s", site=site),
        "once": _("A gift to %(site)s", site=site),
        "gift": _("A gift: a year with %(site)s for somebody else", site=site),
        "pool": _("A gift: %(site)s for someone who cannot pay", site=site),
    }
    name = str(names[checkout.interval if checkout.purpose == "support" else checkout.purpose])
    return str(_("%(gift)s, card fee included", gift=name)) if checkout.cover_fees else name


def _thanks(wish: Wish, checkout: Checkout) -> str:
    return address("billing.thanks", wish.language, checkout=str(checkout.id))
