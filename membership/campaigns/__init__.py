"""Letters that staff write: to an audience, counted and frozen, each sent once (rule M3)."""
