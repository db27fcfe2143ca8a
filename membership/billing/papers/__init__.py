"""Receipts and annual statements: numbered, and frozen once issued."""
