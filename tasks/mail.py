"""Tasks of mail: open a transaction, call one function of the feature."""
