"""Stand-ins for the outside world, for the demo and the tests; the product never imports them."""
