"""A campaign's numbers as the viewer may know them, in words.

Where an audience says how much people give, two of them that differ by one known person would tell
what that person gives: all but finance see such numbers in tens (rule S8), and none below five
(rule S10). Of an audience of voters nobody sees a number below five (rule V8).
"""

from dataclasses import replace

from flask_babel import gettext as _
from flask_babel import ngettext

from membership.campaigns.audience import Audience, Count
from membership.campaigns.models import Campaign
from membership.campaigns.sending import Figures
from membership.discretion import SMALLEST_GROUP
from membership.staff.room import FINANCE
from membership.web import access
from membership.web.pages import show_number


def is_rounded(campaign: Campaign) -> bool:
    """Whether this viewer sees the audience's numbers in tens."""
    tells_amounts = Audience.model_validate(campaign.audience).tells_amounts
    return tells_amounts and not access.has_role(*FINANCE)


def is_telling(campaign: Campaign, people: int) -> bool:
    """Whether an audience is so small that this viewer must not know its number."""
    wanted = Audience.model_validate(campaign.audience)
    return wanted.is_too_small(people) or (is_rounded(campaign) and people < SMALLEST_GROUP)


def number(campaign: Campaign, many: int) -> str:
    """ "41", or "about 40", or "fewer than 5"."""
    if not is_rounded(campaign):
        return show_number(many)
    if many < SMALLEST_GROUP:
        return str(_("fewer than 5"))
    return str(_("about %(many)s", many=show_number(_to_tens(many))))


def about(campaign: Campaign, figures: Figures) -> Figures:
    """What a picture for this viewer is drawn of."""
    if not is_rounded(campaign):
        return figures
    tens = {state: _to_tens(many) for state, many in figures.states.items()}
    return replace(figures, states=tens, returned=_to_tens(figures.returned))


def share(campaign: Campaign, figures: Figures) -> str:
    """How much of it is done; of one that was stopped, how many got it."""
    if campaign.state == "stopped":
        sent, everyone = (
            number(campaign, many) for many in (figures.states.get("sent", 0), figures.all)
        )
        return str(_("%(sent)s of %(everyone)s sent", sent=sent, everyone=everyone))
    known = about(campaign, figures)
    done = 100 * known.done // known.all if known.all else 100
    return str(_("%(share)s %% done", share=done))


def how_many(campaign: Campaign, people: int) -> str:
    if is_telling(campaign, people):
        return str(_("Fewer than 5 people"))
    plural = _to_tens(people) if is_rounded(campaign) else people
    many = number(campaign, people)
    return str(ngettext("%(many)s person", "%(many)s people", plural, many=many))


def who_gets_none(campaign: Campaign, count: Count) -> str:
    """Of those who would be written to; empty when there are none, or it would tell too much."""
    if not count.without or is_rounded(campaign) or is_telling(campaign, count.people):
        return ""
    reasons = [
        (count.refused, _("no such letters wanted")),
        (count.paused, _("all letters paused")),
        (count.suppressed, _("address blocked")),
    ]
    why = "; ".join(f"{why}: {show_number(some)}" for some, why in reasons if some)
    many = show_number(count.without)
    return str(_("%(many)s of them will get none (%(why)s).", many=many, why=why))


def _to_tens(many: int) -> int:
    return (many + 5) // 10 * 10
