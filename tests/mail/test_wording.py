"""The wording of mails: every sentence of every kind can be put otherwise, and nothing breaks."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from membership.mail import letters, placeholders, sentences, wording
from membership.mail.models import MailWording
from membership.staff.mail import samples
from tests.factories import add
from tests.mail.every_kind import KINDS, LANGUAGES, LINK, all_letters, letter

LESS = "<b>&\"'"


@pytest.fixture(autouse=True)
def _read_anew(app: Flask) -> Iterator[None]:
    with app.app_context():
        wording.read_anew()
        yield
        wording.read_anew()


def marked(number: int, sentence: sentences.Sentence) -> str:
    """The sentence in words of its own, which HTML would misread, with all of its placeholders."""
    return f"{LESS}{number}) {' '.join(sorted(sentence.must))} 100%%"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_letter_can_be_written(session: Session, kind: str, language: str) -> None:
    """As ours: nothing is missing, nothing is left over."""
    for written in all_letters(kind, language, wording.OURS):
        assert written.subject.strip()
        assert f'<html lang="{language}">' in written.html
        for text in (written.subject, written.text, written.html):
            assert not re.search(r"%\(\w+\)|\bNone\b|\{\{|Undefined", text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [*KINDS, wording.SHARED])
def test_every_sentence_is_said_as_it_was_put(session: Session, kind: str, language: str) -> None:
    """Wherever it stands, in macros and plurals too; in HTML it is text, whatever it holds."""
    found = sentences.of(kind, language)
    assert found
    texts = {each.key: marked(number, each) for number, each in enumerate(found)}
    shown = samples.SHARED if kind == wording.SHARED else kind
    written = all_letters(shown, language, wording.Words(texts))
    subjects, plain, html = (
        "\n".join(getattr(each, part) for each in written) for part in ("subject", "text", "html")
    )
    for number, each in enumerate(found):
        assert each.parts
        assert ("subject" not in each.parts) or f"{LESS}{number})" in subjects, each
        assert ("text" not in each.parts) or f"{LESS}{number})" in plain, each
        assert ("html" not in each.parts) or re.search(rf"&lt;b&gt;&amp;.*?{number}\)", html), each
    assert "<b>" not in html
    assert "100%\n" in plain + "\n"


@pytest.mark.parametrize("kind", KINDS)
def test_what_readers_wrote_is_text_in_every_letter(session: Session, kind: str) -> None:
    """[S10] Names, titles, reasons: in HTML none of them is a tag."""
    for context in samples.of(kind, "en"):
        loud = {key: _loud(value) for key, value in context.items()}
        written = letters.written(kind, loud, "en", wording.OURS, LINK)
        assert "<script" not in written.html


def _loud(value: object) -> object:
    """`value` with a tag, where it is words."""
    if isinstance(value, list):
        return [_loud(each) for each in value]
    if isinstance(value, dict):
        return {key: _loud(each) for key, each in value.items()}
    is_words = isinstance(value, str) and " " in value and "://" not in value
    return f"{value}<script>" if is_words else value


def test_no_sentence_of_ours_holds_markup(session: Session) -> None:
    """So that what staff write may be escaped as a whole."""
    for kind in [*KINDS, wording.SHARED]:
        for language in LANGUAGES:
            for each in sentences.of(kind, language):
                assert not re.search(r"[<>]|&\w+;", each.ours), each
                assert each.must <= each.may
                assert not placeholders.problem(
                    each.ours, must=each.must, may=each.may, in_subject=each.in_subject
                ), each


@pytest.fixture(scope="module")
def every_sentence(app: Flask) -> list[sentences.Sentence]:
    with app.app_context():
        return [
            each
            for kind in [*KINDS, wording.SHARED]
            for language in LANGUAGES
            for each in sentences.of(kind, language)
            if each.must
        ]


MUTATIONS = {
    "lost": lambda token: "",
    "renamed": lambda token: token.replace("%(", "%(x"),
    "stray": lambda token: token.replace(")s", ")").replace(")d", ")"),
    "other type": lambda token: token[:-1] + ("d" if token.endswith("s") else "f"),
    "unclosed": lambda token: token.replace(")", ""),
    "bare": lambda token: "%",
    "flag": lambda token: token[:-1] + "10" + token[-1],
}


@given(data=st.data())
@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_broken_placeholder_is_always_refused(
    every_sentence: list[sentences.Sentence], data: st.DataObject
) -> None:
    """Whatever is done to some of its placeholders: refused when saving, never when sending."""
    sentence = data.draw(st.sampled_from(every_sentence))
    broken = data.draw(st.sets(st.sampled_from(sorted(sentence.must)), min_size=1))
    text = sentence.ours
    for token in broken:
        text = text.replace(token, MUTATIONS[data.draw(st.sampled_from(sorted(MUTATIONS)))](token))
    assert placeholders.problem(
        text, must=sentence.must, may=sentence.may, in_subject=sentence.in_subject
    )


@given(text=st.text(alphabet=st.sampled_from("%()sd10 xnameamount<>&\n\u202e\0é"), max_size=60))
@hypothesis_settings(max_examples=500, deadline=None)
def test_what_is_accepted_can_be_said(text: str) -> None:
    """No text that passes raises when it is filled in, whatever Python's % thinks of it."""
    may = frozenset({"%(name)s", "%(amount)s", "%(num)d"})
    if placeholders.problem(text, must=frozenset(), may=may, in_subject=False) is None:
        said = text % {"name": "N", "amount": "A", "num": 3}
        assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Your %(amount)s arrived", None),
        ("100%% of your %(amount)s arrived", None),
        ("Ваші %(amount)s — у нас 👩‍👩‍👧", None),
        ("It arrived", "missing"),
        ("Your %(amount)s arrived, %(name)s", "unknown"),
        ("100% of your %(amount)s", "percent"),
        ("Your %(amount)s\nBcc: all@example.org", "line_break"),
        ("Your %(amount)s\u2028arrived", "line_break"),
        ("Your %(amount)s\x07", "not_text"),
        ("Your %(amount)s \u202earrived", "not_text"),
        ("Your %(amount)s" + "!" * 200, "too_long"),
    ],
)
def test_the_rules_of_a_sentence(text: str, what: str | None) -> None:
    amount = frozenset({"%(amount)s"})
    found = placeholders.problem(text, must=amount, may=amount, in_subject=True)
    assert (found and found.what) == what


