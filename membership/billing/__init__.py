"""Giving through Stripe: checkout, subscriptions, donations, events, the MRR ledger."""
