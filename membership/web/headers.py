"""Security headers on every answer, errors too (rule S7), and how long an answer may be kept."""

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from config.settings import settings

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' https: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self' {payment_pages}",
    )
)
STRIPES_PAGES = (
    "https://checkout.stripe.com",
    "https://billing.stripe.com",
    "https://invoice.stripe.com",
)
# Rule R2.
PUBLIC = "public, max-age=60, s-maxage=300, stale-while-revalidate=86400, stale-if-error=86400"
# For what can be taken away: after that it is away everywhere.
PUBLIC_FOR_MINUTES = "public, max-age=60, s-maxage=300"


def keep_public(response: Response, kept: str = PUBLIC) -> Response:
    """Let every cache keep this page: it is the same bytes for everyone. Adds a strong ETag."""
    response.headers["Cache-Control"] = kept
    response.vary.clear()
    response.add_etag()
    response.make_conditional(request)
    return response


class NoSessionOnPublicPages(SecureCookieSessionInterface):
    """Flask-Login looks into the session on every page; a public one neither sets a cookie nor
    varies by it, whatever was looked at.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not response.cache_control.public:
            super().save_session(app, session, response)


def of_every_answer() -> dict[str, str]:
    """The headers that no answer goes without."""
    # After POST /support and its like the browser is sent on to Stripe's pages.
    pages = settings().stripe_api_base or " ".join(STRIPES_PAGES)
    headers = {
        "Content-Security-Policy": POLICY.format(payment_pages=pages),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    if settings().is_secure:
        headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    return headers


def keep_link_secret(response: Response) -> None:
    """Whoever has a link with a `<token>` may use it: no other site and no search engine learns it.

    Neither from its page, nor from its redirects and errors.
    """
    if "token" in (request.view_args or {}):
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex"


def add_headers(response: Response) -> Response:
    headers = response.headers
    keep_link_secret(response)
    for name, value in of_every_answer().items():
        headers.setdefault(name, value)
    if request.endpoint == "static":
        # The address carries a hash of the file, so what is kept is never stale.
        kept = (
            "public, max-age=31536000, immutable"
            if "v" in request.args
            else "public, max-age=86400"
        )
        headers["Cache-Control"] = kept
    else:
        headers.setdefault("Cache-Control", "no-store")
    return response


def init_app(app: Flask) -> None:
    app.session_interface = NoSessionOnPublicPages()
    app.after_request(add_headers)
