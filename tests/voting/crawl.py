"""Every page of the site as one reader sees it: for tests of what pages must not tell (rule V4)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import unified_diff
from itertools import product

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.pages import without_tokens

# What is sent along where a page answers by it; other pages are asked for as they are.
QUERIES: Mapping[str, Sequence[str]] = {
    "articles.search": ("?q=topic", "?q=story"),
    "staff.acquisition": ("?paid=all",),
    "staff.acquisition_people": ("?paid=all",),
    "staff.board": ("?mine",),
    "staff.overview": ("?payments=all",),
    "staff.patrons": ("?votes=ever", "?votes=never"),
    "staff.tag_view": ("?name=press",),
    "staff.topics": ("?state=suggested", "?state=on_ballot", "?q=topic"),
    "voting.alike": ("?title=Topic+1",),
    "voting.topics": ("?show=waiting", "?show=at_rest"),
}
# Forms whose answers are looked at as well: all that the vote and its staff pages take.
FORMS = ("/topics", "/rounds", "/staff/topics", "/staff/rounds", "/staff/series")
# A form's own address, which a reload asks for: it leads on to the page with the form.
LEADS_ON = {
    "newsletter.begin", "staff.lift_suppression", "staff.reset_wording", "staff.tag_view"
}  # fmt: skip
# Of scripts, and of one showing of a form.
NONCES = re.compile(r'(?<=nonce=")[^"]*|(?<=value=")[0-9a-f-]{36}(?=")')
HEADERS = ("Content-Type", "Content-Disposition", "Cache-Control", "ETag", "Link", "Location")

Answer = tuple[int, tuple[str | None, ...], str]


class UnknownArgumentError(LookupError):
    """A new address has a part that the crawl cannot fill in: say what stands for it."""


def without_nonces(page: str) -> str:
    """A page without what is another one whenever it is shown."""
    return NONCES.sub("", without_tokens(page))


def pages(
    app: Flask, values: Mapping[str, Sequence[int | str]], under: tuple[str, ...] = ("/",)
) -> list[str]:
    """Every address `under` these that answers GET, with each of `values` for its variable parts;
    `values` of "<endpoint>.<part>" go before those of the part.

    Raises UnknownArgumentError for a part without values, so that no page is forgotten.
    """
    return [
        page + query
        for endpoint, page in _addresses(app, "GET", values, under)
        for query in ("", *QUERIES.get(endpoint, ()))
    ]


def forms(app: Flask, values: Mapping[str, Sequence[int | str]]) -> list[str]:
    """Every address of the vote that takes a form; see pages()."""
    found = [page for _, page in _addresses(app, "POST", values, FORMS)]
    assert found
    return found


def _addresses(
    app: Flask, method: str, values: Mapping[str, Sequence[int | str]], under: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        is_page = rule.rule.startswith(under) and rule.endpoint != "static"
        if method not in rule.methods or not is_page:
            continue
        names = sorted(rule.arguments)
        choices = [values.get(f"{rule.endpoint}.{name}", values.get(name)) for name in names]
        if None in choices:
            raise UnknownArgumentError(f"{rule} has {names}")
        for chosen in product(*choices):
            given = dict(zip(names, chosen, strict=True))
            yield rule.endpoint, adapter.build(rule.endpoint, given, method)


def crawl(
    session: Session, browser: FlaskClient, looked_at: Iterable[str], sent: Iterable[str] = ()
) -> dict[str, Answer]:
    """The answer of each page, and of each form that is sent empty.

    What a look or a form changed (some looks are audited) is forgotten each time.
    """
    asked = [("GET", page) for page in looked_at] + [("POST", form) for form in sent]
    answers = {}
    for method, page in asked:
        with session.begin_nested() as looking:
            session.connection()  # sets the savepoint, before the page sets its own
            answer = browser.open(page, method=method)
            looking.rollback()
        if method == "POST":
            with browser.session_transaction() as cookie:
                cookie.pop("_flashes", None)  # for the next page, which is not looked at
        headers = tuple(answer.headers.get(name) for name in HEADERS)
        text = without_nonces(answer.get_data(as_text=True))
        answers[f"{method} {page}"] = (answer.status_code, headers, text)
    return answers


def differences(one: Mapping[str, Answer], other: Mapping[str, Answer]) -> dict[str, list[str]]:
    """Which addresses answered differently, and in which lines."""
    assert one.keys() == other.keys()
    return {
        page: list(unified_diff(*(str(each[page]).split("\\n") for each in (one, other)), n=0))
        for page in one
        if one[page] != other[page]
    }


def without_figures(answer: Answer) -> Answer:
    status, headers, text = answer
    return status, headers, re.sub(r"\d[\d.,]*", "#", text)
