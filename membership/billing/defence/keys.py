"""Keyed hashes: what the database holds names nobody without SECRET_KEY (rule S10)."""

import hmac

from config.settings import settings


def keyed(purpose: str, text: str) -> bytes:
    """32 bytes; the same text has another hash for another purpose."""
    key = settings().secret_key.encode()
    return hmac.digest(key, f"giving {purpose}:{text}".encode(), "sha256")
