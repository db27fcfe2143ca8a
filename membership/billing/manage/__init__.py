"""What patrons do with their own giving: change, pause, cancel, mend the card, leave."""
