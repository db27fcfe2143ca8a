"""How staff pages call states and kinds, in the language of the page; and their tones.

A tone is neutral, good, warning or bad. Each table names every value its column may hold.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask_babel import lazy_gettext as _

Words = Mapping[str, Any]

INTERVAL: Words = MappingProxyType(
    {"month": _("monthly"), "year": _("yearly"), "once": _("one-time")}
)
CHECKOUT: Words = MappingProxyType(
    {
        "started": _("not yet at Stripe"),
        "open": _("at Stripe’s page"),
        "completed": _("completed"),
        "expired": _("left without paying"),
        "failed": _("payment failed"),
    }
)
# Why a patron left: as in billing/manage/forms.py, in the newsroom's words.
LEAVING: Words = MappingProxyType(
    {
        "cost": _("too much for them now"),
        "unread": _("reads us less"),
        "reporting": _("not happy with the reporting"),
        "elsewhere": _("supports others"),
        "trouble": _("something did not work"),
        "other": _("something else"),
    }
)
SUBSCRIPTION: Words = MappingProxyType(
    {
        "incomplete": _("first payment open"),
        "active": _("running"),
        "past_due": _("payment failed, being retried"),
        "paused": _("paused"),
        "cancel_scheduled": _("cancelled, runs out"),
        "ended": _("ended"),
    }
)
SUBSCRIPTION_TONE: Words = MappingProxyType(
    {
        "incomplete": "neutral",
        "active": "good",
        "past_due": "warning",
        "paused": "neutral",
        "cancel_scheduled": "warning",
        "ended": "bad",
    }
)
END_REASON: Words = MappingProxyType(
    {
        "voluntary": _("by their own wish"),
        "payment_failed": _("payment failed for good"),
        "staff": _("by us"),
        "dispute": _("disputed at the bank"),
        "fraud": _("fraud"),
    }
)
REFUND: Words = MappingProxyType(
    {
        "asked": _("Stripe is being asked"),
        "pending": _("on its way"),
        "done": _("given back"),
        "failed": _("not given back"),
    }
)
REFUND_TONE: Words = MappingProxyType(
    {"asked": "warning", "pending": "neutral", "done": "neutral", "failed": "bad"}
)
# Why Stripe refused; by its codes, of which it has more.
REFUND_REFUSED: Words = MappingProxyType(
    {
        "charge_already_refunded": _("All of it had gone back before."),
        "charge_disputed": _("The patron’s bank has taken this payment back already."),
        "insufficient_funds": _("The balance at Stripe is too low."),
        "balance_insufficient": _("The balance at Stripe is too low."),
    }
)
MOVEMENT: Words = MappingProxyType(
    {
        "start": _("At the start"),
        "new": _("New"),
        "expansion": _("Gave more"),
        "reactivation": _("Came back"),
        "contraction": _("Gave less"),
        "churn_voluntary": _("Left by their own wish"),
        "churn_involuntary": _("Left by a failed payment"),
        "end": _("At the end"),
    }
)
MAIL: Words = MappingProxyType(
    {
        "pending": _("waiting"),
        "sending": _("being sent"),
        "sent": _("sent"),
        "failed": _("failed"),
        "suppressed": _("address blocked"),
        "expired": _("too late, not sent"),
        "uncertain": _("maybe sent"),
    }
)
MAIL_TONE: Words = MappingProxyType(
    {
        "pending": "neutral",
        "sending": "neutral",
        "sent": "good",
        "failed": "bad",
        "suppressed": "warning",
        "expired": "warning",
        "uncertain": "warning",
    }
)
EVENT: Words = MappingProxyType(
    {
        "pending": _("waiting"),
        "processed": _("done"),
        "ignored": _("not ours"),
        "failed": _("failed"),
    }
)
EVENT_TONE: Words = MappingProxyType(
    {"pending": "neutral", "processed": "good", "ignored": "neutral", "failed": "bad"}
)
ROUND: Words = MappingProxyType(
    {
        "draft": _("draft"),
        "open": _("open"),
        "closed": _("closed, being counted"),
        "settled": _("settled"),
        "void": _("void"),
    }
)
ROUND_TONE: Words = MappingProxyType(
    {
        "draft": "neutral",
        "open": "warning",
        "closed": "neutral",
        "settled": "good",
        "void": "bad",
    }
)
# How money came that Stripe knows nothing of.
METHOD: Words = MappingProxyType(
    {
        "transfer": _("bank transfer"),
        "cheque": _("cheque"),
        "cash": _("cash"),
        "paypal": _("PayPal"),
        "crypto": _("crypto currency"),
        "other": _("another way"),
    }
)
WAY: Words = MappingProxyType(
    {
        "transfer": _("bank transfer"),
        "paypal": _("PayPal"),
        "crypto": _("crypto currency"),
        "share": _("passing it on"),
        "volunteer": _("lending a hand"),
        "other": _("another way"),
    }
)
GIFT: Words = MappingProxyType(
    {
        "ordered": _("not yet paid"),
        "ready": _("waits for its day"),
        "sent": _("sent, not taken yet"),
        "redeemed": _("taken"),
        "taken_back": _("given back"),
    }
)
GIFT_TONE: Words = MappingProxyType(
    {
        "ordered": "neutral",
        "ready": "neutral",
        "sent": "neutral",
        "redeemed": "good",
        "taken_back": "warning",
    }
)
