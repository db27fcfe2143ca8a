"""Topics, rounds, ballots, tallies."""
