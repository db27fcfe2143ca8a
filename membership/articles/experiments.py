"""Trying wordings of the ask: an experiment is written, starts, and ends; at most one runs.

The page of a story carries all its wordings and is the same bytes for everyone (rules R1, R2);
js/ask.js takes one by chance, keeps on the device which, and tells nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from membership import clock
from membership.accounts import audit
from membership.articles.models import AskExperiment, AskVariant

# Where the price of a coffee stands in a text, in the reader's currency.
PRICE = "{price}"
IS_RUNNING: ColumnElement[bool] = AskExperiment.started_at.is_not(None) & (
    AskExperiment.ended_at.is_(None)
)


class AnotherRunsError(RuntimeError):
    """An experiment cannot start while another one runs."""


class NotThatStepError(RuntimeError):
    """What has begun is not changed or begun again; what does not run is not ended."""


@dataclass(frozen=True)
class Wording:
    """A title and a text, "" for what always stands there."""

    title: str = ""
    text: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The text around the price."""
        return tuple(self.text.split(PRICE))


@dataclass(frozen=True)
class Way:
    """A group of readers to be: `weight` parts of all. The control group has no wordings."""

    name: str
    weight: int
    wordings: Mapping[str, Wording]
    is_control: bool = False


@dataclass(frozen=True)
class Shown:
    """One group as a page in one language carries it; `wording` is None for the control group."""

    variant_id: int
    weight: int
    wording: Wording | None


@dataclass(frozen=True)
class Running:
    """The experiment that runs. `first` is what stands there without JavaScript."""

    experiment_id: int
    variants: tuple[Shown, ...]

    @property
    def first(self) -> Wording:
        return next((each.wording for each in self.variants if each.wording), Wording())


def running(session: Session, language: str) -> Running | None:
    """What a page in `language` carries of the experiment that runs, in one query."""
    rows = session.scalars(
        select(AskVariant).join(AskExperiment).where(IS_RUNNING).order_by(AskVariant.id)
    ).all()
    if not rows:
        return None
    shown = tuple(
        Shown(row.id, row.weight, None if row.is_control else wording(row, language))
        for row in rows
    )
    return Running(rows[0].experiment_id, shown)


def wording(variant: AskVariant, language: str) -> Wording:
    return Wording(**variant.wording.get(language, {}))


def all_of(session: Session) -> Sequence[AskExperiment]:
    """Every experiment with its variants, the newest first, in two queries."""
    return session.scalars(
        select(AskExperiment)
        .order_by(AskExperiment.id.desc())
        .options(selectinload(AskExperiment.variants))
    ).all()


def write(
    session: Session,
    name: str,
    ways: Sequence[Way],
    actor_id: int,
    experiment: AskExperiment | None = None,
) -> AskExperiment:
    """A new draft, or what an older one says from now on. Raises NotThatStepError once begun."""
    deed = "ask.changed" if experiment else "ask.written"
    if experiment is None:
        experiment = AskExperiment()
        session.add(experiment)
    elif experiment.started_at is not None:
        raise NotThatStepError
    experiment.name = name
    experiment.variants = [
        AskVariant(
            name=way.name,
            weight=way.weight,
            is_control=way.is_control,
            wording={code: asdict(each) for code, each in way.wordings.items()},
        )
        for way in ways
    ]
    session.flush()
    said = [{"name": way.name, "weight": way.weight} for way in ways]
    _audit(session, deed, experiment, actor_id, variants=said)
    return experiment


def start(session: Session, experiment: AskExperiment, actor_id: int, reason: str) -> None:
    """Raises AnotherRunsError, and NotThatStepError for one that has begun before."""
    if experiment.started_at is not None:
        raise NotThatStepError
    try:
        with session.begin_nested():
            experiment.started_at = clock.now()
            session.flush()
    except IntegrityError as error:
        raise AnotherRunsError from error
    _audit(session, "ask.started", experiment, actor_id, reason=reason)


def end(session: Session, experiment: AskExperiment, actor_id: int, reason: str) -> None:
    """From now on the ask stands as it always does. Raises NotThatStepError."""
    if experiment.started_at is None or experiment.ended_at is not None:
        raise NotThatStepError
    experiment.ended_at = clock.now()
    _audit(session, "ask.ended", experiment, actor_id, reason=reason)


def _audit(
    session: Session, action: str, experiment: AskExperiment, actor_id: int, **detail: object
) -> None:
    subject = f"ask_experiment:{experiment.id}"
    audit.record(session, action, subject, actor_id, name=experiment.name, **detail)
