"""The one cookie that pages may read themselves, and that nothing on the server ever reads."""

from werkzeug.wrappers import Response

from config.settings import settings

# Says no more than that this browser's reader already gives, so that js/ask.js hides the ask
# (rule R5): the page itself is the same bytes for everyone.
PATRON = "patron"
A_YEAR = 365 * 24 * 60 * 60


def mark_patron(response: Response) -> None:
    """Show no ask in this browser from now on; after a gift, and when a patron signs in."""
    response.set_cookie(
        PATRON, "1", max_age=A_YEAR, secure=settings().is_secure, httponly=False, samesite="Lax"
    )


def unmark_patron(response: Response) -> None:
    """Show the ask again; when support has ended, and on signing out."""
    response.delete_cookie(PATRON, secure=settings().is_secure, httponly=False, samesite="Lax")
