"""The figures of the page on who stays and who leaves."""

from flask_babel import lazy_gettext as _

from membership.reports.definitions.definition import Definition

RETENTION = (
    Definition(
        "gross_retention",
        _("Gross retention"),
        _(
            "How much of the MRR with which the days began is left, whatever others added. Pausing "
            "counts as leaving."
        ),
        "(start − churn − contraction) / start",
    ),
    Definition(
        "net_retention",
        _("Net retention"),
        _(
            "The same, with what patrons added to their support. New patrons and those who came "
            "back are not in it."
        ),
        "(start − churn − contraction + expansion) / start",
    ),
    Definition(
        "churn",
        _("Leaving in a month"),
        _(
            "How many of the patrons of a month’s beginning leave or pause in it, on average over "
            "the whole months of these days."
        ),
        "sum of ledger entries churn_voluntary and churn_involuntary / sum of patrons at the start "
        "of each month",
    ),
    Definition(
        "margin",
        _("Left after fees"),
        _(
            "What is left of payments after Stripe’s fees, from those whose fee is known in the "
            "same currency."
        ),
        "(paid − fees) / paid, of donations with a known fee",
    ),
    Definition(
        "ltv",
        _("What a patron brings until leaving"),
        _(
            "The lifetime value, if all goes on as in these days. It cannot be computed where "
            "nobody leaves or no fee is known."
        ),
        "LTV = ARPU × margin / churn",
    ),
    Definition(
        "three_year_value",
        _("What a patron brings in three years"),
        _("The first 36 months of it: nearer to what can be known."),
        "ARPU × margin × (1 − (1 − churn)³⁶) / churn; ARPU × margin × 36 where churn is 0",
    ),
    Definition(
        "survival",
        _("How long patrons stay"),
        _(
            "Of all who began at least so many months ago, those who still give. Each point rests "
            "on the cohorts that are old enough; who came back counts again."
        ),
        "running supports at the end of the month / patrons who began, over cohorts old enough",
    ),
    Definition(
        "cohorts",
        _("Who began together, by number"),
        _(
            "Of those whose support in this currency began in a month, the share that gives at the "
            "end of that month (0) and of later ones. Months that are not over do not count."
        ),
        "running supports of the cohort / accounts whose first ledger entry is in its month",
    ),
    Definition(
        "cohort_revenue",
        _("Who began together, by revenue"),
        _(
            "The MRR of those who began in a month as a share of what they began with; more than "
            "100 % where they give more by now."
        ),
        "MRR of the cohort / sum of the first ledger entries of its accounts",
    ),
    Definition(
        "patron_retention",
        _("Who stays, month by month"),
        _(
            "Patrons when the month began, those who left or paused in it, and the share that "
            "stayed. A month that is cut short counts as far as the days go."
        ),
        "(start − left) / start",
    ),
    Definition(
        "revenue_retention",
        _("What stays, month by month"),
        _("Gross and net retention of each month’s MRR."),
        "gross = (start − churn − contraction) / start; net = gross + expansion / start",
    ),
    Definition(
        "left",
        _("Who left, and how"),
        _(
            "Monthly and yearly support that ended, by the day of its end and why; with what it "
            "brought in a month. A pause is none of these."
        ),
        "subscriptions with state ended, by ended_at and end reason; the last churn entry of each",
    ),
    Definition(
        "left_why",
        _("Why they left"),
        _("What those who left by their own wish answered; asking is all we do, nobody has to."),
        "subscriptions that ended voluntarily, by the reason given; share of those who gave one",
    ),
)
