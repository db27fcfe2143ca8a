"""`flask doctor`: whether this newsroom's surroundings are as they must be (rule M11)."""
