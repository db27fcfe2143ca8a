"""The figures of the overview."""

from flask_babel import lazy_gettext as _

from membership.reports.definitions.definition import Definition

OVERVIEW = (
    Definition(
        "patrons",
        _("Patrons"),
        _(
            "Accounts whose monthly or yearly support is running; a failed payment that is being "
            "tried again or a pause does not end it."
        ),
        "count of accounts with standing current or grace",
    ),
    Definition(
        "mrr",
        _("Monthly recurring revenue (MRR)"),
        _(
            "What running support is worth in a month: yearly amounts count a twelfth, one-time "
            "gifts do not count. One figure for each currency; currencies are never added up."
        ),
        "MRR = sum of all ledger entries of the currency",
    ),
    Definition(
        "arr",
        _("Annual recurring revenue (ARR)"),
        _("What running support would bring in a year if nothing changed."),
        "ARR = 12 × MRR",
    ),
    Definition(
        "arpu",
        _("MRR per patron"),
        _("What a patron of this currency gives in a month on average."),
        "ARPU = MRR / running subscriptions of the currency",
    ),
    Definition(
        "new",
        _("New this month"),
        _("Patrons who began to give regularly this month, or came back after they had left."),
        "count of ledger entries new and reactivation since the 1st",
    ),
    Definition(
        "lost",
        _("Lost this month"),
        _(
            "Patrons whose support ended this month, by their own wish or by a failed payment. "
            "Pausing counts as leaving, and the return from it as coming back."
        ),
        "count of ledger entries churn_voluntary and churn_involuntary since the 1st",
    ),
    Definition(
        "net_new_mrr",
        _("Net new MRR"),
        _("By how much MRR changed since the month began."),
        "new + expansion + reactivation − contraction − churn (voluntary, involuntary)",
    ),
    Definition(
        "waterfall",
        _("From start to end of the month"),
        _("How MRR came from what it was when the month began to what it is at its end."),
        "start + new + expansion + reactivation − contraction − churn_voluntary "
        "− churn_involuntary = end",
    ),
    Definition(
        "one_time",
        _("One-time income"),
        _(
            "One-time gifts paid this month, less what was refunded of such gifts this month or "
            "taken back by a bank."
        ),
        "sum of one-time donations by day of payment − refunds by day of refund − the rest of "
        "disputed ones by day of dispute",
    ),
    Definition(
        "received",
        _("Income received"),
        _(
            "All donations paid this month, less refunds and what a bank took back, before "
            "Stripe’s fees. What is won back counts as if it had never been taken."
        ),
        "sum of donations by day of payment − refunds by day of refund − the rest of disputed "
        "ones by day of dispute",
    ),
    Definition(
        "at_risk",
        _("MRR at risk"),
        _("MRR of patrons whose last payment failed and is being tried again."),
        "sum of the monthly value of subscriptions in state past_due",
    ),
    Definition(
        "scheduled_churn",
        _("MRR about to end"),
        _("MRR of patrons who have cancelled and whose paid time has not run out yet."),
        "sum of the monthly value of subscriptions in state cancel_scheduled",
    ),
    Definition(
        "invariant",
        _("The books agree"),
        _("The ledger’s sum and the worth of the running subscriptions are the same, by currency."),
        "sum of ledger entries = sum of the monthly value of running subscriptions",
    ),
    Definition(
        "turnout",
        _("Turnout"),
        _("Patrons who took part in a round; known only after the round has been settled."),
        "count of the round's turnout roll",
    ),
)
