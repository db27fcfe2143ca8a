"""What we write: campaigns, the wording of our mails, and what became of them."""
