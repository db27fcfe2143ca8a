"""Those who give: the list, each one's page, what staff do for them; who comes from elsewhere."""
