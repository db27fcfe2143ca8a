"""Tasks of voting: open a transaction, call one function of the feature."""
