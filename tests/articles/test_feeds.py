"""Feeds, sitemaps and robots.txt."""

from datetime import timedelta

from flask.testing import FlaskClient
from lxml import etree
from sqlalchemy.orm import Session

from membership import clock
from membership.articles.models import Article
from tests import factories


def test_the_atom_feed(client: FlaskClient, bridge: Article) -> None:
    """[R3]"""
    tree = etree.fromstring(client.get("/feed.atom").data)
    name = {"a": "http://www.w3.org/2005/Atom"}
    assert tree.xpath("a:entry/a:title/text()", namespaces=name) == [bridge.title]
    assert tree.xpath("a:entry/a:id/text()", namespaces=name) == [
        "http://localhost/articles/bridge"
    ]
    assert tree.xpath("a:entry/a:content/text()", namespaces=name) == [bridge.body_html]
    assert tree.xpath("a:updated/text()", namespaces=name) == ["2026-03-02T12:00:00+00:00"]
    assert (
        etree.fromstring(client.get("/uk/feed.atom").data).xpath("a:entry", namespaces=name) == []
    )


def test_the_json_feed(client: FlaskClient, bridge: Article) -> None:
    """[R3]"""
    response = client.get("/feed.json")
    assert response.mimetype == "application/feed+json"
    feed = response.get_json(force=True)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == "http://localhost/feed.json"
    (item,) = feed["items"]
    assert item["content_html"] == bridge.body_html
    assert item["tags"] == ["City", "Transport"]


def test_sitemaps(client: FlaskClient, session: Session, bridge: Article) -> None:
    """[R3]"""
    today = clock.now() - timedelta(hours=1)
    factories.article(session, slug="mist", language="uk", published_at=today)
    name = {
        "s": "http://www.sitemaps.org/schemas/sitemap/0.9",
        "n": "http://www.google.com/schemas/sitemap-news/0.9",
    }
    whole = etree.fromstring(client.get("/sitemap.xml").data)
    assert whole.xpath("s:url/s:loc/text()", namespaces=name) == [
        "http://localhost/",
        "http://localhost/uk/",
        "http://localhost/uk/articles/mist",
        "http://localhost/articles/bridge",
    ]
    news = etree.fromstring(client.get("/news-sitemap.xml").data)
    assert news.xpath("s:url/s:loc/text()", namespaces=name) == [
        "http://localhost/uk/articles/mist"
    ]
    assert news.xpath("//n:language/text()", namespaces=name) == ["uk"]
    robots = client.get("/robots.txt")
    assert robots.mimetype == "text/plain"
    assert "Sitemap: http://localhost/news-sitemap.xml" in robots.text.splitlines()
    assert "Disallow: /uk/account" in robots.text.splitlines()
