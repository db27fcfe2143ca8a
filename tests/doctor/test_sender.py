"""Whether others can tell that our mail is ours: SPF, DKIM, DMARC and alignment."""

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from membership.doctor import sender
from membership.doctor.findings import Finding
from membership.doctor.names import Names
from tests.doctor.conftest import NameServer

DOMAIN = "news.courier.example"


def key(bits: int = 2048) -> str:
    public = generate_private_key(65537, bits).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={b64encode(der).decode()}"


GOOD_KEY = key()
RFC_8463 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def only(findings: list[Finding]) -> Finding:
    (found,) = findings
    assert (found.advice == "") == (found.state == "ok"), "what is not right says what to do"
    assert found.said.endswith(".")
    return found


@pytest.mark.parametrize(
    ("records", "state", "said"),
    [
        (["v=spf1 include:mail.example -all"], "ok", "says which servers"),
        (["google-site-verification=x", "V=SPF1 mx ~all"], "ok", "says which servers"),
        (["v=spf1 redirect=mail.example"], "ok", "says which servers"),
        ([], "warning", "does not say which servers"),
        (["v=spf10 -all"], "warning", "does not say which servers"),
        (["v=spf1 -all", "v=spf1 mx -all"], "wrong", "has 2 SPF records"),
        (["v=spf1 +all"], "wrong", "lets anybody send"),
        (["v=spf1 mx all"], "wrong", "lets anybody send"),
        (["v=spf1 mx ?all"], "warning", "says nothing of"),
        (["v=spf1 mx"], "warning", "says nothing of"),
        (["v=spf1 " + "a:x.example " * 11 + "-all"], "wrong", "more than 10 questions"),
        (["v=spf1 include:deep.example -all"], "wrong", "more than 10 questions"),
        (["v=spf1 include:loop.example -all"], "wrong", "more than 10 questions"),
        (["v=spf1 exists:%{i}.x.example include:%{d}.example ip4:192.0.2.1/32 -all"], "ok", "says"),
    ],
)
def test_spf(
    names: Names, name_server: NameServer, records: list[str], state: str, said: str
) -> None:
    """[M11] RFC 7208: one record, an end that says no, and no more than ten questions."""
    name_server.zone = {
        DOMAIN: records,
        "mail.example": ["v=spf1 ip4:192.0.2.0/24 -all"],
        "deep.example": ["v=spf1 " + "mx:y.example " * 10 + "-all"],
        "loop.example": ["v=spf1 include:loop.example -all"],
    }
    found = only(list(sender.spf(names, DOMAIN)))
    assert (found.about, found.state) == ("SPF", state)
    assert said in found.said
    assert len(name_server.asked) < 15


@pytest.mark.parametrize(
    ("record", "state", "said"),
    [
        (GOOD_KEY, "ok", "a key of 2048 bits at pm1._domainkey.news.courier.example"),
        (GOOD_KEY.partition("; ")[2], "ok", "2048 bits"),
        (key(1024), "warning", "only 1024 bits"),
        (key(1024).replace("k=rsa", "t=y; k=rsa"), "warning", "only 1024 bits"),
        (GOOD_KEY.replace("k=rsa", "t=y:s"), "warning", "a trial"),
        (RFC_8463, "warning", "Ed25519"),
        ("v=DKIM1; p=", "wrong", "was revoked"),
        ("v=DKIM1; k=rsa; p=AAAA", "wrong", "cannot be read"),
        ("v=DKIM1; k=rsa; p=%%%", "wrong", "cannot be read"),
        ("something else", "wrong", "there is no key"),
    ],
)
def test_the_key_of_a_named_selector(
    names: Names, name_server: NameServer, record: str, state: str, said: str
) -> None:
    """[M11] RFC 6376: there, readable, not revoked, long enough."""
    name_server.zone = {f"pm1._domainkey.{DOMAIN}": [record]}
    found = only(list(sender.dkim(names, DOMAIN, ["pm1"])))
    assert (found.about, found.state) == ("DKIM", state)
    assert said in found.said


