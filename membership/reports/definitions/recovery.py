"""The figures of the page on payments that fail."""

from flask_babel import lazy_gettext as _

from membership.reports.definitions.definition import Definition

RECOVERY = (
    Definition(
        "failed",
        _("Failed payments"),
        _("Charges of running support that did not come at the first try in these days."),
        "count of invoices by the day of their first failure",
    ),
    Definition(
        "failed_value",
        _("Failed, in money"),
        _("What these charges were about."),
        "sum of the amounts of failed invoices",
    ),
    Definition(
        "recovered",
        _("Came after all, by number"),
        _("Of the payments that failed in these days, those that were paid until today."),
        "failed invoices that were paid later / failed invoices, both by the day of failure",
    ),
    Definition(
        "recovered_value",
        _("Came after all, by value"),
        _("The same share in money."),
        "amounts of failed invoices paid later / amounts of failed invoices",
    ),
    Definition(
        "recovery_days",
        _("Days until it came"),
        _("Half of the recovered payments came within so many whole days of their failure."),
        "median of the whole days from failure to payment",
    ),
    Definition(
        "failing",
        _("Failing now"),
        _("Payments that are still being tried, whenever they failed first."),
        "count of failed invoices neither recovered nor given up, now",
    ),
    Definition(
        "failing_value",
        _("Failing now, in money"),
        _(
            "What these payments were to charge: of yearly support a whole year. What that support "
            "is worth in a month is the overview’s MRR at risk."
        ),
        "sum of the amounts of failed invoices neither recovered nor given up, now",
    ),
    Definition(
        "recovery",
        _("Recovery, month by month"),
        _("Payments by the month in which they failed, and what became of them until today."),
        "failed = recovered + given up + still being tried",
    ),
    Definition(
        "decline_codes",
        _("Why payments failed"),
        _("What the bank said at the last try, and how many of these payments came after all."),
        "failed and recovered invoices by the last decline code",
    ),
    Definition(
        "recovered_by",
        _("What brought the money"),
        _(
            "The link of our mail, Stripe’s next try with the same card, or the patron who came by "
            "themselves; whoever came last counts."
        ),
        "recovered invoices by recovered_by / recovered invoices",
    ),
    Definition(
        "cards",
        _("Cards that expire"),
        _(
            "Running support whose card is over within so many days of today, and what it brings "
            "in a month once it is charged."
        ),
        "count and monthly amount of live subscriptions by the last day of their card",
    ),
)
