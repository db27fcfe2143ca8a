"""Who takes part (rule D5)."""