def test_each_named_selector_is_looked_at(names: Names, name_server: NameServer) -> None:
    """[M11] One that is missing is wrong, however good the other."""
    name_server.zone = {f"a._domainkey.{DOMAIN}": [GOOD_KEY]}
    found = list(sender.dkim(names, DOMAIN, ["a", "b"]))
    assert [each.state for each in found] == ["ok", "wrong"]


def test_without_a_selector_the_usual_ones_are_tried(names: Names, name_server: NameServer) -> None:
    """[M11] A key under another name may well be there, so none found is no more than a warning."""
    found = only(list(sender.dkim(names, DOMAIN)))
    assert found.state == "warning"
    assert "default, mail, dkim" in found.said
    assert "--selector" in found.advice
    name_server.zone = {
        "s1._domainkey.courier.example": ["v=DKIM1; p="],
        "s2._domainkey.courier.example": [GOOD_KEY],
    }
    found = only(list(sender.dkim(Names(names._resolver), DOMAIN)))
    assert found.state == "ok"
    assert "s2._domainkey.courier.example" in found.said


@pytest.mark.parametrize(
    ("zone", "state", "said"),
    [
        ({f"_dmarc.{DOMAIN}": ["v=DMARC1; p=reject"]}, "ok", "with reject"),
        ({"_dmarc.courier.example": ["v=DMARC1; p=quarantine"]}, "ok", "with quarantine"),
        ({"_dmarc.courier.example": ["v=DMARC1;p=reject;sp=none"]}, "warning", "lets forged"),
        ({f"_dmarc.{DOMAIN}": ["v=DMARC1; p=none"]}, "warning", "lets forged mail through"),
        ({f"_dmarc.{DOMAIN}": ["v=DMARC1; rua=mailto:a@b.example"]}, "wrong", "names no policy"),
        ({f"_dmarc.{DOMAIN}": ["v=DMARC1; p=none"] * 1 + ["v=DMARC1; p=reject"]}, "wrong", "has 2"),
        ({f"_dmarc.{DOMAIN}": ["v=spf1 -all"]}, "wrong", "does not say what to do"),
        ({}, "wrong", "does not say what to do"),
    ],
)
def test_dmarc(
    names: Names, name_server: NameServer, zone: dict[str, list[str]], state: str, said: str
) -> None:
    """[M11] RFC 7489: the domain's own record, or the one above it."""
    name_server.zone = zone
    found = only(list(sender.dmarc(names, DOMAIN)))
    assert (found.about, found.state) == ("DMARC", state)
    assert said in found.said


@pytest.mark.parametrize(
    ("zone", "state"),
    [
        ({f"s1._domainkey.{DOMAIN}": [GOOD_KEY], "s._dmarc": []}, "ok"),
        ({"s1._domainkey.courier.example": [GOOD_KEY]}, "ok"),
        (
            {
                "s1._domainkey.courier.example": [GOOD_KEY],
                f"_dmarc.{DOMAIN}": ["v=DMARC1; p=reject; adkim=s"],
            },
            "wrong",
        ),
        ({DOMAIN: ["v=spf1 mx -all"]}, "warning"),
        ({DOMAIN: ["v=spf1 mx -all"], f"s1._domainkey.{DOMAIN}": ["v=DKIM1; p="]}, "warning"),
        ({}, "wrong"),
    ],
)
def test_alignment(
    names: Names, name_server: NameServer, zone: dict[str, list[str]], state: str
) -> None:
    """[M11] What passes must be of the domain in From: the same, or one above unless strict."""
    name_server.zone = zone
    found = only(list(sender.alignment(names, DOMAIN)))
    assert (found.about, found.state) == ("Alignment", state)


def test_without_a_name_server_nothing_is_known_and_nothing_wrong(
    names: Names, name_server: NameServer
) -> None:
    """[M11] A machine without network can still be examined."""
    name_server.is_away = True
    for look in (sender.spf, sender.dkim, sender.dmarc, sender.alignment):
        found = only(list(look(names, DOMAIN)))
        assert found.state == "warning"
        assert found.said.startswith("not known: ")
