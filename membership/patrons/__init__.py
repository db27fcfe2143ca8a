"""Who gives or gave, as a list of any size is asked for: one row each, saved views, tags."""
