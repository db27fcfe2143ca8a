"""The figures of participation, and those of the public page."""

from flask_babel import lazy_gettext as _

from membership.reports.definitions.definition import Definition

PARTICIPATION = (
    Definition(
        "turnout_of_rounds",
        _("Turnout"),
        _(
            "Of the patrons who might have voted when a round closed, how many did. It is known "
            "only after the round has been settled, and then for ever the same."
        ),
        "voters / patrons who might have voted at the close, or did; of settled rounds",
    ),
    Definition(
        "last_turnout",
        _("Turnout of the last vote"),
        _("The turnout of the newest settled round that closed in these days."),
        "voters / patrons who might have voted at the close, or did",
    ),
    Definition(
        "settled_rounds",
        _("Votes held"),
        _("Rounds that closed in these days and have been settled."),
        "count of rounds in state settled",
    ),
    Definition(
        "voters_by_tenure",
        _("Who votes, by how long they have given"),
        _(
            "Voters against all who might have voted, by the time since they first gave monthly or "
            "yearly, or took a gift. Somebody counts once in each round. A round’s groups of fewer "
            "than 5 are left out, for everybody."
        ),
        "voters / patrons who might have voted, summed over rounds; tenure = close − first start",
    ),
    Definition(
        "voters_by_amount",
        _("Who votes, by what they give in a month"),
        _(
            "Voters against all who might have voted, by their MRR when the round closed. Every "
            "vote counts the same, whatever is given. A round’s groups of fewer than 5 are left "
            "out, for everybody; for staff who see amounts."
        ),
        "voters / patrons who might have voted, summed over rounds; amount = sum of ledger "
        "entries before the close",
    ),
    Definition(
        "kept_by_voting",
        _("Who stays, of voters and of the others"),
        _(
            "Of those who might have voted when a round closed, how many still had standing 3, 6 "
            "and 12 months later: by whether they voted. Rounds count that are old enough. That "
            "voters stay longer does not say that voting made them stay."
        ),
        "patrons with standing n months after the close / patrons who might have voted; of voters, "
        "and of the others",
    ),
    Definition(
        "asked_and_reported",
        _("You asked, we reported"),
        _(
            "Stories that answer a topic of our readers, by the day they came out, with the days "
            "since the close of the last vote in which the topic stood."
        ),
        "days = day of publishing − day of the round's close, by the newsroom's calendar",
    ),
    Definition(
        "days_to_story",
        _("From vote to story"),
        _("The median of the days from the end of a vote to the story, of those stories."),
        "median of days from the round's close to publishing",
    ),
    Definition(
        "followers",
        _("Topics followed"),
        _(
            "How often somebody follows one of the topics we are at work on or have published in "
            "these days. Topics on a ballot paper are left out until the vote is settled, and "
            "those that fewer than 5 follow always are."
        ),
        "count of follows of topics with 5 or more, not in a draft, open or closed round",
    ),
)
