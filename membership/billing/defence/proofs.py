"""Proofs of work (altcha): made for one page, solved in the browser, used once.

The challenge holds all that is needed to check it, signed; nothing is kept until it is solved.
"""

import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta

import altcha
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.billing.defence import rules
from membership.billing.defence.keys import keyed
from membership.billing.defence.models import SolvedChallenge

ALGORITHM = "PBKDF2/SHA-256"
ROUNDS = 5_000
# Time to fill in the form again at leisure, and too little to lay in a stock.
LASTS = timedelta(minutes=20)
# A solved challenge has some 600 characters.
LONGEST = 4_000


def challenge(level: int) -> str:
    """A new challenge as JSON; `level` is rules.level(), at least 1."""
    least = rules.least_tries(level)
    made = altcha.create_challenge(
        ALGORITHM,
        ROUNDS,
        # The answer is chosen here, so that the work has an end and is checked without doing it.
        counter=least + secrets.randbelow(least),
        expires_at=int((clock.now() + LASTS).timestamp()),
        hmac_secret=_signing_key(),
        hmac_key_secret=_answer_key(),
    )
    return json.dumps(made.to_dict(), separators=(",", ":"))


def spend(session: Session, solution: str) -> bool:
    """Whether `solution` solves a challenge of ours and is used here for the first time."""
    if len(solution) > LONGEST:
        return False
    found = altcha.verify_solution(solution, _signing_key(), hmac_key_secret=_answer_key())
    if not found.verified:
        return False
    solved = altcha.Payload.from_base64(solution).challenge
    expires_at = datetime.fromtimestamp(solved.parameters.expires_at or 0, UTC)
    return use_once(session, solved.signature or "", expires_at)


def use_once(session: Session, name: str, expires_at: datetime) -> bool:
    """Whether nothing called `name` was used before; of two at the same moment, one is first."""
    used = session.scalar(
        insert(SolvedChallenge)
        .values(signature_hash=hashlib.sha256(name.encode()).digest(), expires_at=expires_at)
        .on_conflict_do_nothing(index_elements=["signature_hash"])
        .returning(SolvedChallenge.signature_hash)
    )
    return used is not None


def _signing_key() -> bytes:
    return keyed("challenge", "")


def _answer_key() -> bytes:
    return keyed("challenge's answer", "")
