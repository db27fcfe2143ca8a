"""Mail that is wrong in itself, too late, or addressed by somebody with bad intentions."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
import requests

from sandbox import services
from tests.faults import mailroom
from tests.faults.mailroom import STORY, Mailroom
from tests.faults.steps import Reader, form_of
from tests.system import wait_until

HEADERS = {
    "from", "to", "subject", "date", "message-id", "auto-submitted", "content-language",
    "list-unsubscribe", "list-unsubscribe-post", "mime-version", "content-type",
}  # fmt: skip
THIEF = "thief@evil.example"
BREAKS = ["\r\n", "\n", "\r", "\u2028", "\u0085", "\x0b", "\x0c", "\x1c"]


@pytest.fixture(scope="module")
def room(
    mail_postgres: services.Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mailroom]:
    """A room with a worker and a beat at work."""
    directory = tmp_path_factory.mktemp("content")
    with (
        services.start_redis(directory / "redis") as redis,
        mailroom.opened(mail_postgres, redis, directory) as room,
        room.worker(),
        room.beat(),
    ):
        yield room


def source_of(room: Mailroom, address: str) -> bytes:
    """The one mail that an address got, byte by byte."""
    (mail,) = room.mail.messages(to=address, fields="id")
    return requests.get(f"{room.inbox}/messages/{mail['id']}/source", timeout=30).content


def give_up(room: Mailroom, name: str) -> list[dict[str, Any]]:
    """The rows of a name once all are given up, as if the waits after failures were over."""

    def are_dead() -> bool:
        # A mail in hand is left alone.
        room.rows(
            "UPDATE outbox_email SET next_attempt_at = now() WHERE subject = :name"
            " AND state = 'pending' AND attempts > 0 AND last_error IS NOT NULL",
            name=name,
        )
        return room.states(name).keys() == {"failed"}

    wait_until(are_dead, lambda: f"the end of {room.mail_to(name)}", 60)
    return room.mail_to(name)


def test_a_template_that_raises(room: Mailroom) -> None:
    """[L7] Its mail is tried and given up; what stands before, beside and behind it goes out."""
    room.put(20, "before")
    room.put(3, "poison", context={"topic": "No title"})
    room.put(1, "poisoned", "receipt", context={})
    room.put(20, "behind")
    room.put(1, "person", "sign_in_unknown")
    for name in ("before", "behind", "person"):
        room.wait_until_final(name)
        assert room.states(name).keys() == {"sent"}
        room.assert_each_once(name)
    for row in give_up(room, "poison") + give_up(room, "poisoned"):
        assert "Undefined" in row["last_error"], "it says why"
        assert room.mails(row["recipient"]) == []


def test_two_days_later(room: Mailroom) -> None:
    """[M5] What was good for a time expires, also if a lost worker had it; the rest goes out."""
    late = "-47 hours -50 minutes"
    room.put(20, "news", ends=late)
    room.put(1, "code", "sign_in_unknown", ends=late)
    room.put(20, "lasting")
    room.rows(
        "INSERT INTO outbox_email (kind, recipient, subject, language, context, state, attempts,"
        " message_id, not_after_at, next_attempt_at) VALUES ('sign_in_unknown',"
        " 'lost1@readers.example', 'lost', 'en', '{}', 'sending', 1, '<lost@kava.example>',"
        " now() + CAST(:late AS interval), now() - interval '2 days')",
        late=late,
    )
    for name in ("news", "code", "lost", "lasting"):
        room.wait_until_final(name)
    assert room.states("news") == {"expired": 20}
    assert room.states("code") == {"expired": 1}
    assert room.states("lasting") == {"sent": 20}
    room.assert_each_once("lasting")
    for address in ("news1@readers.example", "code1@readers.example", "lost1@readers.example"):
        assert room.mails(address) == []


def test_no_header_hides_in_a_title_or_a_name(room: Mailroom) -> None:
    """[M6] A line break in what people wrote is a space; nobody else is written to."""
    names = [f"title{number}-" for number, _ in enumerate(BREAKS)]
    for name, broken in zip(names, BREAKS, strict=True):
        wicked = f"The bridge{broken}Bcc: {THIEF}{broken}{broken}Pay here"
        room.put(1, name, context=dict.fromkeys(STORY, wicked))
        people = dict.fromkeys(("recipient_name", "sender_name", "message"), wicked)
        people["message"] += f"{broken}.{broken}QUIT"
        gift = {"gift_id": 1, "is_from_pool": False, "months": 12}
        room.put(1, f"gift-{name}", "gift", context=people | gift)
    for name in names:
        for each in (name, f"gift-{name}"):
            room.wait_until_final(each)
            assert room.states(each) == {"sent": 1}, room.mail_to(each)
            mail = read(source_of(room, f"{each}1@readers.example"))
            assert str(mail["To"]) == f"{each}1@readers.example"
        mail = read(source_of(room, f"{name}1@readers.example"))
        assert str(mail["Subject"]).split()[-4:] == ["Bcc:", THIEF, "Pay", "here"]
    assert room.mails(THIEF) == []


def test_long_titles_in_other_letters(room: Mailroom) -> None:
    """[M6] However long, and whatever the letters, lines stay within what mail servers take."""
    title = "Хто відремонтує міст через річку, і чому так довго? 🌉 " * 20
    room.put(1, "long", context=STORY | {"title": title, "standfirst": title}, language="uk")
    room.wait_until_final("long")
    mail = read(source_of(room, "long1@readers.example"))
    assert str(mail["Subject"]).endswith(title.strip())
    part = mail.get_body(("plain",))
    assert part is not None
    assert title.strip() in part.get_content()


def read(source: bytes) -> EmailMessage:
    """The mail, whose bytes are as RFC 5322 and 2047 want them, each header once."""
    head, _, _ = source.partition(b"\r\n\r\n")
    assert all(len(line) <= 998 for line in source.split(b"\r\n"))
    assert head.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", source)
    assert all(len(word) <= 75 for word in re.findall(rb"=\?\S+\?=", head))
    mail = message_from_bytes(source, policy=policy.default)
    names = [name.lower() for name in mail]
    assert len(names) == len(set(names))
    assert set(names) <= HEADERS
    assert mail.defects == []
    return mail


def test_addresses_that_are_none(room: Mailroom) -> None:
    """[M2] [L7] They should not have got so far: given up, and nobody waits behind them."""
    wrong = [
        f"a@readers.example>\r\nRCPT TO:<{THIEF}",
        f"a@readers.example, {THIEF}",
        f"a@readers.example\nBcc: {THIEF}",
        f"{THIEF}> a@readers.example",
        "@readers.example",
        "nobody",
        "",
    ]
    for number, recipient in enumerate(wrong):
        kind = ("published", "sign_in_unknown")[number % 2]
        room.put(1, f"wrong{number}", kind, recipient=recipient)
    room.put(5, "right", "sign_in_unknown")
    room.wait_until_final("right")
    assert room.states("right") == {"sent": 5}
    for number, _ in enumerate(wrong):
        give_up(room, f"wrong{number}")
    assert room.mails(THIEF) == []


def test_internationalised_addresses(room: Mailroom) -> None:
    """[M2] A domain of other letters is written to in its ASCII form; such a name is refused."""
    with room.extra_web() as web, Reader(room, "олена@пошта.example") as reader:
        reader.web = web.url
        fields = form_of(reader.get("/sign-in"), "/sign-in") | {"email": reader.email}
        refused = reader.post("/sign-in", fields)
        assert refused.status_code in {200, 400, 422}
        assert room.scalar("SELECT count(*) FROM outbox_email WHERE recipient LIKE 'олена%'") == 0
        fields["email"] = "Olena@Пошта.example"
        assert reader.post("/sign-in", fields).status_code == 303
        mail = room.wait_for_mail("olena@xn--80a1acn3a.example", "")
    assert mail["headers"]["To"] == mail["to"] == "Olena@xn--80a1acn3a.example"
