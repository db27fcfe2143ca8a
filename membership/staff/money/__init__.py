"""Money by hand, from the pool and taken back; what Stripe says, and where it differs."""
