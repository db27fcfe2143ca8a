"""The back office pages over all features."""
