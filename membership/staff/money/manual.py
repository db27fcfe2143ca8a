"""Donations that came without Stripe: entering them, looking at them, taking them back."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from flask import flash, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from config.settings import settings
from membership import clock
from membership.accounts import accounts, audit
from membership.accounts.forms import clean_address
from membership.accounts.models import Account
from membership.billing.forms import one_line
from membership.billing.gifts import manual as entries
from membership.billing.gifts.reference import account_id_in
from membership.billing.models import Donation
from membership.db import transaction
from membership.money import InvalidAmountError, Money, parse
from membership.reports import words
from membership.staff.forms import REASON_WORDS
from membership.staff.room import FINANCE, back_to, blueprint, found, me
from membership.web import access
from membership.web.languages import language_choices

SHOWN = 50
Answer = str | Response | tuple[str, int]


class EntryForm(FlaskForm):  # type: ignore[misc]
    """What came. The giver is named by an address, or by the reference on the transfer."""

    entry_id = HiddenField()
    method = SelectField(_l("How it came"))
    amount = StringField(_l("Amount"), [InputRequired(_l("Say how much came."))], [one_line])
    currency = SelectField(_l("Currency"))
    received_on = StringField(
        _l("Day it came"), [InputRequired(_l("Say when it came."))], [one_line]
    )
    reference = StringField(
        _l("Reference on it"),
        [Optional(), Length(max=200, message=_l("Please keep it under 200 letters."))],
        [one_line],
    )
    email = StringField(_l("The giver’s address"), filters=[one_line])
    name = StringField(
        _l("The giver’s name"),
        [Optional(), Length(max=100, message=_l("Please keep the name under 100 letters."))],
        [one_line],
    )
    language = SelectField(_l("Language of our mails to them"))
    with_receipt = BooleanField(_l("Mail a receipt"), default=True)

    money: Money | None = None
    day: date | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.method.choices = list(words.METHOD.items())
        self.language.choices = language_choices()
        self.currency.choices = [(code, code) for code in settings().currencies]

    def validate_amount(self, field: Any) -> None:
        """Sets `money`."""
        if self.currency.data not in settings().currencies:
            return
        try:
            self.money = parse(field.data, self.currency.data)
        except InvalidAmountError as error:
            raise ValidationError(
                _("Please write the amount as a number that %(currency)s allows, such as 5.",
                  currency=self.currency.data)
            ) from error  # fmt: skip

    def validate_received_on(self, field: Any) -> None:
        """Sets `day`."""
        try:
            day = date.fromisoformat(field.data)
        except ValueError as error:
            raise ValidationError(_("Please write the day as year-month-day.")) from error
        if day > clock.newsroom_day():
            raise ValidationError(_("This day is still to come."))
        self.day = day

    def validate_email(self, field: Any) -> None:
        """An empty one is filled in from the reference that we gave to a patron."""
        if field.data:
            clean_address(self, field)
        named = _account_named(self.reference.data or "")
        if named is None and not field.data:
            raise ValidationError(
                _("Write the giver’s address, or a reference of ours that names a patron.")
            )
        if named is not None and field.data and field.data.lower() != named.email.lower():
            raise ValidationError(_("The reference is that of another patron: which is right?"))
        field.data = field.data or (named.email if named else "")

    def entry(self) -> entries.Entry:
        """What a valid form says."""
        assert self.money is not None
        assert self.day is not None
        return entries.Entry(
            id=_uuid(self.entry_id.data),
            email=self.email.data,
            name=self.name.data or None,
            language=self.language.data,
            method=self.method.data,
            reference=self.reference.data or None,
            amount=self.money,
            received_on=self.day,
            with_receipt=self.with_receipt.data,
        )


@blueprint.get("/manual")
@access.staff(*FINANCE)
def manual() -> str:
    with transaction() as session:
        return _list(session)


@blueprint.route("/manual/new", methods=["GET", "POST"])
@access.staff(*FINANCE)
def new_manual() -> Answer:
    """The form, then a look at what will be written (field `act`: enter, edit), then the entry."""
    form = EntryForm()
    act = request.form.get("act")
    if not form.is_submitted():
        form.entry_id.data = str(uuid4())
        form.received_on.data = clock.newsroom_day().isoformat()
        return render_template("staff/manual_new.html", form=form, today=clock.newsroom_day())
    if not form.validate() or act == "edit":
        page = render_template("staff/manual_new.html", form=form, today=clock.newsroom_day())
        return (page, 422) if form.errors else page
    entry = form.entry()
    with transaction() as session:
        if act != "enter":
            account = accounts.find(session, entry.email)
            return render_template(
                "staff/manual_preview.html", form=form, entry=entry, account=account, words=words
            )
        entries.enter(session, entry, me().id)
    flash(_("The donation is entered."), "good")
    return back_to("staff.manual")


@blueprint.post("/manual/<int:donation_id>/take-back")
@access.staff(*FINANCE)
def take_back_manual(donation_id: int) -> Answer:
    """Counter an entry: field `reason`."""
    reason = one_line(request.form.get("reason"))
    if not 0 < len(reason) <= REASON_WORDS:
        with transaction() as session:
            refused = _("Taking a donation back needs a reason, in up to 500 characters.")
            return _list(session, refused), 422
    with transaction() as session:
        try:
            is_done = entries.take_back(session, donation_id, reason, me().id)
        except entries.NotManualError:
            found(None)
    if is_done:
        flash(_("The donation is taken back."), "good")
    else:
        flash(_("This donation had been taken back before."))
    return back_to("staff.manual")


def _list(session: Session, refused: str = "") -> str:
    rows = session.execute(
        select(Donation, Account)
        .join(Account, Account.id == Donation.account_id)
        .where(Donation.provider == "manual")
        .order_by(Donation.id.desc())
        .limit(SHOWN)
    ).all()
    audit.record(
        session,
        "manual.listed",
        "donations",
        actor_id=me().id,
        donations=[donation.id for donation, _account in rows],
    )
    return render_template("staff/manual.html", rows=rows, refused=refused, words=words)


def _account_named(text: str) -> Account | None:
    account_id = account_id_in(text)
    if account_id is None:
        return None
    with transaction() as session:
        account = accounts.kept(session, account_id)
    return account if account is not None and account.deleted_at is None else None


def _uuid(text: str | None) -> UUID:
    """What the form's one showing is known by; made anew when it is missing or broken."""
    try:
        return UUID(text or "")
    except ValueError:
        return uuid4()
