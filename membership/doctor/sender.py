"""Whether others can tell that mail from MAIL_FROM is ours (rule M11)."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from functools import wraps

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from membership.doctor import records
from membership.doctor.findings import OK, WARNING, WRONG, Finding, ok, warning, wrong
from membership.doctor.names import Names, NamesAwayError

# What providers and mail servers call their keys when nobody tells them otherwise.
USUAL_SELECTORS = (
    "default", "mail", "dkim", "kava", "smtp", "google", "k1", "k2", "k3", "s1", "s2", "pm", "mg",
    "mx", "mte1", "pic", "selector1", "selector2", "zoho", "fm1", "fm2", "fm3", "brevo1", "brevo2",
)  # fmt: skip
MOST_QUESTIONS = 10
SMALLEST_KEY, SMALL_KEY = 1024, 2048
SPF, DKIM, DMARC, ALIGNMENT = "SPF", "DKIM", "DMARC", "Alignment"

Look = Callable[..., Iterator[Finding]]


def _asking(about: str) -> Callable[[Look], Look]:
    """A look that ends in a warning when no name server answers."""

    def decorate(look: Look) -> Look:
        @wraps(look)
        def guarded(*args: object) -> Iterator[Finding]:
            try:
                yield from look(*args)
            except NamesAwayError as error:
                advice = "Run this again where the domain name system can be reached."
                yield warning(about, f"not known: {error}.", advice)

        return guarded

    return decorate


@_asking(SPF)
def spf(names: Names, domain: str) -> Iterator[Finding]:
    """Which servers may send for the address that we hand over as the envelope's sender."""
    found = records.spf_records(names.texts(domain))
    if not found:
        # Many a provider sends from a domain of its own; whether any proof is left for us, the
        # look at alignment says.
        yield warning(
            SPF,
            f"{domain} does not say which servers send its mail.",
            f'Publish a TXT record at {domain}, such as "v=spf1 include:YOUR-PROVIDER -all", '
            "unless your mail provider needs none.",
        )
        return
    if len(found) > 1:
        said = f"{domain} has {len(found)} SPF records, so receivers heed none."
        yield wrong(SPF, said, "Join them into one.")
        return
    yield _judge_spf(names, domain, found[0])


def _judge_spf(names: Names, domain: str, record: str) -> Finding:
    questions = _questions(names, record)
    others = records.what_of_others(record)
    if questions > MOST_QUESTIONS:
        said = f"{domain}'s record costs more than {MOST_QUESTIONS} questions, so it fails."
        return wrong(SPF, said, "Name fewer others in it.")
    if others == "+":
        return wrong(SPF, f"{domain} lets anybody send for it.", 'End the record with "-all".')
    if others == "?":
        said = f"{domain} says nothing of servers that it does not name."
        return warning(SPF, said, 'End the record with "~all" or "-all".')
    return ok(SPF, f"{domain} says which servers send its mail.")


def _questions(names: Names, record: str, so_far: int = 0) -> int:
    """How many further questions a record costs; no more are asked once they are too many."""
    for _, name, value in records.terms(record):
        so_far += name in records.ASKING
        if so_far > MOST_QUESTIONS:
            break
        # A value with a macro depends on who sends.
        if name in {"include", "redirect"} and "%" not in value:
            for other in records.spf_records(names.texts(value))[:1]:
                so_far = _questions(names, other, so_far)
    return so_far


@_asking(DKIM)
def dkim(names: Names, domain: str, selectors: Iterable[str] = ()) -> Iterator[Finding]:
    """The relay's keys: those of the selectors that it uses, else of the usual ones."""
    asked = tuple(selectors)
    for selector in asked:
        found = [finding for _, finding in _keys(names, domain, [selector])]
        yield from found or [
            wrong(
                DKIM,
                f"there is no key at {selector}._domainkey.{domain}.",
                "Publish what your mail provider gives you for it.",
            )
        ]
    if asked:
        return
    by_state = sorted((each for _, each in _keys(names, domain, USUAL_SELECTORS)), key=_badness)
    if by_state:
        yield by_state[0]
        return
    yield warning(
        DKIM,
        f"no key was found at {domain} under the usual names ({', '.join(USUAL_SELECTORS)}).",
        "Say which selector your mail provider signs with: flask doctor --selector NAME",
    )


def _badness(finding: Finding) -> int:
    return (OK, WARNING, WRONG).index(finding.state)


