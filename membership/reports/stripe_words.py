"""How staff pages call what differs from Stripe and what banks take back; see words.py."""

from types import MappingProxyType

from flask_babel import lazy_gettext as _

from membership.reports.words import Words

DIFFERENCE: Words = MappingProxyType(
    {
        "subscription": _("regular support"),
        "ledger": _("ledger"),
        "invoice": _("paid invoice"),
        "payment": _("payment"),
    }
)
FIELD: Words = MappingProxyType(
    {
        "state": _("state"),
        "stripe_customer_id": _("customer"),
        "interval": _("interval"),
        "amount_minor": _("amount"),
        "currency": _("currency"),
        "anchor_at": _("start of its periods"),
        "current_period_end_at": _("end of the period"),
        "collection_paused": _("payments paused"),
        "resumes_at": _("end of the pause"),
        "card": _("card"),
        "ended_at": _("end"),
        "mrr_minor": _("monthly value in the ledger"),
        "paid_at": _("time of payment"),
        "stripe_payment_intent_id": _("payment"),
        "refunded_minor": _("given back"),
        "refunded_at": _("first given back"),
        "refunds_minor": _("refunds, added up"),
        "disputed_at": _("taken back by the bank"),
        "disputes": _("disputes"),
        "dunning": _("reminders of a failed payment"),
        "fee_minor": _("fee"),
        "fee_currency": _("currency of the fee"),
    }
)
CARD: Words = MappingProxyType({"old": _("the old one"), "new": _("a new one")})
# https://docs.stripe.com/api/disputes/object#dispute_object-reason and
# https://docs.stripe.com/api/radar/early_fraud_warnings/object
REASON: Words = MappingProxyType(
    {
        "bank_cannot_process": _("the bank cannot process it"),
        "check_returned": _("returned cheque"),
        "credit_not_processed": _("a refund did not come"),
        "customer_initiated": _("asked for by the giver"),
        "debit_not_authorized": _("debit not authorised"),
        "duplicate": _("charged twice"),
        "fraudulent": _("“it was not me”"),
        "general": _("no reason given"),
        "incorrect_account_details": _("wrong account"),
        "insufficient_funds": _("no money on the account"),
        "noncompliant": _("against the card network’s rules"),
        "product_not_received": _("nothing received"),
        "product_unacceptable": _("not as promised"),
        "subscription_canceled": _("charged after cancelling"),
        "unrecognized": _("not recognised on the statement"),
        "card_never_received": _("the card never came"),
        "fraudulent_card_application": _("the card was got by fraud"),
        "made_with_counterfeit_card": _("forged card"),
        "made_with_lost_card": _("lost card"),
        "made_with_stolen_card": _("stolen card"),
        "misc": _("no reason given"),
        "unauthorized_use_of_card": _("card used without leave"),
    }
)
# https://docs.stripe.com/api/disputes/object#dispute_object-status; the last two are warnings'.
DISPUTE: Words = MappingProxyType(
    {
        "warning_needs_response": _("inquiry, needs an answer"),
        "warning_under_review": _("inquiry, the bank decides"),
        "warning_closed": _("inquiry closed"),
        "needs_response": _("needs an answer"),
        "under_review": _("the bank decides"),
        "won": _("won"),
        "lost": _("lost"),
        "prevented": _("prevented"),
        "actionable": _("a dispute may follow"),
        "settled": _("dealt with"),
    }
)
DISPUTE_TONE: Words = MappingProxyType(
    {
        "warning_needs_response": "warning",
        "warning_under_review": "neutral",
        "warning_closed": "neutral",
        "needs_response": "bad",
        "under_review": "neutral",
        "won": "good",
        "lost": "bad",
        "prevented": "good",
        "actionable": "warning",
        "settled": "neutral",
    }
)
