"""The figures of the page on who stays and who leaves."""

from flask_babel import lazy_gettext as _

from membership.reports.definitions.definition import Definition

RETENTION = (
    Definition(
        "gross_retention",
        _("Gross retention"),
        _(
            "How much of the MRR that was there when a month began is left at its end, whatever "
            "others added; over several months, their shares multiplied. Only what was there as "
            "the month began can be lost: who came since is not in it. Pausing counts as leaving, "
            "and who comes back has left. A month counts from its first day, even where the days "
            "begin later, and until they end."
        ),
        "month: (start − churn − contraction) / start, of supports there at its start; "
        "days: the product of their months",
    ),
    Definition(
        "net_retention",
        _("Net retention"),
        _(
            "The same, with what those who are left give above what they gave when the month "
            "began. New patrons and those who came back are not in it."
        ),
        "month: (start − churn − contraction + expansion) / start, of supports there at its start; "
        "days: the product of their months",
    ),
    Definition(
        "churn",
        _("Leaving in a month"),
        _(
            "How many of the patrons of a month’s beginning leave or pause in it, on average over "
            "the whole months of these days."
        ),
        "sum of supports there at a month’s start that left or paused in it / sum of patrons at "
        "the start of each month",
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
            "Of all who began at least so many months ago, those who still give, until the end of "
            "these days. Each point rests on the cohorts that are old enough, and the curve ends "
            "where fewer than 20 began in them; who came back counts again."
        ),
        "running supports at the end of the month / patrons who began, over cohorts old enough",
    ),
    Definition(
        "cohorts",
        _("Who began together, by number"),
        _(
            "Of those whose support in this currency began in a month, the share that gives at the "
            "end of that month (0) and of later ones, until the end of these days: months 0 to "
            "12, then 18, 24, 30, 36, 48 and 60, of the newest 24 cohorts that began in them. "
            "Months that are not over do not count."
        ),
        "running supports of the cohort / accounts whose first ledger entry is in its month",
    ),
    Definition(
        "cohort_revenue",
        _("Who began together, by revenue"),
        _(
            "The MRR of those who began in a month as a share of what they began with; more than "
            "100 % where they give more by now. The same cohorts and months as by number."
        ),
        "MRR of the cohort / sum of the first ledger entries of its accounts",
    ),
    Definition(
        "patron_retention",
        _("Who stays, month by month"),
        _(
            "Patrons when the month began, those of them who left or paused in it, and the share "
            "that stayed. A month counts from its first day, even where the days begin later, and "
            "until they end."
        ),
        "(start − left) / start, of supports there at the month’s start",
    ),
    Definition(
        "revenue_retention",
        _("What stays, month by month"),
        _(
            "Gross and net retention of the MRR with which each month began, and what they are "
            "made of: what those took away who were there then, and what those who are left give "
            "above it."
        ),
        "gross = (start − churn − contraction) / start; net = gross + expansion / start; of "
        "supports there at the month’s start",
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