def put(session: Session, text: str, kind: str = "sign_in", original: str = "Hello,") -> None:
    add(session, MailWording(kind=kind, language="en", original=original, text=text))
    wording.read_anew()


def test_what_is_saved_is_said_in_its_kind_and_language_alone(session: Session) -> None:
    put(session, "Good day,")

    def said(kind: str, language: str) -> str:
        return letter(kind, language, wording.of(kind, language)).text

    assert "Good day," in said("sign_in", "en")
    assert "Hello," not in said("sign_in", "en")
    assert "Good day," not in said("sign_in", "uk")
    assert "Hello," in said("giving_pass", "en")


def test_what_all_letters_share_is_said_in_each_unless_a_kind_says_otherwise(
    session: Session,
) -> None:
    put(session, "Yours,", wording.SHARED, "Your newsroom,")
    for kind in ("receipt", "published"):
        assert "Yours,\n" in letter(kind, "en", wording.of(kind, "en")).text
    put(session, "Until soon,", "receipt", "Your newsroom,")
    assert "Until soon,\n" in letter("receipt", "en", wording.of("receipt", "en")).text


def test_what_the_templates_do_not_say_any_more_is_never_sent(session: Session) -> None:
    """After an upgrade: the sentence of today is ours."""
    put(session, "Gone %(nothing)s", original="A sentence of an older release %(nothing)s")
    assert letter("sign_in", "en", wording.of("sign_in", "en")) == letter(
        "sign_in", "en", wording.OURS
    )


def test_an_edit_is_seen_without_a_restart(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process keeps is read again in less than a minute, and has another version then."""
    assert wording.LASTS < 60
    now = 1000.0
    monkeypatch.setattr(wording, "monotonic", lambda: now)
    before = wording.of("sign_in", "en")
    assert before.version == ""
    add(session, MailWording(kind="sign_in", language="en", original="Hello,", text="Good day,"))
    assert wording.of("sign_in", "en") is before
    now += wording.LASTS
    after = wording.of("sign_in", "en")
    assert after.sentences == {"Hello,": "Good day,"}
    assert after.version not in ("", wording.Words({"Hello,": "Good evening,"}).version)