def _keys(names: Names, domain: str, selectors: Iterable[str]) -> Iterator[tuple[str, Finding]]:
    """The keys of `domain`, or else of one above it, each with where it stands."""
    for place in records.parents(domain):
        found = [
            (place, _judge_key(f"{selector}._domainkey.{place}", key))
            for selector in selectors
            for key in records.key_records(names.texts(f"{selector}._domainkey.{place}"))
        ]
        if found:
            yield from found
            return


def _judge_key(name: str, key: dict[str, str]) -> Finding:
    if not key["p"]:
        return wrong(DKIM, f"the key at {name} was revoked.", "Publish your provider's new one.")
    try:
        public = load_der_public_key(b64decode(key["p"]))
    except ValueError:
        # An Ed25519 key stands there bare (RFC 8463).
        if key.get("k") == "ed25519":
            advice = "Let your provider sign with RSA as well: not everybody reads this yet."
            return warning(DKIM, f"the key at {name} is Ed25519.", advice)
        advice = "Copy it once more from your mail provider."
        return wrong(DKIM, f"the key at {name} cannot be read.", advice)
    size = public.key_size if isinstance(public, RSAPublicKey) else 0
    advice = f"Ask your mail provider for one of {SMALL_KEY} bits."
    if size < SMALLEST_KEY:
        return wrong(DKIM, f"the key at {name} has {size} bits, too few to count.", advice)
    if size < SMALL_KEY:
        return warning(DKIM, f"the key at {name} has only {size} bits.", advice)
    if "y" in key.get("t", "").split(":"):
        advice = 'Take "t=y" out of it once mails arrive signed.'
        return warning(DKIM, f"the key at {name} says that it is a trial.", advice)
    return ok(DKIM, f"there is a key of {size} bits at {name}.")


@_asking(DMARC)
def dmarc(names: Names, domain: str) -> Iterator[Finding]:
    """What receivers shall do with mail that claims to be ours and is not."""
    place, found = _policy(names, domain)
    if not found:
        yield wrong(
            DMARC,
            f"{domain} does not say what to do with forged mail; large receivers insist on it.",
            f'Publish a TXT record at _dmarc.{domain}, to begin with "v=DMARC1; p=none".',
        )
        return
    if len(found) > 1:
        said = f"_dmarc.{place} has {len(found)} records, so receivers heed none."
        yield wrong(DMARC, said, "Keep one of them.")
        return
    policy = found[0].get("sp") if place != domain else None
    policy = (policy or found[0].get("p", "")).lower()
    if policy not in {"none", "quarantine", "reject"}:
        said = f"_dmarc.{place} names no policy that there is."
        yield wrong(DMARC, said, "Say p=none, p=quarantine or p=reject.")
    elif policy == "none":
        said = f"{place} lets forged mail through."
        yield warning(DMARC, said, "Say p=quarantine once all of your own mail passes.")
    else:
        yield ok(DMARC, f"{place} has forged mail met with {policy}.")


def _policy(names: Names, domain: str) -> tuple[str, list[dict[str, str]]]:
    """The nearest domain with DMARC records, and these."""
    for place in records.parents(domain):
        found = records.dmarc_records(names.texts(f"_dmarc.{place}"))
        if found:
            return place, found
    return domain, []


@_asking(ALIGNMENT)
def alignment(names: Names, domain: str, selectors: Iterable[str] = ()) -> Iterator[Finding]:
    """Whether what passes is of the domain that readers see as the sender."""
    _, policies = _policy(names, domain)
    is_strict = bool(policies) and policies[0].get("adkim", "r").lower() == "s"
    keys = _keys(names, domain, tuple(selectors) or USUAL_SELECTORS)
    places = {place for place, finding in keys if finding.state != WRONG}
    by_key = places if not is_strict else places & {domain}
    by_server = len(records.spf_records(names.texts(domain))) == 1
    if by_key:
        yield ok(ALIGNMENT, f"mails signed as {min(by_key)} count as from {domain}.")
    elif places:
        said = f"{domain} wants signatures of its very own, and the keys are {min(places)}'s."
        yield wrong(ALIGNMENT, said, "Publish a key there, or take adkim=s out of DMARC.")
    elif by_server:
        said = f"only SPF speaks for {domain}, as far as is known here; forwarded mail fails it."
        yield warning(ALIGNMENT, said, "Let your mail provider sign with a key at this domain.")
    else:
        said = f"neither SPF nor DKIM speaks for {domain}."
        yield wrong(ALIGNMENT, said, "Mend those first: without one of them DMARC fails.")
