"""A trial in the store: its attempts, its result, its evaluations."""
