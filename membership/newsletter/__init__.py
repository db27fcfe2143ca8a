"""The weekly letter for whoever asked for it, and the monthly digest for patrons (rule M8)."""
