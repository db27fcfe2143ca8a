"""The givers a block at a time, each told in a process of its own when there are many.

A block has its own source of chance and its own range of ids, so that it comes out the same
whoever tells it and whenever; gaps between the ranges are as good as those of any sequence.
"""

import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from random import Random

from membership.billing.amounts import CardFee
from membership.money import Money
from membership.seed import newsroom
from membership.seed.asks import Trial
from membership.seed.books import UNNUMBERED, Books
from membership.seed.calendar import Span
from membership.seed.lives import Tiers, live

GIVERS = 1_000
# Far more rows than so many givers have in any table: a hundred and twenty months have 121
# payments, and not every month brings a change.
IDS = 1_000 * GIVERS
# So few are told sooner than a process is started.
FEW = 4


@dataclass(frozen=True)
class Plan:
    """What all blocks have in common. Accounts are numbered after `first_account`."""

    seed: int
    givers: int
    span: Span
    tiers: Tiers
    fees: Mapping[str, CardFee]
    coffee: Money
    stories: tuple[tuple[int, datetime], ...]
    trial: Trial
    first_account: int

    @property
    def blocks(self) -> range:
        return range(-(-self.givers // GIVERS))

    @property
    def is_large(self) -> bool:
        return len(self.blocks) > FEW


@dataclass(frozen=True)
class Block:
    """Lines for COPY by table, and the last id given in each that counts them."""

    lines: dict[str, bytes]
    last_ids: dict[str, int]


def tell(plan: Plan, number: int) -> Block:
    """The block with this number, from 0. Its first giver is the demo patron in the first one."""
    rng = Random(f"{plan.seed}:{number}")
    books = Books(
        rng=rng,
        now=plan.span.now,
        fees=plan.fees,
        stories=plan.stories,
        trial=plan.trial,
        first_account=plan.first_account + 1,
        first_id=number * IDS,
    )
    first = number * GIVERS
    for giver in range(first, min(first + GIVERS, plan.givers)):
        if giver == 0:
            newsroom.patron(books, plan.span, plan.coffee)
        else:
            live(rng, books, plan.tiers, plan.span.beginning(rng, giver, plan.givers), giver)
    counted = {table: last for table, last in books.last_ids.items() if table not in UNNUMBERED}
    assert all(
        last <= (number + 1) * IDS for table, last in counted.items() if table != "account"
    ), "a block has more rows than it has ids"
    lines = {table: "".join(f"{row}\n" for row in rows) for table, rows in books.rows.items()}
    return Block({table: text.encode() for table, text in lines.items()}, counted)


def told(plan: Plan) -> Iterator[Block]:
    """Every block in order; few are ahead of whoever takes them, so that memory stays flat."""
    if not plan.is_large:
        yield from (tell(plan, number) for number in plan.blocks)
        return
    workers = os.cpu_count() or 1
    ahead: deque[Future[Block]] = deque()
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for number in plan.blocks:
            ahead.append(pool.submit(tell, plan, number))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
