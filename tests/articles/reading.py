"""What the tests of pages share: asking for a page and finding things on it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask.testing import FlaskClient
from lxml import html
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from membership.articles.models import Article, Tag
from tests import factories

PART = re.compile(r"(?P<tag>^\w+)|\.(?P<class>[\w-]+)|\[(?P<name>[\w-]+)(?:=(?P<value>[\w-]+))?\]")


def page(client: FlaskClient, address: str) -> html.HtmlElement:
    response = client.get(address)
    assert response.status_code == 200, response.text
    return html.fromstring(response.text)


def select(tree: html.HtmlElement, selector: str) -> list[html.HtmlElement]:
    """Elements by tag, class and attribute; a space means below, " > " directly below."""
    path = "."
    for step in selector.replace(" > ", " >").split():
        path += "/*" if step.startswith(">") else "//*"
        for part in PART.finditer(step.lstrip(">")):
            if part["tag"]:
                path += f"[self::{part['tag']}]"
            elif part["class"]:
                path += f"[contains(concat(' ', @class, ' '), ' {part['class']} ')]"
            else:
                path += f"[@{part['name']}" + (f"='{part['value']}']" if part["value"] else "]")
    return list(tree.xpath(path))


def text(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def headlines(tree: html.HtmlElement) -> list[str]:
    return [text(link) for link in select(tree, ".story-title a")]


def tagged(session: Session, *slugs: str, **values: Any) -> Article:
    """An article that bears the tags with these slugs, named "City" for "city"."""
    found = {tag.slug: tag for tag in session.query(Tag)}
    tags = [found.get(slug) or Tag(slug=slug, name=slug.title()) for slug in slugs]
    article: Article = factories.article(session, tags=tags, **values)
    return article


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that run inside the block, without savepoints."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "SAVEPOINT" not in statement:
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
