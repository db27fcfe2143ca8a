"""How stories were read and asked at their ends, and two wordings of the ask that were tried."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from membership.articles.models import Article, AskExperiment, AskVariant, ReadingCount
from membership.seed.calendar import Span

DAY = timedelta(days=1)
# In a newsroom of a thousand givers: on a story's first day, and on any day much later.
READS, READS_LATER = 900, 14
SEES_ASK, COMES_TO_SUPPORT, COMES_UNASKED = 0.43, 0.05, 0.02
WORDINGS: tuple[tuple[str, int, dict[str, dict[str, str]]], ...] = (
    ("No ask", 1, {}),
    ("The price of a coffee", 2, {}),
    (
        "What it pays for",
        2,
        {
            "en": {
                "title": "Two lawyers read this before you did",
                "text": "It is free for everyone because some of you give {price} a month.",
            },
            "uk": {
                "title": "Перед вами це прочитали двоє юристів",
                "text": "Це доступно всім, бо дехто з вас дає {price} на місяць.",
            },
        },
    ),
)


@dataclass(frozen=True)
class Trial:
    """When wordings were tried, and their ids, each as often as it was shown among five."""

    began_at: datetime
    ended_at: datetime
    variants: tuple[int, ...]

    def variant(self, rng: Random, at: datetime) -> int | None:
        """What somebody saw who decided to give at that moment."""
        return rng.choice(self.variants) if self.began_at <= at < self.ended_at else None


def trial(session: Session, span: Span) -> Trial:
    """An experiment of five weeks that is over."""
    began_at, ended_at = span.now - 54 * DAY, span.now - 19 * DAY
    experiment = AskExperiment(
        name="Coffee or reasons",
        started_at=began_at,
        ended_at=ended_at,
        created_at=began_at - DAY,
        variants=[
            AskVariant(name=name, weight=weight, is_control=number == 0, wording=wording)
            for number, (name, weight, wording) in enumerate(WORDINGS)
        ],
    )
    session.add(experiment)
    session.flush()
    shown = [each.id for each in experiment.variants for _ in range(each.weight)]
    return Trial(began_at, ended_at, tuple(shown))


def spread_stories(session: Session, span: Span) -> None:
    """Let the oldest third be older still, so that there was something to read all the time."""
    stories = session.scalars(select(Article).order_by(Article.published_at, Article.id)).all()
    older = stories[: len(stories) // 3]
    for number, story in enumerate(older):
        days = (story.published_at - span.start) // DAY * (len(older) - number) // (len(older) + 1)
        story.published_at -= max(days, 0) * DAY
    session.flush()


def readings(session: Session, rng: Random, span: Span, tried: Trial, givers: int) -> None:
    """The numbers of every day, as many as bring so many givers."""
    stories = session.execute(
        select(Article.id, Article.published_at).order_by(Article.published_at, Article.id)
    ).all()
    for story_id, published_at in stories:
        counts = list(_of_story(rng, story_id, published_at.date(), span, tried, givers))
        session.execute(insert(ReadingCount), counts)


def _of_story(
    rng: Random, story_id: int, since: date, span: Span, tried: Trial, givers: int
) -> Iterator[dict[str, object]]:
    day = since
    while day <= span.now.date():
        age = (day - since).days
        each_day = READS * 0.7**age + READS_LATER
        reads = int(each_day * (givers / 1000) ** 0.8 * rng.uniform(0.7, 1.3)) + 1
        # Who reads is asked nothing yet; who is asked nothing counts where the ask would be.
        yield _row(day, story_id, 0, "read", reads)
        for variant in _variants(tried, day):
            part = tried.variants.count(variant) / len(tried.variants) if variant else 1
            seen = reads * SEES_ASK * part
            came = seen * (COMES_UNASKED if variant == tried.variants[0] else COMES_TO_SUPPORT)
            for step, number in (("ask_seen", seen), ("support_page", came)):
                if whole := int(number + rng.random()):
                    yield _row(day, story_id, variant, step, whole)
        day += DAY


def _row(day: date, story_id: int, variant: int, step: str, number: int) -> dict[str, object]:
    ids = {"article_id": story_id, "variant_id": variant}
    return {"day": day, **ids, "step": step, "slot": 0, "number": number}


def _variants(tried: Trial, day: date) -> Sequence[int]:
    """What was shown on a day: 0 where nothing was tried."""
    is_tried = tried.began_at.date() < day < tried.ended_at.date()
    return sorted(set(tried.variants)) if is_tried else (0,)
