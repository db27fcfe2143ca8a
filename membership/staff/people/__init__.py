"""Those who give: the list of patrons, each one’s page, what staff do for them; who comes from elsewhere."""
