"""What trials take, and what a sweep has used: passes, memory, hours, budgets."""
