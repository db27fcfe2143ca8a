"""Tasks of reports: open a transaction, call one function of the feature."""
