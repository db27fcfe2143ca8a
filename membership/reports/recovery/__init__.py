"""Payments that fail, and what became of them (rule D3)."""
