"""The figures of the overview."""

from flask_babel import lazy_gettext as _

from membership.reports.definitions.definition import Definition

OVERVIEW = (
    Definition(
        "patrons",
        _("Patrons"),
        _(
            "Accounts whose monthly or yearly support is running now; a failed payment that is "
            "being tried again or a pause does not end it. The change is who came less who left in "
            "the days asked for."
        ),
        "count of accounts with standing current or grace",
    ),
    Definition(
        "came",
        _("Came"),
        _(
            "How many patrons’ support began in the days asked for, or went on after a pause or an "
            "end. For staff who see no amounts."
        ),
        "count of ledger entries, movement new or reactivation",
    ),
    Definition(
        "went",
        _("Left or paused"),
        _("How many patrons’ support ended or paused in these days. For staff who see no amounts."),
        "count of ledger entries, movement churn_voluntary or churn_involuntary",
    ),
    Definition(
        "gifts",
        _("One-time gifts"),
        _("How many one-time gifts were paid in these days. For staff who see no amounts."),
        "count of one-time donations by day of payment",
    ),
    Definition(
        "failing_patrons",
        _("Patrons at risk"),
        _(
            "Patrons whose last payment failed and is being tried again now. For staff who see no "
            "amounts."
        ),
        "count of subscriptions in state past_due",
    ),
    Definition(
        "leaving_patrons",
        _("Patrons about to leave"),
        _(
            "Patrons who have cancelled and whose paid time has not run out yet. For staff who see "
            "no amounts."
        ),
        "count of subscriptions in state cancel_scheduled",
    ),
    Definition(
        "mrr",
        _("Monthly recurring revenue (MRR)"),
        _(
            "What running support is worth in a month, at the end of the days asked for: yearly "
            "amounts count a twelfth, one-time gifts do not count. One figure for each currency. "
            "The change is since these days began."
        ),
        "MRR = sum of all ledger entries of the currency until then",
    ),
    Definition(
        "arr",
        _("Annual recurring revenue (ARR)"),
        _(
            "What running support would bring in a year if nothing changed. The change is since "
            "the days asked for began."
        ),
        "ARR = 12 × MRR",
    ),
    Definition(
        "arpu",
        _("MRR per patron"),
        _(
            "What a patron of this currency gives in a month on average, at the end of the days "
            "asked for. The change is since they began."
        ),
        "ARPU = MRR / patrons whose support is worth something then",
    ),
    Definition(
        "net_new_mrr",
        _("Net new MRR"),
        _(
            "By how much patrons changed MRR in the days asked for. The change is against the same "
            "days of the year before."
        ),
        "new + expansion + reactivation − contraction − churn (voluntary, involuntary)",
    ),
    Definition(
        "one_time",
        _("One-time income"),
        _(
            "One-time gifts paid in the days asked for, less what was refunded of such gifts or "
            "taken back by a bank in these days. The change is against the year before."
        ),
        "sum of one-time donations by day of payment − refunds by day of refund − the rest of "
        "disputed ones by day of dispute",
    ),
    Definition(
        "received",
        _("Income received"),
        _(
            "All donations paid in the days asked for, less refunds and what a bank took back, "
            "before Stripe’s fees. What is won back counts as if it had never been taken. The "
            "change is against the year before."
        ),
        "sum of donations by day of payment − refunds by day of refund − the rest of disputed "
        "ones by day of dispute",
    ),
    Definition(
        "fees",
        _("Stripe’s fees"),
        _(
            "What Stripe kept of the payments of the days asked for, in the currency in which it "
            "pays out. Stripe tells some fees days later, so we say of how many payments it is "
            "known. The change is against the year before."
        ),
        "sum of the known fees taken in the currency, by day of payment",
    ),
    Definition(
        "at_risk",
        _("MRR at risk"),
        _(
            "What the support of patrons whose last payment failed and is being tried again now is "
            "worth in a month. What was to be charged, whole years among it, stands under recovery "
            "as “failing now, in money”."
        ),
        "sum of the monthly value of subscriptions in state past_due",
    ),
    Definition(
        "scheduled_churn",
        _("MRR about to end"),
        _("MRR of patrons who have cancelled and whose paid time has not run out yet."),
        "sum of the monthly value of subscriptions in state cancel_scheduled",
    ),
    Definition(
        "cash",
        _("Next month’s renewals"),
        _(
            "What active support will charge next month, times the share of renewals that were "
            "paid in the last three whole months. What was given up counts by the day on which it "
            "failed first; a renewal that failed and is still being tried counts as neither. In "
            "EUR it is the sum of what each currency expects, at the rate of today."
        ),
        "(monthly amounts + yearly amounts due next month) × paid / (paid + given up)",
    ),
    Definition(
        "waterfall",
        _("From start to end"),
        _(
            "How MRR came from what it was when the days began to what it was at their end. "
            "“Payment failed” is also what a bank took back; “left or paused” is every other way "
            "out: by their own wish, ended by us, paused. Where amounts are converted, the step "
            "“rates changed” is what exchange rates did."
        ),
        "start + new + expansion + reactivation − contraction − churn_voluntary "
        "− churn_involuntary (+ rates changed) = end",
    ),
    Definition(
        "years",
        _("Twelve months and the year before"),
        _(
            "The twelve months until the end of the days asked for, however many days these are. "
            "MRR at the end of each month, or of the days; patrons whose support was worth "
            "something then; and the income of the month. Beside each, twelve months before."
        ),
        "MRR and patrons: sums of all movements until then; income: sum of the month’s days",
    ),
    Definition(
        "movements",
        _("What moved MRR"),
        _(
            "The six movements of the ledger in the twelve months until the end of the days asked "
            "for, however many days these are; what is lost stands below the line."
        ),
        "sum of the ledger’s entries by movement and by day of the change",
    ),
    Definition(
        "currencies",
        _("By currency"),
        _("The figures of every currency side by side; currencies are never added up."),
        "each as defined here",
    ),
    Definition(
        "invariant",
        _("The books agree"),
        _("The ledger’s sum and the worth of the running subscriptions are the same, by currency."),
        "sum of ledger entries = sum of the monthly value of running subscriptions",
    ),
    Definition(
        "unbalanced",
        _("Support whose ledger is wrong"),
        _("Subscriptions whose entries do not sum to what they are worth; the first fifty."),
        "sum of the subscription’s ledger entries ≠ its monthly value",
    ),
    Definition(
        "differences",
        _("Differences from Stripe"),
        _("What the nightly comparison found to differ and could not repair; the newest ten."),
        "our rows ≠ Stripe’s objects",
    ),
)
