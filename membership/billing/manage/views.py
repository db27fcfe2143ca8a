"""Two doors to the same support: signed in, and by the link in a mail."""

from membership.billing.manage import account, by_link
from membership.billing.manage.pages import blueprint

__all__ = ["account", "blueprint", "by_link"]
