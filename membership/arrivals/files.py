"""Bringing in an export of another platform: all of the file, or nothing of it.

An address is linked to the account that has it: the platform's word gives standing and nothing
else, and only who reads mail at that address can sign in and use it (rule B6 is about charging).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, BinaryIO

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.arrivals import ghost, letters, patreon, steady, table
from membership.arrivals.summary import COUNTED, ENTITLED, Summary
from membership.arrivals.told import NotTakenError, Told
from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.models import Subscription
from membership.db import lock
from membership.mail import addresses, kinds, refusals
from membership.newsletter import lists
from membership.patrons import roll
from membership.voting.eligibility import may_take_part

READERS: Mapping[str, Any] = {"patreon": patreon, "steady": steady, "ghost": ghost}
BATCH = 1_000
# Whoever paid nothing for longer is brought in anew; a shorter gap is that between two exports.
BREAK = timedelta(days=31)


def needed_columns() -> dict[str, str]:
    """By source, what the columns are called that an export must have."""
    return {
        source: ", ".join(f"“{each.headings[0]}”" for each in reader.COLUMNS if each.is_needed)
        for source, reader in READERS.items()
    }


def bring_in(
    session: Session,
    source: str,
    file: BinaryIO,
    languages: Sequence[str],
    *,
    with_welcome: bool = False,
) -> Summary:
    """Take the patrons and readers in `file`, an export of `source`; again, it changes nothing.

    Nobody is mailed, but who is new and a patron when `with_welcome` is said. Raises
    table.UnreadableFileError, and nothing may be committed then.
    """
    began = session.scalars(select(func.now())).one()
    summary = _take(session, source, file, languages, with_welcome)
    # Its rows bear the moment at which it began: a later look at what was written lately would
    # miss what took longer than such a look goes back.
    roll.refresh(session, began)
    return summary


def _take(
    session: Session, source: str, file: BinaryIO, languages: Sequence[str], with_welcome: bool
) -> Summary:
    # Two imports at once would both find a patron new.
    lock(session, "arrivals")
    reader = READERS[source]
    found = table.read(file, reader.COLUMNS)
    summary = Summary(mapping=found.mapping)
    now = clock.now()
    tell: Callable[[table.Row, datetime], Told] = reader.tell
    told = _fit(found.rows, lambda row: tell(row, now), summary)
    while batch := tuple(islice(told, BATCH)):
        _take_letters(session, batch, languages, summary)
        if source == "ghost":
            _point_to_stripe(session, batch, summary)
        else:
            _take_support(session, source, batch, languages[0], summary, with_welcome, now)
    summary.problems.sort(key=lambda each: int(each.place))
    return summary


def rehearse(session: Session, source: str, file: BinaryIO, languages: Sequence[str]) -> Summary:
    """What bring_in() would do, found by doing it and taking it back. Raises what it raises."""
    rehearsal = session.begin_nested()
    try:
        return _take(session, source, file, languages, with_welcome=False)
    finally:
        rehearsal.rollback()


def _fit(
    rows: Iterable[table.Row], tell: Callable[[table.Row], Told], summary: Summary
) -> Iterator[Told]:
    """What the lines tell, each person once; the other lines go to `summary`.

    What is over comes last: who left there and came back may have a line for either.
    """
    lines: dict[str, int] = {}
    over: list[Told] = []
    for row in rows:
        if row.is_shifted:
            summary.refuse(row.line, "shifted")
            continue
        told = tell(row)
        try:
            told = replace(told, email=addresses.clean(told.email))
        except addresses.InvalidAddressError:
            summary.refuse(row.line, "no_address")
            continue
        if told.refusal is not None and told.refusal.ends:
            over.append(told)
        elif (before := _claim(lines, told)) is not None:
            summary.refuse(row.line, "twice", str(before))
        else:
            yield told
    for told in over:
        if _claim(lines, told) is None:
            yield told
        else:
            summary.counts["over"] += 1


def _claim(lines: dict[str, int], told: Told) -> int | None:
    """The line that told of the person before; None if none did, and then it is this one."""
    keys = {told.source_id, told.email.lower()}
    before = next((lines[each] for each in sorted(keys) if each in lines), None)
    if before is None:
        lines.update(dict.fromkeys(keys, told.line))
    return before


def _take_support(
    session: Session,
    source: str,
    batch: Sequence[Told],
    language: str,
    summary: Summary,
    with_welcome: bool,
    now: datetime,
) -> None:
    known = _known(session, source, batch)
    new = [each for each in batch if each.support is not None and each.source_id not in known]
    accounts = _accounts(session, new, language)
    rows = list(known.values())
    voters = _voters(
        session, {*(each.account_id for each in rows), *(each.id for each in accounts.values())}
    )
    for told in batch:
        row = known.get(told.source_id)
        if told.support is None:
            assert told.refusal is not None, "a line without support says why"
            _refuse(told, told.refusal, row, summary, now)
        elif row is not None:
            summary.counts["changed" if _update(row, told, now) else "same"] += 1
        else:
            account = accounts[told.email.lower()]
            if account.is_leaving:
                summary.refuse(told.line, "is_leaving")
                continue
            rows.append(_row(source, told, account))
            summary.counts["new"] += 1
            if with_welcome:
                letters.welcome(session, account, source)
    session.add_all(rows)
    session.flush()
    lasting = {each.account_id for each in rows if each.lasts(now)}
    summary.counts[ENTITLED] += len(lasting - voters)


def _voters(session: Session, account_ids: Set[int]) -> set[int]:
    """Those of the accounts that may vote by now."""
    asked = select(Account.id).where(Account.id.in_(account_ids), may_take_part(Account.id))
    return set(session.scalars(asked))


def _known(session: Session, source: str, batch: Sequence[Told]) -> dict[str, PaidElsewhere]:
    """Ours of these people; who stood here by address alone is found by it."""
    ids = {each.source_id for each in batch} | {each.email.lower() for each in batch}
    rows = session.scalars(
        select(PaidElsewhere).where(
            PaidElsewhere.source == source, PaidElsewhere.source_id.in_(ids)
        )
    )
    found = {each.source_id: each for each in rows}
    for each in batch:
        if each.source_id not in found and each.email.lower() in found:
            found[each.source_id] = found[each.email.lower()]
    return found


def _accounts(session: Session, new: Sequence[Told], language: str) -> dict[str, Account]:
    """The accounts of these addresses, by address; who has none gets one, unverified."""
    if not new:
        return {}
    session.execute(
        insert(Account).on_conflict_do_nothing(index_elements=["email"]),
        [{"email": each.email, "name": each.name, "language": language} for each in new],
    )
    found = session.scalars(select(Account).where(Account.email.in_([each.email for each in new])))
    return {each.email.lower(): each for each in found}


def _refuse(
    told: Told,
    refusal: NotTakenError,
    row: PaidElsewhere | None,
    summary: Summary,
    now: datetime,
) -> None:
    """A line that gives no standing; support that we know of ends by it, if it says so."""
    if row is not None and refusal.ends:
        is_news = row.state != "ended"
        row.state = "ended"
        row.paid_until_at = min(row.paid_until_at, now)
        summary.counts["ended" if is_news else "same"] += 1
    elif refusal.reason in COUNTED:
        summary.counts[refusal.reason] += 1
    else:
        summary.refuse(told.line, refusal.reason, refusal.detail)


def _columns(told: Told) -> dict[str, Any]:
    support = told.support
    assert support is not None
    return {
        "source_id": told.source_id,
        "state": support.state,
        "interval": support.interval,
        "amount_minor": support.amount.minor,
        "currency": support.amount.currency,
        "tier": support.tier,
        "since_at": support.since_at,
        "paid_until_at": support.paid_until_at,
    }


def _row(source: str, told: Told, account: Account) -> PaidElsewhere:
    return PaidElsewhere(source=source, account_id=account.id, **_columns(told))


def _update(row: PaidElsewhere, told: Told, now: datetime) -> bool:
    """Whether a newer export says otherwise. The account stays: it may have moved here since."""
    if row.paid_until_at < now - BREAK:
        row.created_at = now
    said = {name: value for name, value in _columns(told).items() if getattr(row, name) != value}
    for name, value in said.items():
        setattr(row, name, value)
    return bool(said)


def _point_to_stripe(session: Session, batch: Sequence[Told], summary: Summary) -> None:
    """Who pays does so at Stripe; who came from there is known."""
    customers = [each.stripe_customer_id for each in batch if each.stripe_customer_id]
    ours = set(
        session.scalars(
            select(Subscription.stripe_customer_id).where(
                Subscription.stripe_customer_id.in_(customers)
            )
        )
    )
    for told in batch:
        if told.stripe_customer_id in ours:
            summary.counts["same"] += 1
        elif told.refusal is not None:
            summary.refuse(told.line, told.refusal.reason, told.refusal.detail)


def _take_letters(
    session: Session, batch: Sequence[Told], languages: Sequence[str], summary: Summary
) -> None:
    """Yes and no to letters as they were said there; who said no here stays without."""
    agreed = [
        lists.Line(each.line, each.email, languages[0]) for each in batch if each.newsletter is True
    ]
    if agreed:
        outcome = lists.bring_in(session, agreed, languages)
        summary.counts["letters_begun"] += outcome.taken
        summary.counts["letters_known"] += outcome.known
        for line, reason in outcome.refused:
            summary.refuse(line, "no_letters", reason)
    for each in batch:
        if each.is_unclear:
            summary.refuse(each.line, "unclear_letters")
    refused = [each.email for each in batch if each.newsletter is False]
    wanted = [kind.name for kind in kinds.bulk_kinds() if kind.group == "letters"]
    refusals.refuse_all(session, refused, wanted)
    summary.counts["letters_refused"] += len(refused)
