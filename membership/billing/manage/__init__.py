"""What patrons do with their own support: change, pause, cancel, with and without signing in."""
