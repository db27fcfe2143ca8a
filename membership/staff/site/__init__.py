"""What readers see on the site: the ask, other ways to give, the page of where the money comes from."""
