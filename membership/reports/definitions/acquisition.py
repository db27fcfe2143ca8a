"""The figures of the page on why people come."""

from flask_babel import lazy_gettext as _

from membership.reports.definitions.definition import Definition

ACQUISITION = (
    Definition(
        "reads",
        _("Stories read"),
        _(
            "How often a story was opened and looked at. Reads without JavaScript, and so most "
            "robots, are not counted; nor is who reads."
        ),
        "sum of reading_count, step read",
    ),
    Definition(
        "asks_seen",
        _("Asks seen"),
        _(
            "How often a reader came down to the place where the ask stands. Patrons, and readers "
            "who asked not to be asked, are not among them; the control group is."
        ),
        "sum of reading_count, step ask_seen",
    ),
    Definition(
        "joined",
        _("Patrons who came"),
        _(
            "Monthly or yearly support that began, by new patrons and by those who came back. The "
            "return from a pause is none."
        ),
        "count of first ledger entries of subscriptions, movement new or reactivation",
    ),
    Definition(
        "joined_by_stories",
        _("Came from a story"),
        _("The share of patrons who came that is credited to the last story they saw the ask of."),
        "patrons who came with a last story / patrons who came",
    ),
    Definition(
        "joined_mrr",
        _("MRR of those who came"),
        _("What the support that began was worth in a month, in this currency, on its first day."),
        "sum of first ledger entries of subscriptions, movement new or reactivation",
    ),
    Definition(
        "funnel",
        _("From reading to giving"),
        _(
            "How many steps of each kind were taken in these days. One reader may take a step "
            "several times, and the next on another day, so a share may be more than all. "
            "Payment pages and payments are counted from our own rows."
        ),
        "reading_count by step; checkouts by day of creation; completed checkouts by day",
    ),
    Definition(
        "stories",
        _("Stories that brought patrons"),
        _(
            "Direct: patrons who came from this story’s ask, or whose device saw it last. "
            "Influenced: these, and patrons whose device saw this story’s ask first, so that a "
            "patron may stand at two stories. A device forgets within 90 days. Where only one "
            "story is known, it is both."
        ),
        "first ledger entries by article_id (direct), or by article_id or first_article_id "
        "(influenced) of their checkout; per 1,000 = 1,000 × patrons / reads",
    ),
    Definition(
        "asks",
        _("Wordings of the ask"),
        _(
            "What became of those who saw a wording of the ask, or for the control group: who saw "
            "the place where it stands. “At least” and “at most” are the range in which the true "
            "share lies in 95 of 100 cases."
        ),
        "1,000 × paid / asks seen; range: Wilson score interval, z = 1.959964",
    ),
    Definition(
        "joined_tiers",
        _("How much"),
        _(
            "Payments of those who came, by the highest suggested amount they reach, as it is "
            "today; a year is twelve months. In this currency; for staff who see amounts."
        ),
        "completed checkouts by amount charged and interval",
    ),
    Definition(
        "joined_intervals",
        _("How often"),
        _("Payments of those who came, by how often they wish to give."),
        "completed checkouts by interval",
    ),
    Definition(
        "joined_currencies",
        _("Currencies"),
        _("Payments of those who came, by currency; the first payment of each counts."),
        "completed checkouts by currency",
    ),
    Definition(
        "joined_countries",
        _("Countries"),
        _(
            "Payments of those who came, by the country that Stripe was told, in all quarters that "
            "these days touch and that are over. Donors may be in danger: everybody sees steps of "
            "five, and groups under 5 stand with what is not known."
        ),
        "completed checkouts by country, of each whole quarter rounded down to fives",
    ),
)
