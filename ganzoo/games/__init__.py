"""Games: what a batch is, who plays in which order, and what each player minimises."""
