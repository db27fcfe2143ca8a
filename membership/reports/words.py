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
# What came in, and what went back.
FLOW: Words = MappingProxyType(
    {"paid": _("paid"), "refunded": _("given back"), "disputed": _("taken back by the bank")}
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
# What the list of patrons can be asked for.
SUPPORT: Words = MappingProxyType({"runs": _("not over"), **SUBSCRIPTION})
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
# Of what is paid on another platform, by its state.
ELSEWHERE: Words = MappingProxyType(
    {
        "active": _("through %(name)s"),
        "cancelled": _("through %(name)s, cancelled there"),
        "ended": _("through %(name)s, over"),
    }
)
ELSEWHERE_TONE: Words = MappingProxyType({"active": "good", "cancelled": "warning", "ended": "bad"})
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
        "resource_missing": _("Stripe does not know this payment."),
    }
)
# Why a payment failed, as billing/dunning has it, and what made it good.
FAILURE: Words = MappingProxyType(
    {
        "soft": _("may pass at the next try"),
        "hard": _("needs another card"),
        "action": _("waits for the patron’s bank"),
    }
)
RECOVERED_BY: Words = MappingProxyType(
    {
        "mail": _("after our mail"),
        "retry": _("when Stripe tried again"),
        "patron": _("by the patron’s own act"),
    }
)
# Why two accounts cannot be merged.
MERGE_OBSTACLE: Words = MappingProxyType(
    {
        "same": _("This is the same account. Choose another one of theirs."),
        "leaving": _("One of the two accounts is being deleted, or was."),
        "unproven": _(
            "Nobody has signed in by this address yet, so it might be a stranger’s. Ask them to"
            " sign in with it once."
        ),
        "staff": _("One of the two is a staff account: an admin must take its role away first."),
        "both_give": _("Both give regularly. End one of the two first, at once, and then merge."),
        "vote": _(
            "A vote is under way. Accounts that could take part in it can be merged once it is"
            " settled; that holds for all of them, whoever has voted."
        ),
    }
)
# "rates" is what exchange rates did to amounts that are converted.
MOVEMENT: Words = MappingProxyType(
    {
        "start": _("At the start"),
        "new": _("New"),
        "expansion": _("Gave more"),
        "reactivation": _("Came back"),
        "contraction": _("Gave less"),
        "churn_voluntary": _("Left or paused"),
        "churn_involuntary": _("Payment failed"),
        "rates": _("Rates changed"),
        "end": _("At the end"),
    }
)
MAIL: Words = MappingProxyType(
    {
        "pending": _("waiting"),
        "sending": _("being sent"),
        "sent": _("sent"),
        "failed": _("failed"),
        "suppressed": _("not wanted, or blocked"),
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
# What mail servers answer when they do not take a mail (RFC 3463); "x.1" stands for any of a sort.
MAIL_REASON: Words = MappingProxyType(
    {
        "no_answer": _("the mail server fell silent: it may have been taken"),
        "unwritten": _("our own letter could not be written"),
        "unknown": _("for another reason"),
        "5.1.1": _("there is no such address"),
        "5.1.2": _("there is no such domain"),
        "5.1.10": _("the domain takes no mail"),
        "5.2.1": _("the mailbox is closed"),
        "5.2.2": _("the mailbox is full"),
        "4.2.2": _("the mailbox is full"),
        "5.7.26": _("our mail is not signed as the domain wants it"),
        "x.1": _("something about the address"),
        "x.2": _("something about the mailbox"),
        "x.3": _("something about their mail system"),
        "x.4": _("no way to their mail server"),
        "x.5": _("the mail servers do not understand each other"),
        "x.6": _("something about the letter’s form"),
        "x.7": _("their rules do not let it in"),
        "x": _("for another reason"),
    }
)
# What we write down ourselves when a mail does not go out, or may not have.
MAIL_WHY: Words = MappingProxyType(
    {
        "suppressed: hard_bounce": _("blocked: mail came back"),
        "suppressed: complaint": _("blocked: reported as spam"),
        "suppressed: staff": _("blocked by us"),
        "suppressed: account deleted": _("the account was deleted"),
        "refused by the reader": _("the reader does not want such mails"),
        "paused by the reader": _("the reader has paused such mails"),
        "stopped": _("the campaign was stopped"),
        "no answer: it may have been taken": MAIL_REASON["no_answer"],
        "not an address that mail servers take": _("no address that mail servers take"),
    }
)
MAIL_REPORT: Words = MappingProxyType(
    {
        "hard_bounce": _("came back for good"),
        "soft_bounce": _("came back this time"),
        "complaint": _("reported as spam"),
    }
)
# Why we must not write to an address.
SUPPRESSION: Words = MappingProxyType(
    {
        "hard_bounce": _("mail came back"),
        "complaint": _("reported as spam"),
        "staff": _("by us"),
    }
)
EVENT: Words = MappingProxyType(
    {
        "pending": _("waiting"),
        "processed": _("done"),
        "ignored": _("not needed"),
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
# How a vote is cast and counted.
VOTE: Words = MappingProxyType(
    {
        "approval": _("Approval: each topic that is chosen gets one vote"),
        "instant_runoff": _("Instant-runoff: topics are put in order of preference"),
    }
)
QUORUM_RULE: Words = MappingProxyType(
    {
        "void": _("The round is void"),
        "advisory": _("The result is advice, and we decide"),
    }
)
TIE_RULE: Words = MappingProxyType(
    {
        "lot": _("A lot fixed before the opening"),
        "earliest": _("Which was suggested first"),
    }
)
CAMPAIGN: Words = MappingProxyType(
    {
        "draft": _("draft"),
        "awaiting_approval": _("waits for approval"),
        "scheduled": _("scheduled"),
        "sending": _("being sent"),
        "paused": _("paused"),
        "stopped": _("stopped"),
        "finished": _("finished"),
    }
)
CAMPAIGN_TONE: Words = MappingProxyType(
    {
        "draft": "neutral",
        "awaiting_approval": "warning",
        "scheduled": "neutral",
        "sending": "good",
        "paused": "warning",
        "stopped": "bad",
        "finished": "good",
    }
)
# As in campaigns/audience.py.
STANDING: Words = MappingProxyType(
    {
        "current": _("current: give as agreed"),
        "grace": _("in grace: a payment failed, or giving is paused"),
        "lapsed": _("lapsed: gave monthly or yearly, and no longer do"),
        "once": _("gave once"),
    }
)
TIER: Words = MappingProxyType(
    {"coffee": _("a coffee"), "lunch": _("a lunch"), "dinner": _("a dinner")}
)
VOTES: Words = MappingProxyType({"ever": _("voted in any round"), "never": _("never voted")})
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
KIND: Words = MappingProxyType(
    {
        "sign_in": _("sign-in link"),
        "sign_in_unknown": _("sign-in, address unknown"),
        "address_change": _("link for a new address"),
        "address_taken": _("new address has an account"),
        "address_changed": _("address has changed"),
        "accounts_merged": _("two accounts are one"),
        "giving_pass": _("link to go on giving"),
        "welcome": _("welcome"),
        "arrived": _("welcome after an import"),
        "receipt": _("receipt"),
        "second_subscription_refunded": _("second support ended"),
        "ended_while_leaving": _("support ended, account is going"),
        "support_changed": _("support changed"),
        "support_paused": _("support paused"),
        "support_resumed": _("support goes on"),
        "support_cancelled": _("support cancelled"),
        "cancel_undone": _("cancelling taken back"),
        "deletion_asked": _("account will be deleted"),
        "payment_failed": _("payment failed"),
        "payment_action": _("payment waits for the patron’s bank"),
        "payment_recovered": _("payment made good"),
        "support_ended_unpaid": _("support ended unpaid"),
        "renewal_ahead": _("yearly charge ahead"),
        "card_expires": _("card expires"),
        "invitation": _("invitation to give monthly"),
        "export_ready": _("a file for staff is ready"),
        "annual_statement": _("the year’s statement is ready"),
        "gift": _("a gift’s letter"),
        "gift_sent": _("gift’s letter has left"),
        "round_opened": _("a vote begins"),
        "round_closing": _("a vote is about to end"),
        "round_result": _("what a vote decided"),
        "topic_news": _("news of a followed topic"),
        "published": _("story of a vote is out"),
        "newsletter": _("the week’s stories"),
        "newsletter_confirm": _("the week’s stories: is it your address?"),
        "digest": _("the month at a glance"),
        "campaign": _("letter from the newsroom"),
        "campaign_test": _("test of a letter"),
        "staff_summary": _("the week in figures, for staff"),
    }
)
