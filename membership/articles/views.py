"""The pages of journalism, and the same for programs: feeds and sitemaps.

All are the same bytes for everyone, complete without scripts and cookies (rules R1, R2).
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    json,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from config.settings import settings
from membership import clock
from membership.articles import ask, counting, experiments, metadata, stories
from membership.articles.models import Article
from membership.db import statements, transaction
from membership.web import access, csrf, headers
from membership.web.languages import address, current_language, prefix

blueprint = Blueprint("articles", __name__)

# A news sitemap lists the last two days: developers.google.com/search/docs/crawling-indexing/
# sitemaps/news-sitemap
NEWS = timedelta(days=2)
NEWS_LIMIT = 1_000
# What a page may tell of itself is shorter than this.
LONGEST_TELLING = 1_000
_bound = counting.Bound()


@blueprint.get("/")
@access.anyone
def front() -> Response:
    language = current_language()
    before = _number("before")
    with transaction() as session:
        found = stories.latest(session, language, before=before)
        tags = stories.frequent_tags(session, language)
    return _page(
        "front.html",
        lead=found[0] if found and before is None else None,
        articles=found[1:] if before is None else found,
        older=_older("articles.front", found),
        tags=tags,
        alternates=_alternates("articles.front"),
        is_first_page=before is None,
    )


@blueprint.get("/articles/<slug>")
@access.anyone
def show(slug: str) -> AnyResponse:
    """A story stands under its own language; under another it is sent there."""
    with transaction() as session:
        article = stories.find(session, slug)
        if article is None:
            abort(404)
        if article.language != current_language():
            right = f"{prefix(article.language)}{request.path}"
            return headers.keep_public(make_response(redirect(right, 301)))
        related = stories.related(session, article)
        experiment = experiments.running(session, article.language)
    site, currency = settings(), ask.preset_currency(settings(), article.language)
    return _page(
        "article.html",
        article=article,
        revised_at=metadata.revised_at(article),
        related=related,
        canonical=metadata.url(article),
        image=metadata.absolute(article.image_url) if article.image_url else None,
        json_ld=metadata.news_article(article),
        amounts=ask.amounts(site, currency),
        offers=ask.offers(site, article.language),
        experiment=experiment,
        # The story exists in this language alone.
        language_url=_front_or_here(article),
    )


@blueprint.post("/count")
@access.anyone
def count() -> tuple[str, int]:
    """A page that was shown tells of itself: fields `step`, `article` (a slug), `variant`.

    204 whatever it says: nothing waits for the answer, and nobody learns from it.
    """
    seen = None
    # Another site's pages must not count through their readers' browsers.
    is_ours = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    if is_ours and (request.content_length or 0) <= LONGEST_TELLING:
        said = request.form
        seen = counting.told(*(said.get(name, "") for name in ("step", "article", "variant")))
    if seen and _bound.admits(request.remote_addr or "", clock.now()):
        with statements() as session:
            counting.add(session, seen)
    return "", 204


# No form of ours, and nothing of the reader's is changed.
csrf.exempt(count)


@blueprint.get("/tags/<slug>")
@access.anyone
def tag(slug: str) -> Response:
    with transaction() as session:
        found = stories.find_tag(session, slug)
        if found is None:
            abort(404)
        articles = stories.tagged(session, found, current_language(), before=_number("before"))
    return _page(
        "tag.html",
        tag=found,
        articles=articles,
        older=_older("articles.tag", articles, slug=slug),
        alternates=_alternates("articles.tag", slug=slug),
    )


@blueprint.get("/search")
@access.anyone
def search() -> Response:
    words = " ".join(request.args.get("q", "").split())
    with transaction() as session:
        found = stories.search(session, words, current_language())
    return _page("search.html", words=words, articles=found)


@blueprint.get("/feed.atom")
@access.anyone
def atom_feed() -> Response:
    language = current_language()
    with transaction() as session:
        articles = stories.with_text(session, language)
    changes = [metadata.revised_at(each) or each.published_at for each in articles]
    changed_at = max(
        changes, default=clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    )
    return _file("feed.xml", "application/atom+xml", articles=articles, changed_at=changed_at)


@blueprint.get("/feed.json")
@access.anyone
def json_feed() -> Response:
    language = current_language()
    with transaction() as session:
        articles = stories.with_text(session, language)
    feed = metadata.json_feed(list(articles), language)
    return _public(json.dumps(feed, ensure_ascii=False), "application/feed+json")


@blueprint.get("/sitemap.xml")
@access.anyone
def sitemap() -> Response:
    with transaction() as session:
        rows = stories.for_sitemap(session)
    return _file("sitemap.xml", "application/xml", rows=rows)


@blueprint.get("/news-sitemap.xml")
@access.anyone
def news_sitemap() -> Response:
    with transaction() as session:
        rows = stories.for_sitemap(session, since=clock.now() - NEWS, limit=NEWS_LIMIT)
    return _file("news-sitemap.xml", "application/xml", rows=rows)


@blueprint.get("/robots.txt")
@access.anyone
def robots() -> Response:
    first = settings().languages[0]
    closed = ["/account", "/staff", "/sign-in", "/unsubscribe", "/search"]
    others = [f"/{code}{path}" for code in settings().languages[1:] for path in closed]
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed + others), ""]
    lines += [
        f"Sitemap: {address(f'articles.{name}', first)}" for name in ("sitemap", "news_sitemap")
    ]
    return _public("\n".join(lines) + "\n", "text/plain")


def _page(template: str, **values: Any) -> Response:
    return headers.keep_public(make_response(render_template(f"articles/{template}", **values)))


def _number(name: str) -> int | None:
    """A number from the query; an address with anything else there has never existed."""
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        abort(404)
    return int(text)


def _older(endpoint: str, articles: Sequence[Article], **values: Any) -> str:
    """Where the list goes on; nowhere when this page was not full."""
    if len(articles) < stories.ON_A_PAGE:
        return ""
    return url_for(endpoint, before=articles[-1].id, **values)


def _alternates(endpoint: str, **values: str) -> list[tuple[str, str]]:
    """(language, address) of a page that exists in every language."""
    return [(code, address(endpoint, code, **values)) for code in settings().languages]


def _front_or_here(article: Article) -> Callable[[str], str]:
    def language_url(code: str) -> str:
        return prefix(code) + (request.path if code == article.language else "/")

    return language_url


def _file(template: str, kind: str, **values: Any) -> Response:
    text = render_template(
        f"articles/{template}",
        url=metadata.url,
        address=address,
        absolute=metadata.absolute,
        revised_at=metadata.revised_at,
        **values,
    )
    return _public(text, kind)


def _public(text: str, kind: str) -> Response:
    response = make_response(text)
    response.content_type = f"{kind}; charset=utf-8"
    return headers.keep_public(response)
