"""How staff pages call what differs from Stripe, what banks take back and why they refuse.

See words.py.
"""

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
# Why a bank or Stripe refused a charge; https://docs.stripe.com/declines/codes
DECLINE: Words = MappingProxyType(
    {
        "approve_with_id": _("the bank wants to be asked again"),
        "authentication_required": _("the bank wants the patron to confirm it"),
        "call_issuer": _("refused, the bank says no more"),
        "card_declined": _("refused, the bank says no more"),
        "card_not_supported": _("the card is not meant for this"),
        "card_velocity_exceeded": _("over the card’s limit"),
        "currency_not_supported": _("the card does not take this currency"),
        "do_not_honor": _("refused, the bank says no more"),
        "do_not_try_again": _("refused for good"),
        "duplicate_transaction": _("taken for a second charge of the same"),
        "expired_card": _("the card has expired"),
        "fraudulent": _("taken for fraud"),
        "generic_decline": _("refused, the bank says no more"),
        "highest_risk_level": _("taken for fraud"),
        "incorrect_cvc": _("wrong security code"),
        "incorrect_number": _("wrong card number"),
        "incorrect_zip": _("wrong postcode"),
        "insufficient_funds": _("not enough money on the account"),
        "invalid_account": _("the account is closed or unknown"),
        "invalid_amount": _("the bank does not take this amount"),
        "issuer_not_available": _("the bank could not be reached"),
        "lost_card": _("the card was reported lost"),
        "new_account_information_available": _("there is a new card"),
        "no_action_taken": _("refused, the bank says no more"),
        "not_permitted": _("the card is not meant for this"),
        "pickup_card": _("the card was withdrawn"),
        "processing_error": _("a mishap on the way"),
        "reenter_transaction": _("a mishap on the way"),
        "restricted_card": _("the card was blocked"),
        "revocation_of_all_authorizations": _("the patron has told the bank to stop"),
        "revocation_of_authorization": _("the patron has told the bank to stop"),
        "security_violation": _("refused, the bank says no more"),
        "service_not_allowed": _("the card is not meant for this"),
        "stolen_card": _("the card was reported stolen"),
        "stop_payment_order": _("the patron has told the bank to stop"),
        "transaction_not_allowed": _("the card is not meant for this"),
        "try_again_later": _("the bank asks to try later"),
        "withdrawal_count_limit_exceeded": _("over the card’s limit"),
        "unknown": _("the bank said nothing"),
    }
)
# How a failed payment is taken, and what brought it after all.
FAILURE: Words = MappingProxyType(
    {
        "soft": _("may pass by itself"),
        "hard": _("needs another card"),
        "action": _("waits for the patron’s bank"),
    }
)
RECOVERED_BY: Words = MappingProxyType(
    {
        "mail": _("the link of our mail"),
        "retry": _("Stripe’s next try"),
        "patron": _("the patron, unasked"),
    }
)
