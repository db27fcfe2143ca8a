"""What a story says about itself to machines: JSON-LD (schema.org/NewsArticle) and JSON Feed."""

from datetime import datetime
from typing import Any

from config.settings import settings
from membership.articles.models import Article
from membership.web.languages import address

FEED_VERSION = "https://jsonfeed.org/version/1.1"


def url(article: Article) -> str:
    """The one public address of a story."""
    return address("articles.show", article.language, slug=article.slug)


def absolute(link: str) -> str:
    """A link of our own with the site's address before it; any other as it is."""
    return f"{settings().public_url}{link}" if link.startswith("/") else link


def revised_at(article: Any) -> datetime | None:
    """When the story was last changed after it came in."""
    changed: datetime = article.updated_at
    return changed if changed > article.created_at else None


def news_article(article: Article) -> dict[str, Any]:
    """JSON-LD of one story: free to read, and by whom."""
    site = settings()
    publisher = {"@type": "NewsMediaOrganization", "name": site.site_name, "url": site.public_url}
    said: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": article.title,
        "description": article.standfirst,
        "inLanguage": article.language,
        "url": url(article),
        "mainEntityOfPage": url(article),
        "isAccessibleForFree": True,
        "datePublished": article.published_at.isoformat(),
        "dateModified": (revised_at(article) or article.published_at).isoformat(),
        "author": {"@type": "Person", "name": article.byline} if article.byline else publisher,
        "publisher": publisher,
        "keywords": [tag.name for tag in article.tags],
        "articleSection": article.kicker,
        "correction": article.correction,
        "image": absolute(article.image_url) if article.image_url else None,
    }
    return {name: value for name, value in said.items() if value not in (None, "", [])}


def json_feed(articles: list[Article], language: str) -> dict[str, Any]:
    """JSON Feed 1.1 with the whole text of each story."""
    return {
        "version": FEED_VERSION,
        "title": settings().site_name,
        "home_page_url": address("articles.front", language),
        "feed_url": address("articles.json_feed", language),
        "language": language,
        "items": [_feed_item(article) for article in articles],
    }


def _feed_item(article: Article) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": url(article),
        "url": url(article),
        "title": article.title,
        "summary": article.standfirst,
        "content_html": article.body_html,
        "date_published": article.published_at.isoformat(),
        "date_modified": (revised_at(article) or article.published_at).isoformat(),
        "language": article.language,
        "tags": [tag.name for tag in article.tags],
        "authors": [{"name": article.byline}] if article.byline else None,
        "image": absolute(article.image_url) if article.image_url else None,
    }
    return {name: value for name, value in item.items() if value not in (None, "", [])}
