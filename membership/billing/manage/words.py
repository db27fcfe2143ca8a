"""Why an act is not possible now, in one sentence for the page."""

from flask_babel import gettext as _

from membership.billing.manage import plan


def why_not(error: plan.NotNowError) -> str:
    """What a patron is told when an act was refused; nothing was done then."""
    match error:
        case plan.StateForbidsError():
            return _why_not_while(error.state)
        case plan.YearlyPauseError():
            return str(_("You give once a year, so a pause would leave out a whole year."))
        case plan.PausedBeforeError():
            return str(
                _("You have paused since your last payment. After the next one you can do so "
                  "again; and you can cancel at any time.")
            )  # fmt: skip
        case plan.ChargeUnderWayError():
            return str(
                _("A new period has just begun and its charge is being made. "
                  "Please come back in an hour.")
            )  # fmt: skip
        case plan.OldRhythmError():
            return str(
                _("You have given for so long that Stripe does not let us change the rhythm. You "
                  "can change the amount; or cancel, and begin anew when the paid time is over.")
            )  # fmt: skip
        case plan.AnotherGivesError():
            return str(
                _("You give by another agreement by now, so this one ends as planned; "
                  "you are never charged twice.")
            )  # fmt: skip
    return str(_("Meanwhile something has changed, so nothing was done. Please look again."))


def _why_not_while(state: str) -> str:
    sentences = {
        "incomplete": _("The first payment has not come yet, so there is nothing to change."),
        "active": _("Your support goes on as agreed; there is nothing to take back."),
        "past_due": _("A payment is due first. With a new card all goes on."),
        "paused": _("Your support is paused. Let it go on first; then you can change it."),
        "cancel_scheduled": _(
            "Your support ends already and nothing more is charged. You can take that back."
        ),
        "ended": _("This support has ended already; nothing more is charged."),
    }
    return str(sentences[state])
