"""The support form. What is wrong is said beside the field, in the reader's language."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID, uuid4

from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField
from wtforms.validators import ValidationError

from config.settings import settings
from membership.accounts.forms import clean_address
from membership.articles.ask import preset_currency
from membership.billing.amounts import least, most
from membership.money import InvalidAmountError, Money, display, parse
from membership.web.languages import current_language

INTERVALS = ("month", "year", "once")
LONGEST_NAME = 100
LONGEST_MESSAGE = 1000


def tidy(text: str | None) -> str:
    """Without blanks around it; PostgreSQL keeps no NUL."""
    return (text or "").replace("\0", "").strip()


def one_line(text: str | None) -> str:
    """Without needless blanks, line breaks among them."""
    return " ".join(tidy(text).split())


def own_email() -> str | None:
    """The address of who is signed in."""
    return str(current_user.email) if current_user.is_authenticated else None


class AmountForm(FlaskForm):  # type: ignore[misc]
    """How much, how often: preset_<interval> is the amount meant, or else `amount`."""

    interval = StringField(default="month", filters=[tidy])
    currency = StringField(filters=[tidy])
    preset_month = StringField(filters=[tidy])
    preset_year = StringField(filters=[tidy])
    preset_once = StringField(filters=[tidy])
    amount = StringField(filters=[tidy])

    gift: Money | None = None

    @property
    def currencies(self) -> Sequence[str]:
        """In which it may be."""
        return settings().currencies

    def validate_interval(self, field: Any) -> None:
        if field.data not in INTERVALS:
            raise ValidationError(_("Please choose monthly, yearly or once."))

    def validate_currency(self, field: Any) -> None:
        if field.data not in self.currencies:
            raise ValidationError(_("We cannot take this currency. Please choose another."))

    def validate_amount(self, field: Any) -> None:
        """Sets `gift`. Without a known interval and currency there is no amount to judge."""
        currency = self.currency.data
        if currency not in self.currencies or self.interval.data not in INTERVALS:
            return
        preset = self[f"preset_{self.interval.data}"].data
        typed = preset if preset and preset != "other" else field.data
        if not typed:
            raise ValidationError(_("Please say how much you would like to give."))
        try:
            gift = parse(typed, currency)
        except InvalidAmountError as error:
            raise ValidationError(
                _("Please write the amount as a number that %(currency)s allows, such as 5.",
                  currency=currency)
            ) from error  # fmt: skip
        if not self.least(currency).minor <= gift.minor <= most(currency).minor:
            raise ValidationError(
                _("Please give between %(least)s and %(most)s. For more, write to us.",
                  least=display(self.least(currency), current_language()),
                  most=display(most(currency), current_language()))
            )  # fmt: skip
        self.gift = gift

    def least(self, currency: str) -> Money:
        """The smallest gift that this form takes."""
        return least(currency)

    @property
    def shown_currency(self) -> str:
        """Of the form's amounts: the one that was asked for, else that of the page's language."""
        if self.currency.data in self.currencies:
            return str(self.currency.data)
        return preset_currency(settings(), current_language())

    def choose(self, amount: str, offered: Iterable[Money]) -> None:
        """Tick the offered `amount` (major units), or write another one into the free field."""
        preset = self[f"preset_{self.interval.data}"]
        preset.data = "other"
        try:
            money = parse(amount, self.shown_currency)
        except InvalidAmountError:
            return
        written = f"{money.major.normalize():f}"
        if money in offered:
            preset.data = written
        else:
            self.amount.data = written


class GiftForm(AmountForm):
    """Fields as in the give macro."""

    email = StringField(filters=[tidy])
    name = StringField(filters=[tidy])
    message = StringField(filters=[tidy])
    cover_fees = BooleanField()
    article = StringField(filters=[tidy])
    # What the device remembers of the way here (js/came.js).
    first_article = StringField(filters=[tidy])
    variant = StringField(filters=[tidy])
    attempt = StringField(filters=[tidy])
    # A solved challenge or a mailed pass; or the wish for such a link (rule B16).
    solution = StringField(filters=[tidy])
    by_mail = BooleanField()

    # The account's address, which alone may be given by who is signed in.
    own_email: str | None = None

    def validate_email(self, field: Any) -> None:
        if not field.data:
            raise ValidationError(_("Please write your email address; the receipt goes there."))
        clean_address(self, field)
        if self.own_email is not None and field.data.lower() != self.own_email.lower():
            raise ValidationError(
                _("You are signed in as %(email)s. To give with another address, sign out first.",
                  email=self.own_email)
            )  # fmt: skip

    def validate_name(self, field: Any) -> None:
        if len(field.data) > LONGEST_NAME:
            raise ValidationError(_("Please keep the name under 100 letters."))

    def validate_message(self, field: Any) -> None:
        if len(field.data) > LONGEST_MESSAGE:
            raise ValidationError(_("Please keep the note under 1,000 letters."))

    @property
    def attempt_id(self) -> UUID:
        """What the form's one showing is known by; made anew when it is missing or broken."""
        try:
            return UUID(self.attempt.data)
        except ValueError:
            return uuid4()
