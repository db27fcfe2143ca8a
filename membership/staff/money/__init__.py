"""Money beside what patrons give by themselves: by hand, from the pool, taken back; and what Stripe says of it."""
