"""Pages on which a person decides about what is kept of them."""
