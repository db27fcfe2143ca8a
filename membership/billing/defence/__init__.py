"""Against those who test stolen cards on the support form (rule B16)."""
