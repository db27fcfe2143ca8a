"""Pages of gifts and of other ways to support; importing them registers them."""

from membership.billing.gifts import order_pages, reader_pages
from membership.billing.gifts.blueprint import blueprint

__all__ = ["blueprint", "order_pages", "reader_pages"]
