"""Articles: import, pages, feeds, related stories."""
