"""A mail's number in the outbox as others may see it: 32 letters that tell nothing of it.

Numbers are given in order. Whoever read two of them would know how many mails were written in
between, and of the reminders of a vote that is how many have not voted (rule V4).
"""

import base64
import hmac

from flask import current_app

# Together they are 32 letters of A–Z a–z 0–9 - _, without padding.
NUMBER_BYTES, PROOF_BYTES, LETTERS = 8, 16, 32


def hide(number: int, purpose: str) -> str:
    """The letters for `number`, always the same for a `purpose`; cheap enough for every mail.

    The number is covered by a mask that is made of its proof, as in a synthetic IV (RFC 5297).
    """
    proof = _proof(number, purpose)
    covered = number ^ _mask(proof, purpose)
    return base64.urlsafe_b64encode(covered.to_bytes(NUMBER_BYTES) + proof).decode()


def reveal(letters: str, purpose: str) -> int | None:
    """The number that hide() made these letters of; None when they are not ours, or for this."""
    if len(letters) != LETTERS or not letters.isascii():
        return None
    try:
        said = base64.b64decode(letters, altchars=b"-_", validate=True)
    except ValueError:
        return None
    covered, proof = said[:NUMBER_BYTES], said[NUMBER_BYTES:]
    number = int.from_bytes(covered) ^ _mask(proof, purpose)
    return number if hmac.compare_digest(proof, _proof(number, purpose)) else None


def _proof(number: int, purpose: str) -> bytes:
    return _keyed(purpose.encode() + b":" + number.to_bytes(NUMBER_BYTES))[:PROOF_BYTES]


def _mask(proof: bytes, purpose: str) -> int:
    return int.from_bytes(_keyed(b"hide " + purpose.encode() + b":" + proof)[:NUMBER_BYTES])


def _keyed(text: bytes) -> bytes:
    return hmac.digest(str(current_app.config["SECRET_KEY"]).encode(), text, "sha256")
