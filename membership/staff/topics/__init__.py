"""From a suggestion to a story: the queue, the board, the rounds and series of votes."""
