"""Who stays and who leaves (rule D2)."""
