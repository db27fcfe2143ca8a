"""The newsroom at a glance (rules D1, D6, D7): what stands, what moved it, whether the books agree."""
