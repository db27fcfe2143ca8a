"""Counts that take seconds with very many accounts: made in the background, shown later."""
