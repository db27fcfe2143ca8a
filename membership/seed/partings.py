"""Money that goes back, and why people leave."""

from datetime import datetime, timedelta
from random import Random

from membership.money import Money, smallest_step
from membership.seed.books import KEPT, Agreement, Books, TakenBack
from membership.seed.calendar import between

DAY = timedelta(days=1)
# Of so many payments each.
REFUNDED, REFUNDED_IN_PART, DISPUTED = 0.006, 0.0025, 0.0008
# One giver in so many disputes a payment of the last weeks, so that staff have one to answer.
DISPUTES_LATELY = 100
LATELY = timedelta(days=27)
# Until a bank has decided.
DECIDED_AFTER = timedelta(days=26)
WON = 0.35
DISPUTES = ("fraudulent", "fraudulent", "product_unacceptable", "subscription_canceled", "general")

SAYS_WHY = 0.6
IN_WORDS = 0.4
REASONS = {"cost": 38, "unread": 20, "reporting": 9, "elsewhere": 12, "trouble": 8, "other": 13}
WORDS = {
    "en": {
        "cost": ("Rent went up again. I will be back when it does not.", "I lost my job in May."),
        "unread": ("I hardly find the time to read any more.", "Your letters pile up unread."),
        "reporting": ("Too much of the council, too little of the villages.",),
        "elsewhere": ("I give to the hospital now.", "My brother’s unit needs a car."),
        "trouble": ("My bank asked me to confirm every single payment.",),
        "other": ("We move abroad. Thank you for everything.", "Keep going!"),
    },
    "uk": {
        "cost": ("Зараз сутужно, повернуся згодом.", "Подорожчала оренда."),
        "unread": ("Не встигаю читати.",),
        "reporting": ("Замало про села навколо.",),
        "elsewhere": ("Тепер віддаю на військо.",),
        "trouble": ("Банк щоразу питає підтвердження.",),
        "other": ("Виїжджаємо. Дякую вам за все.",),
    },
}


def taken_back(
    rng: Random, number: int, gift: Money, paid_at: datetime, now: datetime
) -> TakenBack:
    """What giver `number` gets back of a payment, of what has happened by now; KEPT for nearly
    all."""
    chance = rng.random()
    if number % DISPUTES_LATELY == DISPUTES_LATELY // 2 and paid_at > now - LATELY:
        opened_at = between(rng, paid_at, now)
        return TakenBack(dispute=DISPUTES[number % len(DISPUTES)], disputed_at=opened_at)
    if chance >= REFUNDED + REFUNDED_IN_PART + DISPUTED:
        return KEPT
    if chance >= REFUNDED + REFUNDED_IN_PART:
        return _disputed(rng, paid_at, now)
    at = paid_at + timedelta(days=rng.randint(1, 6))
    if at >= now:
        return KEPT
    if chance < REFUNDED:
        return TakenBack(gift.minor, at)
    step = smallest_step(gift.currency)
    return TakenBack(max(step, gift.minor // 2 // step * step), at)


def _disputed(rng: Random, paid_at: datetime, now: datetime) -> TakenBack:
    opened_at = paid_at + rng.randint(2, 24) * DAY
    if opened_at >= now:
        return KEPT
    reason = rng.choice(DISPUTES)
    closed_at, is_won = opened_at + DECIDED_AFTER, rng.random() < WON
    if closed_at >= now:
        return TakenBack(dispute=reason, disputed_at=opened_at)
    return TakenBack(dispute=reason, disputed_at=opened_at, closed_at=closed_at, is_won=is_won)


def say_why(rng: Random, books: Books, agreement: Agreement, at: datetime) -> None:
    """Most who leave answer the question why, some of them in words."""
    if rng.random() >= SAYS_WHY:
        return
    reason = rng.choices(list(REASONS), list(REASONS.values()))[0]
    words = WORDS[agreement.giver.person.language][reason]
    comment = rng.choice(words) if rng.random() < IN_WORDS else None
    said_at = at + timedelta(minutes=1)
    books.put("leaving", agreement.id, reason, comment, said_at, said_at)
