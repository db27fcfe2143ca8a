"""Kava: reader support for newsrooms whose reporting is free for everyone."""
