"""Patrons who come from elsewhere: from Stripe, and from the exports of other platforms."""
