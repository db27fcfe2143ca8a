"""What a patron writes on a transfer, so that we know whose it is. Pure rules.

KAVA-1042-37: the account's number and two check digits (ISO 7064, MOD 97-10), which tell a slip
of the pen: any single wrong digit, any two that changed places.
"""

import re

WRITTEN = re.compile(r"KAVA[-\s]*([0-9]{1,18})[-\s]+([0-9]{2})\b", re.IGNORECASE)
MODULUS = 97


def reference(account_id: int) -> str:
    """What the account with this id writes."""
    check = MODULUS + 1 - account_id * 100 % MODULUS
    return f"KAVA-{account_id}-{check:02d}"


def account_id_in(text: str) -> int | None:
    """The account named by a reference anywhere in `text`; None without one that is right."""
    found = WRITTEN.search(text)
    if found is None:
        return None
    number, check = int(found[1]), int(found[2])
    return number if (number * 100 + check) % MODULUS == 1 else None
