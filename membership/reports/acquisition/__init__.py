"""Why people come (rule D4)."""
