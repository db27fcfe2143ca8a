"""What readers see on the site: the ask, other ways to give, where the money comes from."""
