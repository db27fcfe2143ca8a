"""How few people are too few to be told of. Pure."""

# Rule S10: a group smaller than this could single a person out.
SMALLEST_GROUP = 5
