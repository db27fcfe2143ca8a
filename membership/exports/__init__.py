"""What staff take along as files: made by workers in steps, kept in chunks, gone in a week."""
