"""The newsroom at a glance: what stands, what moved it, whether the books agree (rules D1, D7)."""
