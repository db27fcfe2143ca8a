"""The pages of journalism as a browser and a program get them."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask import session as session_cookie
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config.settings import Settings
from membership.articles import ask, stories
from membership.articles.models import Article
from membership.billing.door import StripesDoor
from membership.web import cookies
from membership.web.cache import PageCache
from tests import factories
from tests.articles.reading import counted, headlines, page, select, tagged, text

SCRIPT = Path("membership/web/static/js/ask.js")
PUBLIC = "public, max-age=60, s-maxage=300, stale-while-revalidate=86400, stale-if-error=86400"


ADDRESSES = [
    "/",
    "/uk/",
    "/articles/bridge",
    "/tags/transport",
    "/search?q=bridge",
    "/search",
    "/feed.atom",
    "/feed.json",
    "/sitemap.xml",
    "/news-sitemap.xml",
    "/robots.txt",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_is_public_and_sets_no_cookie(
    client: FlaskClient,
    session: Session,
    bridge: Article,
    signed_in: Callable[[Session, Any], FlaskClient],
    address: str,
) -> None:
    """[R1] [R2] The same bytes for everyone, signed in or not."""
    stranger = client.get(address)
    assert stranger.headers["Cache-Control"] == PUBLIC
    assert stranger.headers["Vary"] == "Accept-Encoding"
    assert stranger.headers["ETag"].startswith('"')
    assert "Content-Security-Policy" in stranger.headers
    patron = signed_in(session, factories.patron(session)).get(address)
    for response in (stranger, patron):
        assert "Set-Cookie" not in response.headers
    assert patron.data == stranger.data
    assert patron.headers["Vary"] == "Accept-Encoding"
    again = client.get(address, headers={"If-None-Match": stranger.headers["ETag"]})
    assert again.status_code == 304


def test_a_public_page_leaves_the_session_alone(
    app: Flask, client: FlaskClient, bridge: Article
) -> None:
    """[R2] Whatever was written into the session meanwhile: the page may stand in any cache."""
    app.before_request_funcs[None].append(lambda: session_cookie.update(seen="bridge"))
    try:
        response = client.get("/articles/bridge")
        assert response.status_code == 200
        assert "Set-Cookie" not in response.headers
        assert response.headers["Vary"] == "Accept-Encoding"
        assert "Set-Cookie" in client.get("/sign-in").headers
    finally:
        app.before_request_funcs[None].pop()


def test_an_article_has_all_its_parts(client: FlaskClient, bridge: Article) -> None:
    """[R1] Complete without JavaScript."""
    tree = page(client, "/articles/bridge")
    said = {
        ".kicker": "City",
        "h1": "The “bridge” is open </script><b>",
        ".standfirst": "What happened, in one sentence.",
        ".byline-author": "Olha Example",
        ".byline time": "2 March 2026, 14:00 EET",
        ".prose > p": "First.",
        ".prose > .pull": "Pulled.",
        ".corrections > p": "The river was misnamed.",
        ".topic-origin": "You asked, we reported. This story began with the topic “The river” "
        "in our patrons’ vote “What next?”.",
    }
    for selector, words in said.items():
        (found,) = select(tree, f"main article {selector}")
        assert text(found) == words
    (caption,) = select(tree, ".figure figcaption")
    assert text(caption) == "In fog. Agency"
    (picture,) = select(tree, ".figure img")
    assert (picture.get("alt"), picture.get("loading")) == ("A bridge", None)
    assert [tag.get("href") for tag in select(tree, ".tag")] == ["/tags/city", "/tags/transport"]
    ways = [link.get("href") for link in select(tree, ".topic-origin a")]
    assert ways == ["/topics/reported", "/topics/the-river", "/rounds/7"]
    assert not tree.xpath("//@style | //@onclick | //@onload")
    assert all(script.get("src") or script.get("type") for script in tree.iter("script"))


def test_an_article_tells_machines_what_it_is(client: FlaskClient, bridge: Article) -> None:
    """[R3]"""
    tree = page(client, "/articles/bridge")
    (data,) = tree.xpath("//script[@type='application/ld+json']")
    said = json.loads(data.text)
    assert said["@type"] == "NewsArticle"
    assert said["isAccessibleForFree"] is True
    assert said["headline"] == bridge.title
    assert said["author"] == {"@type": "Person", "name": "Olha Example"}
    assert said["image"] == "http://localhost/static/images/demo/bridge.svg"
    assert said["datePublished"] == "2026-03-02T12:00:00+00:00"
    assert said["inLanguage"] == "en"
    meta = {each.get("property"): each.get("content") for each in tree.xpath("//meta[@property]")}
    assert meta["og:type"] == "article"
    assert meta["og:title"] == bridge.title
    assert meta["og:image"] == "http://localhost/static/images/demo/bridge.svg"
    canonical = "http://localhost/articles/bridge"
    assert meta["og:url"] == said["url"] == canonical
    assert tree.xpath("//link[@rel='canonical']/@href") == [canonical]
    assert tree.xpath("//link[@hreflang]/@href") == [canonical]


def test_a_changed_article_says_when(
    client: FlaskClient, session: Session, bridge: Article
) -> None:
    assert "Updated" not in select(page(client, "/articles/bridge"), ".byline")[0].text_content()
    bridge.updated_at = bridge.created_at + timedelta(days=1)
    session.flush()
    assert "Updated" in select(page(client, "/articles/bridge"), ".byline")[0].text_content()


def test_an_article_stands_under_its_own_language(client: FlaskClient, session: Session) -> None:
    """[R3]"""
    factories.article(session, slug="mist", language="uk", title="Міст")
    factories.article(session, slug="bridge", language="en")
    wrong = client.get("/articles/mist")
    assert (wrong.status_code, wrong.headers["Location"]) == (301, "/uk/articles/mist")
    assert "Set-Cookie" not in wrong.headers
    assert wrong.headers["Cache-Control"] == PUBLIC
    assert client.get("/uk/articles/bridge").headers["Location"] == "/articles/bridge"
    tree = page(client, "/uk/articles/mist")
    assert tree.get("lang") == "uk"
    links = {each.get("hreflang"): each.get("href") for each in select(tree, ".languages a")}
    assert links == {"en": "/", "uk": "/uk/articles/mist"}
    assert tree.xpath("//link[@rel='canonical']/@href") == ["http://localhost/uk/articles/mist"]


def test_pages_in_all_languages_name_one_another(client: FlaskClient) -> None:
    """[R3]"""
    tree = page(client, "/uk/")
    assert tree.xpath("//link[@rel='canonical']/@href") == ["http://localhost/uk/"]
    there = {each.get("hreflang"): each.get("href") for each in tree.xpath("//link[@hreflang]")}
    first = "http://localhost/"
    assert there == {"en": first, "uk": "http://localhost/uk/", "x-default": first}


def test_the_front_page_has_the_newest_first(client: FlaskClient, session: Session) -> None:
    for day in range(45):
        at = factories.NOON + timedelta(days=day)
        factories.article(session, title=f"Day {day}", published_at=at)
    tagged(session, "city", language="uk", title="День")
    tree = page(client, "/")
    shown = headlines(tree)
    assert select(tree, ".story[data-lead] .story-title")[0].text_content() == "Day 44"
    while older := select(tree, ".pager a[rel=next]"):
        tree = page(client, older[0].get("href"))
        shown += headlines(tree)
    assert shown == [f"Day {day}" for day in reversed(range(45))]
    ukrainian = page(client, "/uk/")
    assert headlines(ukrainian) == ["День"]
    assert [tag.get("href") for tag in select(ukrainian, ".front-side a")] == ["/uk/tags/city"]


@pytest.mark.parametrize("before", ["x", "-1", "٣", "9" * 30])
def test_an_address_that_never_was(client: FlaskClient, before: str) -> None:
    assert client.get(f"/?before={before}").status_code == 404


def test_an_empty_house_says_so(client: FlaskClient, session: Session) -> None:
    assert "No stories yet" in client.get("/").text
    assert client.get("/articles/none").status_code == 404
    assert client.get("/tags/none").status_code == 404
    assert "Set-Cookie" not in client.get("/articles/none").headers


def test_related_stories_share_tags_then_are_new(client: FlaskClient, session: Session) -> None:
    tagged(session, "a", "b", slug="this")
    day = timedelta(days=1)
    tagged(session, "a", title="One tag, new", published_at=factories.NOON + day)
    tagged(session, "a", "b", title="Two tags, old", published_at=factories.NOON - day)
    tagged(session, title="No tag, older", published_at=factories.NOON)
    tagged(session, title="No tag, newest", published_at=factories.NOON + 3 * day)
    tagged(session, "a", "b", title="Інша мова", language="uk")
    assert headlines(page(client, "/articles/this")) == [
        "Two tags, old",
        "One tag, new",
        "No tag, newest",
    ]


def test_stories_of_one_moment_stand_in_one_order(session: Session) -> None:
    """However the database happens to find them, such as after one of them was changed."""
    tagged(session, "a", slug="this")
    others = [tagged(session, "a", slug=f"other-{number}") for number in range(3)]

    def shown() -> tuple[list[str], list[str]]:
        this = stories.find(session, "this")
        assert this is not None
        related = [each.slug for each in stories.related(session, this)]
        return related, [each.slug for each in stories.for_sitemap(session)]

    before = shown()
    for each in reversed(others):
        each.kicker = "Now"
        session.flush()
    assert shown() == before
    assert before == (["other-2", "other-1", "other-0"], ["other-2", "other-1", "other-0", "this"])


def test_search_finds_words_and_their_forms(client: FlaskClient, session: Session) -> None:
    factories.article(session, title="Bread", body_html='<p>The harbour <b class="x">works</b></p>')
    factories.article(session, title="Harbour lights")
    factories.article(session, title="Як залізниці тримають розклад", language="uk")
    assert headlines(page(client, "/search?q=harbour")) == ["Harbour lights", "Bread"]
    assert headlines(page(client, "/search?q=harbour+-works")) == ["Harbour lights"]
    assert headlines(page(client, "/uk/search?q=залізниця")) == ["Як залізниці тримають розклад"]
    assert headlines(page(client, "/search?q=class")) == []
    assert headlines(page(client, "/search?q=залізниця")) == []


@pytest.mark.parametrize("words", ["'", '"', "%", "\\", "<b>&", "a:* | !", "%00", "x" * 5000, "-"])
def test_any_search_is_answered(client: FlaskClient, session: Session, words: str) -> None:
    factories.article(session)
    assert headlines(page(client, f"/search?q={words}")) == []


@pytest.mark.parametrize(
    ("address", "queries"),
    [
        # One on each page with a foot: whether it links to where the money comes from, which is
        # kept for as long as pages are.
        ("/", 3),
        ("/articles/story-1", 4),
        ("/tags/all", 3),
        ("/search?q=story", 2),
        ("/feed.atom", 2),
        ("/feed.json", 2),
        ("/sitemap.xml", 1),
        ("/news-sitemap.xml", 1),
        ("/robots.txt", 0),
    ],
)
def test_the_number_of_queries_is_constant(
    client: FlaskClient, session: Session, engine: Engine, address: str, queries: int
) -> None:
    for number in range(30):
        tagged(session, "all", f"t{number}", f"x{number}")
    with counted(engine) as statements:
        assert client.get(address).status_code == 200
    assert len(statements) == queries, statements


def test_the_ask_offers_a_coffee_in_the_languages_currency(
    client: FlaskClient, session: Session
) -> None:
    """[R5]"""
    factories.article(session, slug="bridge")
    factories.article(session, slug="mist", language="uk")
    (english,) = select(page(client, "/articles/bridge"), ".ask")
    (ukrainian,) = select(page(client, "/uk/articles/mist"), ".ask")
    assert select(english, "[data-coffee]")[0].text_content() == "€4"
    assert select(ukrainian, "[data-coffee]")[0].text_content() == "90\xa0₴"
    links = [link.get("href") for link in select(english, "a[data-offer]")]
    start = "/support?amount="
    assert links == [
        f"{start}4&interval=month&currency=EUR&from=bridge",
        f"{start}12&interval=month&currency=EUR&from=bridge",
        f"{start}32&interval=month&currency=EUR&from=bridge",
        f"{start}other&interval=month&currency=EUR&from=bridge",
        f"{start}4&interval=month&currency=EUR&from=bridge",
    ]
    assert select(ukrainian, "a[data-offer]")[0].get("href") == (
        "/uk/support?amount=90&interval=month&currency=UAH&from=mist"
    )
    offers = json.loads(english.get("data-offers"))
    assert offers["USD"][0] == ["5", "$5"]
    assert set(offers) == {"EUR", "USD", "UAH", "GBP"}
    assert select(english, ".ask-other")[0].get("href") == "/support/other-ways"


def test_a_currency_that_is_not_offered_is_not_preset(settings: Settings) -> None:
    def only(currency: str) -> Settings:
        return Settings(_env_file=None, **(settings.model_dump() | {"currencies": (currency,)}))

    assert ask.preset_currency(only("EUR"), "uk") == "EUR"
    dinars = [("1.5", "KWD\xa01.500"), ("4.5", "KWD\xa04.500"), ("12", "KWD\xa012")]
    assert ask.offers(only("KWD"), "en") == {"KWD": dinars}


def test_the_script_knows_the_patrons_cookie() -> None:
    """[R5] The ask is never shown to patrons."""
    assert f'"{cookies.PATRON}=1"' in SCRIPT.read_text()


def test_the_cache_stands_outermost(app: Flask) -> None:
    """[R2] Its key is the whole path, the language's prefix included. Only Stripe comes before."""
    assert isinstance(app.wsgi_app, StripesDoor)
    assert isinstance(app.wsgi_app.wrapped, PageCache)
