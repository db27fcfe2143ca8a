"""From a failed payment until it is recovered or over, and what is said before it can fail."""
