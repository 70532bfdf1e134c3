"""What comes from outside, read strictly, and what is wrong with it."""
