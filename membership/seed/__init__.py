"""A newsroom to look at: "The Courier", its stories, its patrons and what they voted for."""
