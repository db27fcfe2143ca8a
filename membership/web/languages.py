"""Languages stand in the path, so that no page varies by header or cookie.

The first language has no prefix; `/uk/support` is `/support` in Ukrainian. The prefix moves into
SCRIPT_NAME before Flask sees the request, so url_for() stays in the language by itself.
"""

from collections.abc import Iterable
from typing import Any

from babel import Locale
from flask import current_app, has_request_context, request
from flask_babel import Babel

from config.settings import settings

ENVIRON_KEY = "kava.language"


class LanguagePrefix:
    """WSGI middleware that takes a language off the path."""

    def __init__(self, wrapped: Any, languages: tuple[str, ...]) -> None:
        self.wrapped = wrapped
        self.first, *self.others = languages

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        head, _, rest = environ["PATH_INFO"].lstrip("/").partition("/")
        environ[ENVIRON_KEY] = self.first
        if head in self.others:
            environ[ENVIRON_KEY] = head
            environ["SCRIPT_NAME"] = f"{environ.get('SCRIPT_NAME', '')}/{head}"
            environ["PATH_INFO"] = f"/{rest}"
        answer: Iterable[bytes] = self.wrapped(environ, start_response)
        return answer


def current_language() -> str:
    """The language of this page; outside of a request, the site's first."""
    if has_request_context():
        language: str = request.environ.get(ENVIRON_KEY, settings().languages[0])
        return language
    return settings().languages[0]


def language_choices() -> list[tuple[str, str]]:
    """(code, name in that language) of every offered language."""
    return [
        (code, (Locale.parse(code).get_display_name(code) or code).capitalize())
        for code in settings().languages
    ]


def language_url(code: str) -> str:
    """The path of this page in another language."""
    query = f"?{request.query_string.decode()}" if request.query_string else ""
    return f"{prefix(code)}{request.path}{query}"


def prefix(code: str) -> str:
    """What stands before every path in `code`: nothing for the first language."""
    return "" if code == settings().languages[0] else f"/{code}"


def address(endpoint: str, language: str, **values: Any) -> str:
    """The whole public address of a page in a language; for mails, feeds and redirects."""
    routes = current_app.url_map.bind("", script_name=f"{prefix(language)}/")
    return settings().public_url + routes.build(endpoint, values)


def init_app(app: Any) -> None:
    configured = app.extensions["kava.settings"]
    app.wsgi_app = LanguagePrefix(app.wsgi_app, configured.languages)
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "membership/translations"
    Babel(
        app,
        default_locale=configured.languages[0],
        default_timezone=configured.time_zone,
        locale_selector=current_language,
    )
