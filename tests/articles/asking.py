"""Experiments with the ask, for tests."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from membership.articles import experiments
from membership.articles.experiments import Way, Wording
from membership.articles.models import AskExperiment
from tests import factories

LUNCH = Wording("A lunch a month", "{price} is a start, <b>more</b> is lunch.")
WAYS = (
    Way("As always", 1, {}),
    Way("Lunch", 2, {"en": LUNCH}),
    Way("Without an ask", 1, {}, is_control=True),
)


def written(session: Session, ways: Sequence[Way] = WAYS) -> AskExperiment:
    editor = factories.staff(session)
    return experiments.write(session, "Coffee or lunch", ways, editor.id)


def running(session: Session, ways: Sequence[Way] = WAYS) -> AskExperiment:
    experiment = written(session, ways)
    experiments.start(session, experiment, factories.staff(session).id, "To learn.")
    return experiment
