"""What SPF, DKIM and DMARC records say (RFC 7208, RFC 6376, RFC 7489)."""

from collections.abc import Iterable

# Each of these costs a receiver a question to the domain name system.
ASKING = {"include", "a", "mx", "ptr", "exists", "redirect"}


def tags(record: str) -> dict[str, str]:
    """ "v=DMARC1; p=none" by its names, in lower case."""
    pairs = (each.partition("=") for each in record.split(";") if "=" in each)
    return {name.strip().lower(): "".join(value.split()) for name, _, value in pairs}


def spf_records(texts: Iterable[str]) -> list[str]:
    return [each for each in texts if each.lower().split(" ")[0] == "v=spf1"]


def dmarc_records(texts: Iterable[str]) -> list[dict[str, str]]:
    return [tags(each) for each in texts if each.replace(" ", "").lower().startswith("v=dmarc1")]


def key_records(texts: Iterable[str]) -> list[dict[str, str]]:
    """DKIM keys; the version may be left out, and a key that was revoked is empty."""
    return [each for each in map(tags, texts) if "p" in each and each.get("v", "DKIM1") == "DKIM1"]


def terms(spf: str) -> list[tuple[str, str, str]]:
    """Qualifier ("+" unless it is said), name and value of each mechanism and modifier."""
    found = []
    for term in spf.split()[1:]:
        qualifier = term[0] if term[0] in "+-~?" else "+"
        name, _, value = term.lstrip("+-~?").replace("=", ":", 1).partition(":")
        found.append((qualifier, name.partition("/")[0].lower(), value))
    return found


def what_of_others(spf: str) -> str:
    """What a record says of every other sender: "+", "-", "~" or "?"; "" if another record does."""
    for qualifier, name, _ in terms(spf):
        if name == "all":
            return qualifier
    return "" if any(name == "redirect" for _, name, _ in terms(spf)) else "?"


def parents(domain: str) -> list[str]:
    """The domain and those above it, but no top-level one: a.b.example, b.example."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]
