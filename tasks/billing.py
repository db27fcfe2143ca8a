"""Tasks of billing: open a transaction, call one function of the feature."""
