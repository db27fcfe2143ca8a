"""A year for somebody else: paid by a friend, or granted from the pool."""
